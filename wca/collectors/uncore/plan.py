"""Which events are to be opened on which PMU outside of the CPUs, together with which others."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from wca.collectors.api import NodeTarget
from wca.errors import ValidationError
from wca.linux.perf.cpu_model import CpuModel, read_cpu_model
from wca.linux.perf.pmu import Pmu, pmu_names, read_pmus
from wca.linux.perf.uncore_names import UncoreCount, UncoreName, counts_on, pmu_kind, same_kind

__all__ = ["Piece", "Unit", "UncoreRequest", "plan_uncore"]

# Every PMU outside of the CPUs has at least so many counters: drivers in arch/x86/events.
_COUNTERS = 4

#: What is counted for one metric on one PMU.
Unit = tuple[UncoreCount, ...]


@dataclass(frozen=True, slots=True)
class UncoreRequest:
    """Events that were written together.

    Args:
        names: of the events.
        exact: whether they are wanted as one group; else as groups that any PMU has room for.
    """

    names: tuple[UncoreName, ...]
    exact: bool


@dataclass(frozen=True, slots=True)
class Piece:
    """Events to be opened as one group, on each of the PMU's CPUs.

    Args:
        pmu: whose events.
        units: by metric.
    """

    pmu: Pmu
    units: tuple[Unit, ...]


def plan_uncore(
    requests: Iterable[UncoreRequest], node: NodeTarget, refused: dict[str, str]
) -> list[Piece]:
    """What can be opened. Only PMUs that an event is wanted of are looked at.

    Args:
        requests: what is wanted.
        node: where PMUs and processor are read from.
        refused: takes the reason for each metric that no PMU has an event for.
    """
    requests = list(requests)
    model = read_cpu_model(node)
    kinds = _kinds(requests, model, refused)
    wanted = frozenset(kinds.values())
    pmus = read_pmus(node, lambda name: any(same_kind(name, kind) for kind in wanted))
    for metric, kind in kinds.items():
        if not any(same_kind(name, kind) for name in pmus):
            there = ", ".join(pmu_names(node)) or "none at all"
            refused[metric] = f"there is no PMU {kind} here (there is {there})"
    pieces: list[Piece] = []
    counted: set[str] = set()
    reasons: dict[str, str] = {}
    for request in requests:
        for pmu in pmus.values():
            names = [
                name
                for name in request.names
                if name.metric in kinds and same_kind(pmu.name, kinds[name.metric])
            ]
            units = _units(names, pmu, model, reasons)
            counted.update(unit[0].event.name for unit in units)
            groups = [units] if request.exact else _divided(units)
            pieces += [Piece(pmu, tuple(group)) for group in groups if group]
    refused.update((metric, why) for metric, why in reasons.items() if metric not in counted)
    return pieces


def _kinds(
    requests: Iterable[UncoreRequest], model: CpuModel | None, refused: dict[str, str]
) -> Mapping[str, str]:
    """The kind of PMU of each metric."""
    kinds: dict[str, str] = {}
    for request in requests:
        for name in request.names:
            try:
                kinds[name.metric] = pmu_kind(name, model)
            except ValidationError as error:
                refused[name.metric] = str(error)
    return kinds


def _units(
    names: Iterable[UncoreName], pmu: Pmu, model: CpuModel | None, reasons: dict[str, str]
) -> list[Unit]:
    units: list[Unit] = []
    for name in names:
        try:
            units.append(tuple(counts_on(name, pmu, model)))
        except ValidationError as error:
            reasons[name.metric] = str(error)
    return units


def _divided(units: Sequence[Unit]) -> list[list[Unit]]:
    """Groups of at most ``_COUNTERS`` events; those of a metric in one, where they fit."""
    groups: list[list[Unit]] = []
    for unit in units:
        for start in range(0, len(unit), _COUNTERS):
            part = unit[start : start + _COUNTERS]
            if not groups or sum(map(len, groups[-1])) + len(part) > _COUNTERS:
                groups.append([])
            groups[-1].append(part)
    return groups
