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

__all__ = [
    "BANDWIDTH_QUOTA",
    "BURST",
    "CPUSET",
    "IDLE",
    "MEMORY_LIMIT",
    "QUOTA",
    "RAISED_QUOTA",
    "WEIGHT",
    "Begun",
    "Lever",
    "Sight",
]

_T = AllocationType
#: Share of what a task uses that the first quota leaves it: against a neighbour of the CPU, and
#: against one of the memory bandwidth (collocation measurements: a fifth takes nearly all harm).
_HALF, _FIFTH = 0.5, 0.2
#: One step back of a quota; and of a memory limit.
_GROWTH, _SMALL_GROWTH = 1.5, 1.1
#: Share of its memory that a streaming reader keeps at first.
_QUARTER = 0.25
#: Bytes of page cache below which a memory limit cannot help anybody.
_WORTH = 32 << 20
#: How much more than its anonymous memory a hard limit leaves: what is above it is killed.
_ROOM = 1.25
#: One step up of a victim's own quota.
_RAISE = 1.2


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
    """

    original: Any
    used: float


def _nothing(_value: Any, _sight: Sight, _begun: Begun) -> None:
    return None


@dataclass(frozen=True)
class Lever:
    """One thing that can be done.

    Args:
        name: for people.
        types: of allocation; the first one that is read back of the task is used.
        first: the value to begin with; None: it can do nothing for this task.
        tighter: the next one when that was not enough; None: there is none.
        looser: the next one on the way back; None: what was there before.
        of_victim: whether it is done to the victim itself, to whom it gives more.
        settle: readings after which its effect can be seen.
        activity: measure by which it is seen that the task has stopped.
        amount: measure of what it limits.
    """

    name: str
    types: tuple[AllocationType, ...]
    first: Callable[[Sight, AllocationType], Any]
    tighter: Callable[[Any, Sight, Begun], Any] = _nothing
    looser: Callable[[Any, Sight, Begun], Any] = _nothing
    of_victim: bool = False
    settle: int = 0
    activity: int = sampling.CPU
    amount: int = sampling.CPU

    def type_for(self, allocations: TaskAllocations) -> AllocationType | None:
        """The type that this task can be granted, as far as is known; None: none of them."""
        return next((one for one in self.types if one in allocations), None)


def _number(sight: Sight, type_: AllocationType) -> float | None:
    value = sight.task.allocations.get(type_)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
        return None
    return float(value)


def _weight(sight: Sight, type_: AllocationType) -> float | None:
    """The fewest shares that the kernel takes; nothing for a task of the idle class."""
    now, idle = _number(sight, type_), sight.task.allocations.get(_T.CPU_IDLE)
    return 0.0 if now is not None and now > 0.01 and idle != 1 else None


def _idle(sight: Sight, type_: AllocationType) -> int | None:
    return 1 if _number(sight, type_) == 0 else None


def _cpuset(sight: Sight, type_: AllocationType) -> str | None:
    """The half of its CPUs that the victim may use least, those with the highest numbers."""
    own = _numbers(sight.task.allocations.get(type_))
    if len(own) < 2:
        return None  # an empty list is that of the group above, and cannot be asked for again
    theirs = set(_numbers(sight.victim.allocations.get(type_)))
    apart = [one for one in own if one not in theirs]
    kept = apart if theirs and 0 < len(apart) < len(own) else own[len(own) // 2 :]
    return ",".join(map(str, kept))


def _numbers(value: Any) -> list[int]:
    parts = value.split(",") if isinstance(value, str) else []
    return [int(one) for one in parts if one.isdigit()]


def _quota(share: float) -> Callable[[Sight, AllocationType], float | None]:
    def first(sight: Sight, type_: AllocationType) -> float | None:
        now, used = _number(sight, type_), sight.used
        if now is None or used is None or sight.cpus <= 0:
            return None
        value = max(sight.options.least_cpus, share * used) / sight.cpus
        return value if value < min(now, 1.0) else None

    return first


def _less_quota(value: float, sight: Sight, _begun: Begun) -> float | None:
    least = sight.options.least_cpus / max(1, sight.cpus)
    return max(least, value / 2) if value > least * 1.01 else None


def _more_quota(value: float, sight: Sight, begun: Begun) -> float | None:
    """Until it could use what it did before."""
    enough = min(begun.original, max(begun.used, sight.options.least_cpus) / max(1, sight.cpus))
    return value * _GROWTH if value * _GROWTH < enough else None


def _floor(sight: Sight, type_: AllocationType) -> float | None:
    """Bytes that a limit has to leave; None: not known, and nothing may be taken then.

    Beyond a hard limit the kernel kills, so what cannot be reclaimed has to fit with room.
    """
    kept = sight.task.measurements.get("task_mem_anon_bytes")
    if not isinstance(kept, (int, float)) or not 0 <= kept < 1e18:
        return None
    room = _ROOM if type_ is _T.MEMORY_MAX else 1.0
    return sight.options.least_memory + room * kept


def _memory(sight: Sight, type_: AllocationType) -> int | None:
    """A quarter of what it has, as far as that is page cache."""
    used = sight.readings.level(sight.task.task_id, sampling.MEMORY, 1)
    floor, now = _floor(sight, type_), sight.task.allocations.get(type_)
    if used is None or floor is None or used - floor < _WORTH:
        return None
    value = int(max(floor, _QUARTER * used))
    return value if now == "max" or (isinstance(now, (int, float)) and value < now) else None


def _less_memory(value: float, sight: Sight, _begun: Begun) -> int | None:
    type_ = MEMORY_LIMIT.type_for(sight.task.allocations)
    floor = None if type_ is None else _floor(sight, type_)
    if floor is None or value <= floor * 1.01:
        return None
    return int(max(floor, value / 2))


def _more_memory(value: float, _sight: Sight, begun: Begun) -> int | None:
    grown = int(value * _SMALL_GROWTH) + 1
    return grown if grown < begun.used else None


def _burst(sight: Sight, type_: AllocationType) -> float | None:
    """As much again as its quota, or the share of that which may be granted."""
    quota, now = sight.task.allocations.get(_T.QUOTA), _number(sight, type_)
    if not isinstance(quota, (int, float)) or not 0 < quota < 1 or now is None:
        return None
    value = quota * sight.options.burst
    return value if value > now * 1.01 else None


def _raised(sight: Sight, type_: AllocationType) -> float | None:
    now = _number(sight, type_)
    most = sight.options.raise_quota
    return min(1.0, now * min(_RAISE, most)) if now is not None and now < 1 < most else None


def _raised_more(value: float, sight: Sight, begun: Begun) -> float | None:
    """Never beyond the option's multiple of what it had."""
    most = min(1.0, begun.original * sight.options.raise_quota)
    return min(most, value * _RAISE) if value < most * 0.999 else None


WEIGHT = Lever("lowest weight", (_T.SHARES,), _weight)
IDLE = Lever("idle class", (_T.CPU_IDLE,), _idle)
CPUSET = Lever("half of its CPUs", (_T.CPUSET_CPUS,), _cpuset)
QUOTA = Lever("quota", (_T.QUOTA,), _quota(_HALF), _less_quota, _more_quota)
BANDWIDTH_QUOTA = Lever(
    "quota against memory traffic", (_T.QUOTA,), _quota(_FIFTH), _less_quota, _more_quota
)
MEMORY_LIMIT = Lever(
    "memory limit",
    (_T.MEMORY_HIGH, _T.MEMORY_MAX),
    _memory,
    _less_memory,
    _more_memory,
    settle=2,
    activity=sampling.READ,
    amount=sampling.MEMORY,
)
BURST = Lever("burst", (_T.CPU_BURST,), _burst, of_victim=True)
RAISED_QUOTA = Lever("higher quota", (_T.QUOTA,), _raised, _raised_more, of_victim=True)
