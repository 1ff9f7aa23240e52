"""Names of perf events and what the kernel is asked for them.

A name of a configuration is the name of the metric. Codes: include/uapi/linux/perf_event.h; which
cache has which operation: tools/perf/util/evsel.c (``evsel__hw_cache_stat``).
"""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

from wca.errors import ValidationError

__all__ = ["COMPANION", "KNOWN_EVENTS", "PerfEvent", "parse_event"]

_TYPE_HARDWARE, _TYPE_SOFTWARE, _TYPE_HW_CACHE, _TYPE_RAW = 0, 1, 3, 4

_HARDWARE = {
    "task_cycles": 0,
    "task_instructions": 1,
    "task_cache_references": 2,
    "task_cache_misses": 3,
    "task_branches": 4,
    "task_branch_misses": 5,
    "task_bus_cycles": 6,
    "task_stalled_cycles_frontend": 7,
    "task_stalled_cycles_backend": 8,
    "task_reference_cycles": 9,
}
_SOFTWARE = {
    "task_cpu_clock_seconds": 0,
    "task_clock_seconds": 1,
    "task_perf_page_faults": 2,
    "task_context_switches": 3,
    "task_cpu_migrations": 4,
    "task_perf_minor_page_faults": 5,
    "task_perf_major_page_faults": 6,
    "task_alignment_faults": 7,
    "task_emulation_faults": 8,
    "task_cgroup_switches": 11,
}
_LOADS, _STORES, _PREFETCHES = 0, 1, 2
_OPERATIONS = {_LOADS: ("load", "loads"), _STORES: ("store", "stores")} | {
    _PREFETCHES: ("prefetch", "prefetches")
}
_CACHES: dict[str, tuple[int, tuple[int, ...]]] = {
    "l1d": (0, (_LOADS, _STORES, _PREFETCHES)),
    "l1i": (1, (_LOADS, _PREFETCHES)),
    "llc": (2, (_LOADS, _STORES, _PREFETCHES)),
    "dtlb": (3, (_LOADS, _STORES, _PREFETCHES)),
    "itlb": (4, (_LOADS,)),
    "branch_unit": (5, (_LOADS,)),
    "node": (6, (_LOADS, _STORES, _PREFETCHES)),
}
_RAW_FORM = "name__rEEUU, name__rEEUUCC or name__rEEUUCC with 10 more hexadecimal digits"
_RAW = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_HEX = re.compile(r"[0-9a-fA-F]*")


@dataclass(frozen=True, slots=True)
class PerfEvent:
    """One thing the kernel can count.

    Args:
        name: of the event and of its metric.
        type: ``perf_event_attr.type``.
        config: ``perf_event_attr.config``.
        config1: ``perf_event_attr.config1``.
        config2: ``perf_event_attr.config2``.
        divisor: how many of the kernel's units make one of the metric's; 1 for plain counts.
    """

    name: str
    type: int
    config: int
    config1: int = 0
    config2: int = 0
    divisor: int = 1

    @property
    def software(self) -> bool:
        """Whether the kernel itself counts it, without a counter of the processor."""
        return self.type == _TYPE_SOFTWARE


def _hardware_events() -> Iterator[PerfEvent]:
    for name, config in _HARDWARE.items():
        yield PerfEvent(name, _TYPE_HARDWARE, config)


def _software_events() -> Iterator[PerfEvent]:
    for name, config in _SOFTWARE.items():
        divisor = 10**9 if name.endswith("_seconds") else 1  # the kernel's clocks: nanoseconds
        yield PerfEvent(name, _TYPE_SOFTWARE, config, divisor=divisor)


def _cache_events() -> Iterator[PerfEvent]:
    for cache, (number, operations) in _CACHES.items():
        for operation in operations:
            one, many = _OPERATIONS[operation]
            config = number | operation << 8
            yield PerfEvent(f"task_{cache}_{many}", _TYPE_HW_CACHE, config)
            yield PerfEvent(f"task_{cache}_{one}_misses", _TYPE_HW_CACHE, config | 1 << 16)


#: Every event that has a name of its own.
KNOWN_EVENTS = MappingProxyType(
    {event.name: event for event in (*_hardware_events(), *_software_events(), *_cache_events())}
)


#: Counts nothing: ``PERF_COUNT_SW_DUMMY`` (Linux 3.12).
COMPANION = PerfEvent("companion", _TYPE_SOFTWARE, 9)


def parse_event(name: str) -> PerfEvent:
    """The event of a name: one of ``KNOWN_EVENTS``, or a raw one that says its own code.

    A raw event is any metric name, then ``__r`` and hexadecimal digits: two for the event, two for
    the unit mask, two for the counter mask (may be left out), and after these ten for ``config1``
    (may be left out). The code is ``event | umask << 8 | cmask << 24``.

    Raises:
        ValidationError: there is no such event; says what to write.
    """
    known = KNOWN_EVENTS.get(name)
    if known is not None:
        return known
    if "__r" not in name:
        near = difflib.get_close_matches(name[:100], KNOWN_EVENTS, n=1)
        hint = f", did you mean {near[0]}?" if near else f"; a raw event is written {_RAW_FORM}"
        raise ValidationError(f"there is no perf event {name!r}{hint}")
    return _parse_raw(name)


def _parse_raw(name: str) -> PerfEvent:
    if name.count("__r") > 1:
        raise ValidationError(f"raw perf event {name!r}: '__r' stands in it more than once")
    label, _, digits = name.partition("__r")
    if not _RAW.fullmatch(label):
        raise ValidationError(
            f"raw perf event {name!r}: before '__r' stands a name of letters, digits and '_'"
        )
    if not _HEX.fullmatch(digits):
        raise ValidationError(f"raw perf event {name!r}: after '__r' stand hexadecimal digits only")
    if len(digits) not in (4, 6, 16):
        raise ValidationError(
            f"raw perf event {name!r} has {len(digits)} digits after '__r', expected 4, 6 or 16: "
            + _RAW_FORM
        )
    event, umask, cmask = (int(digits[at : at + 2] or "0", 16) for at in (0, 2, 4))
    config = event | umask << 8 | cmask << 24
    return PerfEvent(name, _TYPE_RAW, config, int(digits[6:] or "0", 16))
