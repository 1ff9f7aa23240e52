"""What can be done to a task: with which value it begins, how it goes on, and how it goes back."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wca.allocators.api import AllocationType, TaskAllocations
from wca.allocators.contending.options import Options
from wca.allocators.contending.readings import Readings
from wca.detectors.api import TaskData
from wca.detectors.interfering import sampling

__all__ = ["Begun", "Lever", "Sight"]


@dataclass(frozen=True)
class Sight:
    """What a lever sees of the task that it is about.

    Args:
        task: with what is in force.
        cpus: of the machine.
        readings: of all tasks.
        options: of the allocator.
        victim: that it is for, with what is in force for it.
    """

    task: TaskData
    cpus: int
    readings: Readings
    options: Options
    victim: TaskData

    def number(self, type_: AllocationType) -> float | None:
        """What is in force for the task, where that is a number."""
        value = self.task.allocations.get(type_)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
            return None
        return float(value)

    @property
    def used(self) -> float | None:
        """CPUs that the task uses; None: not known."""
        return self.readings.level(self.task.task_id, sampling.CPU)


@dataclass(frozen=True)
class Begun:
    """How it was when something was done first.

    Args:
        original: the value that was in force.
        used: how much the task used of what it is about, in the unit of its measure.
        first: the first value that was wanted.
    """

    original: Any
    used: float
    first: Any


def _nothing(_value: Any, _sight: Sight, _begun: Begun) -> None:
    return None


def _original(_value: Any, original: Any) -> Any:
    return original


@dataclass(frozen=True)
class Lever:
    """One thing that can be done.

    Args:
        name: for people.
        types: of allocation; the first one that is read back of the task is used.
        first: the value to begin with; None: it can do nothing for this task.
        tighter: the next one when that was not enough; None: there is none.
        looser: the next one on the way back; None: what was there before.
        back: what has to be asked for to give a value back, with that and what was read before.
        of_victim: whether it is done to the victim itself, to whom it gives more.
        settle: readings after which its effect can be seen.
        activity: measure by which it is seen that the task has stopped.
        amount: measure of what it limits.
        refills: whether what the victim has lost comes back with its own use only: as long as it
            does the lever works, however bad it is still.
    """

    name: str
    types: tuple[AllocationType, ...]
    first: Callable[[Sight, AllocationType], Any]
    tighter: Callable[[Any, Sight, Begun], Any] = _nothing
    looser: Callable[[Any, Sight, Begun], Any] = _nothing
    back: Callable[[Any, Any], Any] = _original
    of_victim: bool = False
    settle: int = 0
    activity: int = sampling.CPU
    amount: int = sampling.CPU
    refills: bool = False

    def type_for(self, allocations: TaskAllocations) -> AllocationType | None:
        """The type that this task can be granted, as far as is known; None: none of them."""
        return next((one for one in self.types if one in allocations), None)
