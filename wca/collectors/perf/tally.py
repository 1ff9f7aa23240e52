"""Sums of perf events: over the groups of one CPU, or of all CPUs."""

from collections.abc import Iterable, Set

from wca.collectors.perf.software import SoftwareGroups
from wca.linux.perf.counting import PerfGroup
from wca.linux.perf.events import PerfEvent
from wca.linux.perf.scaling import ScaledGroup
from wca.metrics import Measurements

__all__ = ["CpuGroup", "Tally"]


_NONE: frozenset[int] = frozenset()


class CpuGroup:
    """A group of events on one CPU, with its totals.

    Args:
        cpu: number of the CPU.
        group: open and enabled.
        events: what it counts, in its order.
    """

    __slots__ = ("cpu", "events", "group", "scaled", "software")

    def __init__(self, cpu: int, group: PerfGroup, events: tuple[PerfEvent, ...]) -> None:
        self.cpu = cpu
        self.group = group
        self.events = events
        self.scaled = ScaledGroup(len(events))
        self.software = events[0].software


class Tally:
    """Reads groups and adds them up. What a group has counted stays when it is closed."""

    __slots__ = ("_groups", "_software", "_started", "_sums", "ended", "factors", "totals")

    def __init__(self) -> None:
        self._groups: list[CpuGroup] = []
        # All groups together, where they are of software events and no CPU has come or gone.
        self._software: SoftwareGroups | None = None
        self._sums: dict[str, int] = {}  # by name of the event, in the kernel's unit
        self._started: set[str] = set()  # events of which anything was counted
        #: What was counted so far, by name of the event; never goes backwards. There is no number
        #: where the task has run, but nothing of it was counted yet.
        self.totals: Measurements = {}
        #: By how much groups that share counters were scaled in the last reading.
        self.factors: list[float] = []
        #: CPUs that went offline, as their groups have shown in the last reading.
        self.ended: Set[int] = _NONE

    def add(self, groups: Iterable[CpuGroup]) -> None:
        """Add groups up from now on."""
        only = not self._sums
        self._part()
        for one in groups:
            self._groups.append(one)
            for event in one.events:
                if event.name not in self._sums:
                    self._sums[event.name] = self.totals[event.name] = 0
        events = {one.events for one in self._groups}
        if only and len(events) == 1 and all(one.software for one in self._groups):
            self._software = SoftwareGroups([one.group for one in self._groups], events.pop())

    def read(self) -> None:
        """Bring ``totals``, ``factors`` and ``ended`` up to date."""
        if self._software is not None:
            if self._software.read():
                self.totals = self._software.totals
                return
            self._part()
        self.factors = []
        news, ended = False, set()
        for one in self._groups:
            reading = one.group.read()
            if reading is None:
                continue
            news = True
            factor = one.scaled.take(reading)
            if factor is not None:
                self._take(one)
                if not one.software:
                    self.factors.append(factor)
            if one.group.ended:
                ended.add(one.cpu)
        if news and len(self._started) < len(self._sums):
            self._leave_out_uncounted()
        self.ended = ended or _NONE

    def retire(self, cpus: Iterable[int]) -> None:
        """Read and close the groups of these CPUs; what they have counted stays in the sums."""
        self._part()
        leaving = set(cpus)
        for one in self._groups:
            if one.cpu in leaving:
                reading = one.group.read()
                if reading is not None and one.scaled.take(reading) is not None:
                    self._take(one)
                one.group.close()
        self._groups = [one for one in self._groups if one.cpu not in leaving]

    def close(self) -> None:
        """Close all groups; safe twice."""
        self._software = None
        for one in self._groups:
            one.group.close()
        self._groups = []

    def _part(self) -> None:
        """Go on with each group by itself, from where they stand together."""
        software, self._software = self._software, None
        if software is not None:
            for one, reading in zip(self._groups, software.readings(), strict=False):
                one.scaled.take(reading)
                self._take(one)

    def _take(self, one: CpuGroup) -> None:
        """Add what a group has gained."""
        for event, gain in zip(one.events, one.scaled.gained, strict=True):
            name = event.name
            total = self._sums[name] = self._sums[name] + gain
            self.totals[name] = total if event.divisor == 1 else total / event.divisor
            self._started.add(name)

    def _leave_out_uncounted(self) -> None:
        for one in self._groups:
            if one.scaled.pending and not one.scaled.started:
                for event in one.events:
                    if event.name not in self._started:
                        self.totals.pop(event.name, None)
