"""Levers of memory: a limit for who fills the page cache, memory bandwidth by resctrl."""

import re
from dataclasses import replace

from wca.allocators.api import AllocationType, RDTAllocation
from wca.allocators.contending.levers import Begun, Lever, Sight
from wca.detectors.interfering import sampling

__all__ = ["BANDWIDTH", "MEMORY_LIMIT"]

_T = AllocationType
#: One step back of a limit.
_GROWTH = 1.1
#: Share of its memory that a streaming reader keeps at first.
_QUARTER = 0.25
#: Bytes of page cache below which a limit cannot help anybody.
_WORTH = 32 << 20
#: How much more than its anonymous memory a hard limit leaves: what is above it is killed.
_ROOM = 1.25
#: Percent of the memory bandwidth, at first and at least; of a row without ``mba_MBps``.
_FIRST, _LEAST, _ALL = 20, 10, 100
_DOMAIN = re.compile(r"(\d+)=(\d+)")


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
    grown = int(value * _GROWTH) + 1
    return grown if grown < begun.used else None


def _bandwidth(sight: Sight, type_: AllocationType) -> RDTAllocation | None:
    """A fifth in each domain, in a group of its own."""
    now = sight.task.allocations.get(type_)
    if not isinstance(now, RDTAllocation) or not isinstance(now.mb, str):
        return None
    domains = _DOMAIN.findall(now.mb)
    if not domains or any(not _FIRST < int(share) <= _ALL for _, share in domains):
        return None  # less already, or a row in MB per second
    return RDTAllocation(mb=_row({domain: _FIRST for domain, _ in domains}))


def _less_bandwidth(value: RDTAllocation, _sight: Sight, _begun: Begun) -> RDTAllocation | None:
    domains = {domain: int(share) for domain, share in _DOMAIN.findall(value.mb or "")}
    if all(share <= _LEAST for share in domains.values()):
        return None
    return replace(value, mb=_row({one: max(_LEAST, now // 2) for one, now in domains.items()}))


def _more_bandwidth(value: RDTAllocation, _sight: Sight, _begun: Begun) -> RDTAllocation | None:
    domains = {domain: int(share) + _LEAST for domain, share in _DOMAIN.findall(value.mb or "")}
    if any(share >= _ALL for share in domains.values()):
        return None
    return replace(value, mb=_row(domains))


def _its_group(_value: RDTAllocation, original: RDTAllocation) -> RDTAllocation:
    """Back into the group it shared, whose rows were never touched; the rows of one of its own."""
    return original if original.name is None else RDTAllocation(name=original.name)


def _row(domains: dict[str, int]) -> str:
    return "MB:" + ";".join(f"{domain}={share}" for domain, share in domains.items())


MEMORY_LIMIT = Lever(
    "memory limit",
    (_T.MEMORY_HIGH, _T.MEMORY_MAX),
    _memory,
    _less_memory,
    _more_memory,
    settle=2,
    activity=sampling.READ,
    amount=sampling.MEMORY,
    refills=True,
)
BANDWIDTH = Lever(
    "share of the memory bandwidth",
    (_T.RDT,),
    _bandwidth,
    _less_bandwidth,
    _more_bandwidth,
    back=_its_group,
)
