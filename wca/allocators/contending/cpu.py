"""Levers of the CPU: weight, idle class, CPUs, quota, burst."""

from collections.abc import Callable
from typing import Any

from wca.allocators.api import AllocationType
from wca.allocators.contending.levers import Begun, Lever, Sight

__all__ = ["BANDWIDTH_QUOTA", "BURST", "CPUSET", "IDLE", "QUOTA", "RAISED_QUOTA", "WEIGHT"]

_T = AllocationType
#: Share of what a task uses that the first quota leaves it: against a neighbour of the CPU, and
#: against one of the memory bandwidth, where a fifth takes nearly all of the harm.
_HALF, _FIFTH = 0.5, 0.2
#: One step back of a quota, and one step up of a victim's own.
_GROWTH, _RAISE = 1.5, 1.2


def _weight(sight: Sight, type_: AllocationType) -> float | None:
    """The fewest shares that the kernel takes; nothing for a task of the idle class."""
    now, idle = sight.number(type_), sight.task.allocations.get(_T.CPU_IDLE)
    return 0.0 if now is not None and now > 0.01 and idle != 1 else None


def _idle(sight: Sight, type_: AllocationType) -> int | None:
    return 1 if sight.number(type_) == 0 else None


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
        now, used = sight.number(type_), sight.used
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


def _burst(sight: Sight, type_: AllocationType) -> float | None:
    """As much again as its quota, or the share of that which may be granted."""
    quota, now = sight.task.allocations.get(_T.QUOTA), sight.number(type_)
    if not isinstance(quota, (int, float)) or not 0 < quota < 1 or now is None:
        return None
    value = quota * sight.options.burst
    return value if value > now * 1.01 else None


def _raised(sight: Sight, type_: AllocationType) -> float | None:
    now = sight.number(type_)
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
BURST = Lever("burst", (_T.CPU_BURST,), _burst, of_victim=True)
RAISED_QUOTA = Lever("higher quota", (_T.QUOTA,), _raised, _raised_more, of_victim=True)
