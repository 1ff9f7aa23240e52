"""The two kinds of entries of the tables: events of CPUs, and events outside of them."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["TableEvent", "Uncore", "UncoreEvent"]


@dataclass(frozen=True, slots=True)
class TableEvent:
    """How one family of processors counts what a metric's name says.

    Args:
        source: the event in the family's folder of the kernel's tools/perf/pmu-events/arch.
        event: value of the term ``event``.
        umask: value of the term ``umask``.
        cmask: value of the term ``cmask``.
        note: how that differs from the metric's help, beginning with "counts"; empty where it does
            not.
    """

    source: str
    event: int
    umask: int = 0
    cmask: int = 0
    note: str = ""

    @property
    def terms(self) -> dict[str, int]:
        """The terms by name, without those that are 0."""
        terms = {"umask": self.umask, "cmask": self.cmask}
        return {"event": self.event} | {name: value for name, value in terms.items() if value}


@dataclass(frozen=True, slots=True)
class UncoreEvent:
    """One event of a PMU of a socket.

    Args:
        source: as in ``TableEvent``.
        terms: values of the PMU's terms by name.
    """

    source: str
    terms: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Uncore:
    """What is counted for one metric: the sum of some events.

    Args:
        pmu: the PMUs that count it: this name, alone or followed by ``_`` and a number.
        events: at least one.
    """

    pmu: str
    events: tuple[UncoreEvent, ...]
