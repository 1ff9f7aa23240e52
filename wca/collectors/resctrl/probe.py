"""The monitoring groups of one task at work: its threads followed, its counters added up."""

from collections.abc import Callable

from wca.collectors.resctrl.counts import Counts
from wca.collectors.resctrl.groups import ResctrlGroups
from wca.collectors.resctrl.placement import Obstacle, Placement
from wca.metrics import Measurements

__all__ = ["ResctrlProbe", "Totals"]


class Totals:
    """What a task's groups have counted in all, whichever groups these were."""

    def __init__(self) -> None:
        self._totals: dict[str, int] = {}
        self._remote = 0
        self._offset: int | None = 0  # None: total and local have not grown side by side

    def take(self, counts: Counts) -> Measurements:
        """Add what was counted since the last time; the numbers that are known now."""
        moved = {event: n for event, n in counts.values.items() if event != "llc_occupancy"}
        for event, growth in moved.items():
            self._totals[event] = self._totals.get(event, 0) + growth
        known = counts.values.keys() - counts.absent
        values: Measurements = {}
        if "llc_occupancy" in known:
            values["task_llc_occupancy_bytes"] = counts.values["llc_occupancy"]
        if "mbm_total_bytes" in known:
            values["task_mem_bandwidth_bytes"] = self._totals["mbm_total_bytes"]
        if "mbm_local_bytes" in known:
            values["task_mem_bandwidth_local_bytes"] = self._totals["mbm_local_bytes"]
        if {"mbm_total_bytes", "mbm_local_bytes"} <= known:
            values["task_mem_bandwidth_remote_bytes"] = self._remote_bytes()
        else:
            self._offset = None
        return values

    def _remote_bytes(self) -> int:
        """The total less the local bytes, which are read a little later: it never goes back."""
        difference = self._totals["mbm_total_bytes"] - self._totals["mbm_local_bytes"]
        if self._offset is None:
            self._offset = self._remote - difference
        self._remote = max(self._remote, difference + self._offset)
        return self._remote


class ResctrlProbe:
    """Measures one task.

    Args:
        groups: those of all tasks.
        placement: the groups of this one.
        threads: gives its threads; TargetGone when it is gone.
        say: takes the reason why it cannot be measured now; None when it can.
    """

    def __init__(
        self,
        groups: ResctrlGroups,
        placement: Placement,
        threads: Callable[[], set[int]],
        say: Callable[[Obstacle | None], None],
    ) -> None:
        self._groups = groups
        self._placement = placement
        self._threads = threads
        self._say = say
        self._totals = Totals()

    def read(self, out: Measurements) -> None:
        """Add the task's numbers; none while some of its threads are in no group of its own.

        Raises:
            TargetGone: the task's cgroup was removed; nothing was added.
            NotAvailable: this process may not write to resctrl.
            Malformed: a file of the kernel is not as documented; the other numbers were added.
        """
        self._groups.sweep_when_due()
        obstacle = self._placement.follow(self._threads)
        self._say(obstacle)
        counts = self._placement.read()
        values = self._totals.take(counts)
        self._placement.leave_empty_groups()
        if obstacle is None:
            out.update(values)
        if counts.failure is not None:
            raise counts.failure

    def close(self) -> None:
        """Remove our groups of the task; safe twice."""
        self._say(None)
        self._placement.close()
