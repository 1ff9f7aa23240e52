"""Names of events outside of the CPUs: of memory controllers, links between sockets and caches.

===================================  ============================================================
written                              what it is
===================================  ============================================================
``platform_cas_count_reads``         what the tables of ``wca.linux.perf.tables`` have for the
                                     processor; what stands after a ``/`` is ignored
``name/uncore_imc/event=4,umask=3/`` terms of a PMU, all numbers hexadecimal; ``name`` is the metric
``name/uncore_imc/cas_count_read/``  an event that the kernel names
``uncore_imc/cas_count_read/``       the same; its metric is ``platform_uncore_imc_cas_count_read``
===================================  ============================================================

``uncore_imc`` stands for ``uncore_imc_0``, ``uncore_imc_1`` and so on, ``msr`` for itself.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from wca.errors import ValidationError
from wca.linux.perf.cpu_model import CpuModel, event_family
from wca.linux.perf.events import PerfEvent
from wca.linux.perf.names import LONGEST_NAME, METRIC_NAME, metric_part
from wca.linux.perf.pmu import Pmu, encode
from wca.linux.perf.pmu_terms import parse_terms
from wca.linux.perf.tables import UNCORE, UNCORE_NAMES, Uncore

__all__ = [
    "UncoreCount",
    "UncoreName",
    "counts_on",
    "parse_uncore_group",
    "parse_uncore_name",
    "pmu_kind",
    "same_kind",
]

_PMU = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*", re.ASCII)
_EVENT = re.compile(r"[a-zA-Z][a-zA-Z0-9_.-]*", re.ASCII)
_FORMS = "write name/pmu/event=0x4,umask=0x3/, or pmu/event/ with an event that the kernel names"

# What the kernel itself names, for processors that have no table.
_KERNELS_OWN = MappingProxyType(
    {
        "platform_cas_count_reads": ("uncore_imc", "cas_count_read"),
        "platform_cas_count_writes": ("uncore_imc", "cas_count_write"),
        "platform_imc_clockticks": ("uncore_imc", "clockticks"),
    }
)
# From the unit of an event to the one that is exported.
_BASE_UNITS = MappingProxyType({"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30})


@dataclass(frozen=True, slots=True)
class UncoreName:
    """A name taken apart.

    Args:
        metric: the name of its metric.
        pmu: the kind of PMU; empty for a metric that the tables have events for.
        event: the kernel's name of the event; empty where ``terms`` says what it is.
        terms: values by term.
    """

    metric: str
    pmu: str = ""
    event: str = ""
    terms: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UncoreCount:
    """One event to be opened on one PMU.

    Args:
        event: under the name of its metric, to which several may contribute.
        scale: what one count is worth in the metric's unit.
    """

    event: PerfEvent
    scale: float = 1


def parse_uncore_name(name: str) -> UncoreName:
    """Take a name of the configuration apart.

    Raises:
        ValidationError: it is no event; says what to write.
    """
    head, *others = name[: LONGEST_NAME + 1].split("/")
    if head in UNCORE_NAMES:
        return UncoreName(head)
    if others and not others[-1]:
        others.pop()
    if not 1 <= len(others) <= 2 or len(name) > LONGEST_NAME:
        near = difflib.get_close_matches(head[:100], UNCORE_NAMES, n=1)
        hint = f"did you mean {near[0]}?" if near else _FORMS
        raise _refused(name, f"is none, {hint}")
    metric, pmu = (head, others[0]) if len(others) == 2 else ("", head)
    text = others[-1]
    if not _PMU.fullmatch(pmu) or not text:
        raise _refused(name, f"names no PMU and event, {_FORMS}")
    if metric or len(others) == 2:
        if not METRIC_NAME.fullmatch(metric):
            raise _refused(name, "begins with the metric's name, of letters, digits and '_'")
        return _named(name, metric, pmu, text)
    if not _EVENT.fullmatch(text):
        raise _refused(name, f"has no name for its metric, write name/{pmu}/{text}/")
    return UncoreName(f"platform_{metric_part(pmu)}_{metric_part(text)}", pmu, text)


def _named(name: str, metric: str, pmu: str, text: str) -> UncoreName:
    if _EVENT.fullmatch(text):
        return UncoreName(metric, pmu, text)
    try:
        terms = parse_terms(text, hexadecimal=True)
    except ValidationError as refused:
        raise _refused(name, f"is wrong: {refused}") from None
    if "config" in terms and terms.keys() & {"event", "umask"}:
        raise _refused(name, "has config, which already holds event and umask: write one of them")
    return UncoreName(metric, pmu, terms=terms)


def _refused(name: str, reason: str) -> ValidationError:
    return ValidationError(f"uncore event {name[:LONGEST_NAME]!r} {reason}")


def parse_uncore_group(names: Sequence[str]) -> tuple[UncoreName, ...]:
    """Take the names of one group apart.

    Raises:
        ValidationError: one is no event, or there is none.
    """
    if not names:
        raise ValidationError("a group of uncore events is empty, name at least one")
    return tuple(map(parse_uncore_name, names))


def pmu_kind(name: UncoreName, model: CpuModel | None) -> str:
    """The PMUs that count an event, as ``same_kind`` takes it.

    Raises:
        ValidationError: the tables have no event of this processor for it.
    """
    if name.pmu:
        return name.pmu
    family = event_family(model)
    entry = _in_table(name, family)
    if entry is not None:
        return entry.pmu
    if family not in UNCORE and name.metric in _KERNELS_OWN:
        return _KERNELS_OWN[name.metric][0]
    raise ValidationError(f"no event of {family or 'this processor'} is known for it")


def same_kind(pmu: str, kind: str) -> bool:
    """Whether a PMU's name is that of the kind, alone or followed by ``_`` and a number."""
    number = pmu.removeprefix(f"{kind}_")
    return pmu == kind or (number != pmu and number.isascii() and number.isdigit())


