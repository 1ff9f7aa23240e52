"""Which event of a processor counts what a metric's name says, by family.

A family is a folder of the kernel's tools/perf/pmu-events/arch (of Linux 6.12). Every entry names
its event there; a test compares the numbers with the kernel's files.
"""

from collections.abc import Mapping
from types import MappingProxyType

from wca.linux.perf.tables.amd import AMD
from wca.linux.perf.tables.arm import ARM
from wca.linux.perf.tables.entry import TableEvent, Uncore, UncoreEvent
from wca.linux.perf.tables.intel import INTEL
from wca.linux.perf.tables.uncore import UNCORE

__all__ = [
    "CORE_EVENTS",
    "CORE_NAMES",
    "UNCORE",
    "UNCORE_NAMES",
    "TableEvent",
    "Uncore",
    "UncoreEvent",
]

#: Events of CPUs by metric, by folder.
CORE_EVENTS: Mapping[str, Mapping[str, TableEvent]] = MappingProxyType({**INTEL, **AMD, **ARM})

#: Every metric that some family has an event for, in a fixed order.
CORE_NAMES = tuple(dict.fromkeys(name for table in CORE_EVENTS.values() for name in table))

#: The same for events outside of the CPUs.
UNCORE_NAMES = tuple(dict.fromkeys(name for table in UNCORE.values() for name in table))
