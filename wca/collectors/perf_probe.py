"""The perf events of one task at work: groups on every CPU, summed."""

from collections.abc import Sequence

from wca.collectors.api import Readable
from wca.linux.perf import PerfGroup
from wca.linux.perf_events import PerfEvent
from wca.linux.perf_scaling import ScaledGroup
from wca.metrics import Measurements

__all__ = ["CpuGroup", "PerfProbe"]


class CpuGroup:
    """A group of events on one CPU, with its totals.

    Args:
        group: open and enabled.
        events: what it counts, in its order.
    """

    __slots__ = ("events", "group", "scaled", "software")

    def __init__(self, group: PerfGroup, events: tuple[PerfEvent, ...]) -> None:
        self.group = group
        self.events = events
        self.scaled = ScaledGroup(len(events))
        self.software = events[0].software


class PerfProbe:
    """Reads every group of a task, with one call each, and adds up the CPUs.

    Args:
        alive: a file of the task's control group, which ends with it.
        groups: on all CPUs.
    """

    __slots__ = ("_alive", "_by_events", "_groups", "_totals")

    def __init__(self, alive: Readable, groups: Sequence[CpuGroup]) -> None:
        self._alive = alive
        self._groups = tuple(groups)
        self._by_events: dict[tuple[PerfEvent, ...], list[ScaledGroup]] = {}
        for one in groups:
            self._by_events.setdefault(one.events, []).append(one.scaled)
        self._totals: Measurements = {}

    def read(self, out: Measurements) -> None:
        """Add the totals since ``attach``, and by how much the last part of them was scaled.

        Raises:
            TargetGone: the control group was removed; nothing was added.
        """
        self._alive.read()
        news, factors = False, []
        for one in self._groups:
            reading = one.group.read()
            if reading is None:
                continue
            news = True
            factor = one.scaled.take(reading)
            if factor is not None and not one.software:
                factors.append(factor)
        if news:
            for events, cpus in self._by_events.items():
                _add_up(events, cpus, self._totals)
        out.update(self._totals)
        if factors:  # of the groups that may have to take turns
            out["task_scaling_factor_avg"] = sum(factors) / len(factors)
            out["task_scaling_factor_max"] = max(factors)

    def close(self) -> None:
        """Close all events; safe twice."""
        for one in self._groups:
            one.group.close()
        self._groups = ()
        self._alive.close()


def _add_up(events: tuple[PerfEvent, ...], cpus: list[ScaledGroup], totals: Measurements) -> None:
    """Sum over the CPUs; no number while the task has run, but nothing of it was counted yet."""
    if any(one.pending for one in cpus) and not any(one.started for one in cpus):
        for event in events:
            totals.pop(event.name, None)
        return
    for event, *parts in zip(events, *(one.totals for one in cpus), strict=True):
        total = sum(parts)
        totals[event.name] = total if event.divisor == 1 else total / event.divisor
