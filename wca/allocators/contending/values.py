"""Values of allocations, compared: as wanted, and as they are read back."""

import math
import re
from collections.abc import Mapping
from typing import Any

from wca.allocators.api import RDTAllocation

__all__ = ["amount", "in_force", "is_back"]

#: Share of the way from the original value that a value has to be gone to be in force.
_THERE = 0.9
_NUMBER = re.compile(r"=(\d+)")


def in_force(wanted: Any, read: Any, original: Any) -> bool:
    """Whether a value that is read is the one that was wanted, as closely as kernels have it.

    Args:
        wanted: that was asked for.
        read: that is in force; None: nothing is known.
        original: that was in force before.
    """
    if read is None:
        return False
    if read == wanted:
        return True
    if isinstance(wanted, Mapping):
        return isinstance(read, Mapping) and _limits_hold(wanted, read)
    if isinstance(wanted, RDTAllocation):
        return isinstance(read, RDTAllocation) and amount(read) <= amount(wanted) * (2 - _THERE)
    if isinstance(wanted, str) and wanted != "max":
        return False
    numbers = [amount(one) for one in (wanted, read, original)]
    if any(math.isnan(one) for one in numbers):
        return False
    aim, now, before = numbers
    if math.isinf(before):
        return now <= aim * 1.01
    way = aim - before
    return way != 0 and _THERE <= (now - before) / way <= 2 - _THERE


def is_back(original: Any, read: Any, given: Any) -> bool:
    """Whether what was there before is there again.

    Args:
        original: that was read before anything was asked for.
        read: that is in force.
        given: what was asked for to give it back.
    """
    if isinstance(given, Mapping):
        return isinstance(read, Mapping) and _limits_hold(given, read)
    return bool(read == original)


def _limits_hold(wanted: Mapping[str, Any], read: Mapping[str, Any]) -> bool:
    """Whether limits by device are there; devices may be known by another name."""
    return all(
        _holds(limits, read[device])
        if device in read
        else all(limit == "max" for limit in limits.values())
        or any(_holds(limits, other) for other in read.values())
        for device, limits in wanted.items()
    )


def _holds(wanted: Mapping[str, Any], read: Mapping[str, Any]) -> bool:
    return all(read.get(name, "max") == limit for name, limit in wanted.items())


def amount(value: Any) -> float:
    """How much a value is, as a number; NaN where that cannot be said."""
    if isinstance(value, RDTAllocation):
        return float(sum(map(int, _NUMBER.findall(value.mb or "")))) or math.nan
    if isinstance(value, Mapping):
        limits = [one for limits in value.values() for one in limits.values() if one != "max"]
        return float(sum(limits)) if limits else math.inf
    if value == "max":
        return math.inf
    if isinstance(value, str):
        return float(len(value.split(","))) if value else math.inf
    return float(value) if isinstance(value, (int, float)) else math.nan
