"""What tasks that have ended leave behind: totals of the node that outlive them."""

from collections.abc import Collection

from wca.metrics import Measurements

__all__ = ["EndedTasks"]

#: Total of the node, and the number of each task that it sums up.
_TOTALS = (
    ("platform_ended_tasks_cpu_seconds", "task_cpu_usage_seconds"),
    ("platform_ended_tasks_oom_kills", "task_mem_oom_kills"),
)


class EndedTasks:
    """Counts tasks that have ended, with what their last samples said.

    Args:
        measured: names of what is measured of tasks: its totals are 0 from the start.
    """

    def __init__(self, measured: Collection[str] = ()) -> None:
        self._totals: Measurements = {"platform_ended_tasks": 0}
        self.expect(measured)

    def expect(self, measured: Collection[str]) -> None:
        """These are measured from now on: what is not counted yet is 0."""
        for total, name in _TOTALS:
            if name in measured:
                self._totals.setdefault(total, 0)

    def add_task(self, last: Measurements) -> None:
        """One more task has ended.

        Args:
            last: its last sample; what it lacks is not counted.
        """
        self._totals["platform_ended_tasks"] += 1
        self.add_part(last)

    def add_part(self, last: Measurements) -> None:
        """A container of a task has ended that is measured by itself."""
        for total, name in _TOTALS:
            if name in last:
                self._totals[total] = self._totals.get(total, 0) + last[name]

    def measurements(self) -> Measurements:
        """The totals since start."""
        return dict(self._totals)
