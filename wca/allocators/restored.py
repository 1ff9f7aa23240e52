"""What was in force before it was asked for something else. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wca.allocators.api import AllocationType, TasksAllocations
from wca.detectors.api import TasksData

__all__ = ["Restored"]


@dataclass
class _Known:
    """One type of one task.

    Args:
        before: what was in force when it was asked for first.
        left: what was in force when it was not asked for any more; None: it still is.
    """

    before: Any
    left: Any = None


class Restored:
    """Asks for what was there before, as long as what was granted is still there."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, AllocationType], _Known] = {}

    def of(self, granted: TasksAllocations, tasks: TasksData) -> TasksAllocations:
        """What is to be given back.

        Args:
            granted: what is asked for now.
            tasks: with what is in force, those that there are.
        """
        self._known = {key: one for key, one in self._known.items() if key[0] in tasks}
        for task_id, values in granted.items():
            for type_ in values:
                self._asked(task_id, type_, tasks)
        found: TasksAllocations = {}
        for (task_id, type_), one in list(self._known.items()):
            if type_ in granted.get(task_id, {}):
                continue
            there = tasks[task_id].allocations.get(type_)
            one.left = there if one.left is None else one.left
            if there is None or there != one.left or there == one.before:
                del self._known[task_id, type_]  # it is there, or somebody else's
            else:
                found.setdefault(task_id, {})[type_] = _whole(one.before, there)
        return found

    def _asked(self, task_id: str, type_: AllocationType, tasks: TasksData) -> None:
        known, before = self._known.get((task_id, type_)), tasks[task_id].allocations.get(type_)
        if known is not None:
            known.left = None
        elif before is not None:
            self._known[task_id, type_] = _Known(before)


def _whole(before: Any, there: Any) -> Any:
    """Of limits by device those, too, that were not there."""
    if not (isinstance(before, Mapping) and isinstance(there, Mapping)):
        return before
    none = {device: dict.fromkeys(limits, "max") for device, limits in there.items()}
    return none | {device: none.get(device, {}) | limits for device, limits in before.items()}
