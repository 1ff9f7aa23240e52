"""From the names on an agent's page back to those of the catalogue."""

from collections.abc import Mapping
from dataclasses import dataclass

from wca.collectors.task_network import TaskNetworkCollector
from wca.collectors.task_pids import TaskPidsCollector
from wca.metrics.catalogue import CATALOGUE
from wca.metrics.metadata import MetricMetadata
from wca.runners.selection import default_collectors

__all__ = ["READ_BY", "Known", "known_metric"]

_PART, _TASK = "container_", "task_"


@dataclass(frozen=True, slots=True)
class Known:
    """A metric of the catalogue under a name that a page may have.

    Args:
        entry: what it is.
        factor: what its value there is multiplied by.
        part: it is about one container of a task.
        moment: its value there is a time, and ours how long ago that is.
    """

    entry: MetricMetadata
    factor: float = 1.0
    part: bool = False
    moment: bool = False


def known_metric(name: str) -> Known | None:
    """What a name stands for, whether ours or that in Prometheus' style; None: nothing of ours."""
    found = _KNOWN.get(name)
    if found is None and name.startswith(_PART):
        whole = _KNOWN.get(f"{_TASK}{name.removeprefix(_PART)}")
        return whole and Known(whole.entry, whole.factor, part=True)
    return found


def _known() -> dict[str, Known]:
    ours = {name: Known(entry) for name, entry in CATALOGUE.items()}
    theirs = {
        entry.prometheus.name: Known(
            entry, entry.prometheus.divisor, moment=entry.prometheus.from_age
        )
        for entry in CATALOGUE.values()
    }
    return theirs | ours


_KNOWN: Mapping[str, Known] = _known()

#: Metrics by the collector that reads them, of those that are often given an interval of their own.
READ_BY: Mapping[str, tuple[str, ...]] = {
    type(one).__name__: tuple(one.emits)
    for one in (*default_collectors(), TaskPidsCollector(), TaskNetworkCollector())
}