def counts_on(name: UncoreName, pmu: Pmu, model: CpuModel | None) -> list[UncoreCount]:
    """What is opened on one PMU for a name; the metric is the sum.

    Args:
        name: whose ``pmu_kind`` is that of the PMU.
        pmu: one of the PMUs.
        model: the processor.

    Raises:
        ValidationError: the PMU has no such event or term; says which is near.
    """
    if name.terms:
        return [_count(name, pmu, name.terms)]
    if name.event:
        return [_kernels_own(name, pmu, name.event, scaled=True)]
    entry = _in_table(name, event_family(model))
    if entry is None:
        return [_kernels_own(name, pmu, _KERNELS_OWN[name.metric][1], scaled=False)]
    return [_count(name, pmu, event.terms) for event in entry.events]


def _in_table(name: UncoreName, family: str | None) -> Uncore | None:
    table = UNCORE.get(family) if family else None
    return table.get(name.metric) if table else None


def _kernels_own(name: UncoreName, pmu: Pmu, event: str, *, scaled: bool) -> UncoreCount:
    known = pmu.events.get(event)
    if known is None:
        near = difflib.get_close_matches(event, pmu.events, n=1)
        names = near or sorted(pmu.events)
        hint = f", it has {', '.join(names)}" if names else " and names none itself"
        raise ValidationError(f"{pmu.name} has no event {event}{hint}")
    scale = 1.0
    if scaled and known.scale is not None:
        scale = known.scale * _BASE_UNITS.get(known.unit, 1)
    return _count(name, pmu, parse_terms(known.terms), scale)


def _count(name: UncoreName, pmu: Pmu, terms: Mapping[str, int], scale: float = 1) -> UncoreCount:
    code = encode(pmu, terms)
    event = PerfEvent(name.metric, code.type, code.config, code.config1, code.config2)
    return UncoreCount(event, scale)
