"""Levers of block devices: limits learned from what the task does, and the lowest weight."""

from typing import Any

from wca.allocators.api import AllocationType
from wca.allocators.contending.levers import Begun, Lever, Sight
from wca.detectors.interfering import sampling

__all__ = ["IO_LIMIT", "IO_WEIGHT"]

_T = AllocationType
#: Share of what a task reads and writes that the first limit leaves it, and one step back.
_QUARTER, _GROWTH = 0.25, 1.1
#: Bytes per second below which nothing is limited, and which every limit leaves.
_WORTH, _LEAST = 4 << 20, 1 << 20
#: What is limited, by the counter of it.
_LIMITS = {"rbps": "task_io_device_read_bytes", "wbps": "task_io_device_written_bytes"}

#: Limits by device.
_Value = dict[str, dict[str, Any]]


def _limit(sight: Sight, type_: AllocationType) -> _Value | None:
    """A quarter of what it does now on each device on which it does much."""
    if not isinstance(sight.task.allocations.get(type_), dict):
        return None
    found: _Value = {}
    for limit, counter in _LIMITS.items():
        for device, rate in sight.readings.by_device(sight.task.task_id, counter).items():
            if rate >= _WORTH:
                found.setdefault(device, {})[limit] = int(max(_LEAST, _QUARTER * rate))
    return found or None


def _less(value: _Value, _sight: Sight, _begun: Begun) -> _Value | None:
    tighter = _times(value, 0.5)
    return None if tighter == value else tighter


def _more(value: _Value, _sight: Sight, begun: Begun) -> _Value | None:
    """Until it could do again what it did."""
    grown = _times(value, _GROWTH)
    return grown if _sum(grown) * _QUARTER < _sum(begun.first) else None


def _sum(value: _Value) -> float:
    return float(sum(limit for device in value.values() for limit in device.values()))


def _times(value: _Value, factor: float) -> _Value:
    return {
        device: {name: int(max(_LEAST, limit * factor)) for name, limit in limits.items()}
        for device, limits in value.items()
    }


def _back(value: _Value, original: Any) -> _Value:
    """What was there before, of the devices that were limited: nothing cannot be asked for."""
    before = original if isinstance(original, dict) else {}
    return {
        device: {name: before.get(device, {}).get(name, "max") for name in limits}
        for device, limits in value.items()
    }


def _weight(sight: Sight, type_: AllocationType) -> int | None:
    now = sight.number(type_)
    return 1 if now is not None and now > 1 else None


IO_LIMIT = Lever(
    "limit at the disk",
    (_T.IO_MAX,),
    _limit,
    _less,
    _more,
    _back,
    settle=1,
    activity=sampling.READ,
    amount=sampling.READ,
)
IO_WEIGHT = Lever("lowest weight at the disk", (_T.IO_WEIGHT,), _weight, activity=sampling.READ)
