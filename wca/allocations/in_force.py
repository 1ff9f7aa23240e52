"""What is in force for each task, without reading all of it in every interval."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from wca.allocators.api import TaskAllocations
from wca.detectors.api import TaskData

__all__ = ["InForce"]

#: Seconds for which what was read holds, of tasks that the agent does nothing to.
_HOLDS = 5.0


@dataclass
class _Known:
    values: TaskAllocations
    until: float


class InForce:
    """Reads the values of a task when it is seen first, and again when they may be others.

    Each value is a file of the kernel, and a task has more than ten of them. What the agent has
    changed is read in every interval; what others have, every five seconds, not of all tasks at
    once.

    Args:
        read: gives what is in force for a task.
        monotonic: time in seconds.
    """

    def __init__(
        self, read: Callable[[TaskData], TaskAllocations], monotonic: Callable[[], float]
    ) -> None:
        self._read = read
        self._monotonic = monotonic
        self._known: dict[str, _Known] = {}
        self._touched: Collection[str] = ()
        self._number = 0

    def of(self, task: TaskData) -> TaskAllocations:
        """Values by type; a copy."""
        known, now = self._known.get(task.task_id), self._monotonic()
        if known is None or now >= known.until or task.task_id in self._touched:
            known = _Known(self._read(task), self._until(now, first=known is None))
            self._known[task.task_id] = known
        return {type_: _copied(value) for type_, value in known.values.items()}

    def keep(self, present: Collection[str], touched: Collection[str]) -> None:
        """Forget all tasks but these, and let some be read in the next interval.

        Args:
            present: ids of the tasks that there are.
            touched: ids of those to which the agent does something, or has done until now.
        """
        self._known = {name: known for name, known in self._known.items() if name in present}
        self._touched = frozenset(touched)

    def _until(self, now: float, *, first: bool) -> float:
        """Tasks that were found together are read again one after the other."""
        if not first:
            return now + _HOLDS
        self._number = (self._number + 1) % 10
        return now + _HOLDS * (1 + self._number / 10)


def _copied(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value
