"""The contract of an allocator: what each task is to be granted."""

import enum
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from wca.config.types import Numeric, Str
from wca.detectors.api import Anomaly, TasksData
from wca.metrics import Metric
from wca.nodes.api import TaskId
from wca.platforms.api import Platform

__all__ = [
    "EVENTS",
    "AllocationConfiguration",
    "AllocationType",
    "Allocator",
    "RDTAllocation",
    "TaskAllocations",
    "TasksAllocations",
]

_PERIOD, _UNIT = Numeric(1000, 1_000_000), Numeric(1000, 1_000_000)
_TEXT = Str(1000)


class AllocationType(enum.StrEnum):
    """What a task can be granted; docs/allocation.md has the values and the kernel's files."""

    QUOTA = "cpu_quota"
    SHARES = "cpu_shares"
    RDT = "rdt"
    CPUSET_CPUS = "cpuset_cpus"
    CPUSET_MEMS = "cpuset_mems"
    CPUSET_MEMORY_MIGRATE = "cpuset_memory_migrate"
    MIGRATE_PAGES = "migrate_pages"
    CPU_WEIGHT = "cpu_weight"
    CPU_IDLE = "cpu_idle"
    CPU_BURST = "cpu_burst"
    MEMORY_HIGH = "memory_high"
    MEMORY_MAX = "memory_max"
    MEMORY_LOW = "memory_low"
    IO_WEIGHT = "io_weight"
    IO_MAX = "io_max"
    PIDS_MAX = "pids_max"
    MEMORY_RECLAIM = "memory_reclaim"
    KILL = "kill"


#: Types that are no states: they are done once, and cannot be given back.
EVENTS = frozenset(
    {AllocationType.MIGRATE_PAGES, AllocationType.MEMORY_RECLAIM, AllocationType.KILL}
)


@dataclass(frozen=True)
class RDTAllocation:
    """Cache and memory bandwidth, through resctrl.

    A row says what a group may use in each domain; domains that it leaves out stay as they are, and
    in a new group have all. Where resctrl is mounted with ``cdp``, a field of a cache may hold two
    rows, with a comma or the end of a line between them: ``L3CODE:0=f,L3DATA:0=ff``.

    Args:
        name: of the group that tasks share; None: the task has its own; empty: the root group.
        l3: a row such as ``L3:0=fff;1=fff``; None: as it is.
        mb: a row such as ``MB:0=50;1=50``; None: as it is.
        l2: a row such as ``L2:0=ff;1=ff``; None: as it is.
        smba: a row such as ``SMBA:0=2048;1=2048``; None: as it is.
    """

    name: str | None = None
    l3: str | None = None
    mb: str | None = None
    l2: str | None = None
    smba: str | None = None


TaskAllocations = dict[AllocationType, Any]
TasksAllocations = dict[TaskId, TaskAllocations]


class AllocationConfiguration:
    """How values are told to the kernel.

    Args:
        cpu_quota_period: of the CPU bandwidth control, in microseconds. With one that is too short
            a task cannot be held below one CPU.
        cpu_shares_unit: ``cpu.shares`` of a task with 1.0 of ``cpu_shares``.
        default_rdt_l3: row that the root group of resctrl has while the agent acts, such as
            ``L3:0=fff;1=fff``; as it is when left out.
        default_rdt_mb: the same for memory bandwidth.
    """

    def __init__(
        self,
        cpu_quota_period: Annotated[int, _PERIOD] = 100_000,
        cpu_shares_unit: Annotated[int, _UNIT] = 1000,
        default_rdt_l3: Annotated[str, _TEXT] | None = None,
        default_rdt_mb: Annotated[str, _TEXT] | None = None,
    ) -> None:
        _PERIOD.check(cpu_quota_period)
        _UNIT.check(cpu_shares_unit)
        self.cpu_quota_period = cpu_quota_period
        self.cpu_shares_unit = cpu_shares_unit
        self.default_rdt_l3 = default_rdt_l3
        self.default_rdt_mb = default_rdt_mb


class Allocator(ABC):
    """Looks at all tasks once per interval and says what each is to be granted.

    It writes nothing: what it asks for is compared with what is in force, held against the
    envelope, and written by the runner, if that acts at all (``act: true``). It is called as a
    detector is: on the loop's thread, or, where it is ``blocking``, on one of its own. Whatever it
    raises costs its answer for this interval. It knows no other time than that of the platform,
    and nothing random. The optional abilities are those of a detector, too, and one more:
    ``reasons()`` tells why the last answer has what it has, texts by task id and type, for the
    records; it is called right after ``allocate``, on the same thread.

    An ``allocate`` as allocators had it in the first releases, with the parameters ``platform,
    tasks_measurements, tasks_resources, tasks_labels, tasks_allocations``, is called with those.
    """

    #: Whether ``allocate`` may wait, or compute for longer than a part of the interval.
    blocking: ClassVar[bool] = False
    #: Whether it decides by itself. What a person has decided, as the rules of StaticAllocator, is
    #: not counted against the decisions of a day, and is not held to steps and pauses.
    decides: ClassVar[bool] = True

    @abstractmethod
    def allocate(
        self, platform: Platform, tasks_data: TasksData
    ) -> tuple[Mapping[TaskId, Mapping[Any, Any]], Sequence[Anomaly], Sequence[Metric]]:
        """Say what tasks are to be granted.

        Args:
            platform: the machine and the time; see ``Platform``.
            tasks_data: every task that was measured in this interval, by task id, with what is in
                force in ``allocations``.

        Returns:
            Values by type by task id, ``TasksAllocations``: what is not named stays as it is, and
            one that cannot be granted costs nothing but itself; anomalies as of a detector; and
            metrics of the allocator's own.
        """
