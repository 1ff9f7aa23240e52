"""Values of allocations, compared: as wanted, and as they are read back."""

import math
import re
from collections.abc import Mapping
from typing import Any

from wca.allocators.api import RDTAllocation

__all__ = ["amount", "in_force", "is_back"]

#: How far a value may be from the one that was wanted, as a share of it; the least shares that
#: there are, on the scale of cpu_shares; and how far percent of bandwidth are rounded up.
_CLOSE, _LEAST, _ROUNDED = 0.02, 0.003, 1.5
_NUMBER = re.compile(r"=(\d+)")


def in_force(wanted: Any, read: Any) -> bool:
    """Whether a value that is read is the one that was wanted, as closely as kernels have it.

    Args:
        wanted: that was asked for.
        read: that is in force; None: nothing is known.
    """
    if read is None:
        return False
    if read == wanted:
        return True
    if isinstance(wanted, Mapping):
        return isinstance(read, Mapping) and _limits_hold(wanted, read)
    if isinstance(wanted, RDTAllocation):
        return isinstance(read, RDTAllocation) and amount(read) <= amount(wanted) * _ROUNDED
    if isinstance(wanted, str) or isinstance(read, str):
        return False
    aim, now = amount(wanted), amount(read)
    return abs(now - aim) <= max(_CLOSE * abs(aim), _LEAST)


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
