"""Calling an allocator: as it is written today, or as in the first releases."""

from dataclasses import dataclass
from typing import Any, ClassVar

from wca.allocators.api import Allocator
from wca.calling import call_plugin, check_plugin
from wca.config.types import Constraint
from wca.detectors.api import TasksData
from wca.platforms.api import Platform

__all__ = ["UsableAllocator", "call_allocate"]

#: Parameters of the first releases, and what of each task they hold.
_OLDER = {
    "tasks_measurements": "measurements",
    "tasks_resources": "resources",
    "tasks_labels": "labels",
    "tasks_allocations": "allocations",
}


@dataclass(frozen=True)
class UsableAllocator(Constraint):
    """An allocator that can be asked, so that a wrong one is reported where it stands."""

    base: ClassVar[Any] = Allocator

    def check(self, value: Any) -> None:
        """Refuse one whose ``allocate`` cannot be called. Raises ValidationError."""
        where = f"{type(value).__module__}:{type(value).__qualname__}.allocate"
        check_plugin(value.allocate, where, _OLDER)


def call_allocate(allocator: Allocator, platform: Platform, tasks: TasksData) -> object:
    """What an allocator answers, whatever that is. Raises whatever it raises.

    Args:
        allocator: of either kind; the older one is recognised by the names of its parameters.
        platform: the machine and the time.
        tasks: by task id.
    """
    return call_plugin(allocator.allocate, platform, tasks, _OLDER)
