"""Catalogue entries of allocation. Data only."""

from wca.metrics.metadata import MetricMetadata
from wca.metrics.metric import MetricGranularity, MetricType, MetricUnit

__all__ = ["ALLOCATION_METRICS"]

_C, _G = MetricType.COUNTER, MetricType.GAUGE
_N, _B, _S = MetricUnit.NUMERIC, MetricUnit.BYTES, MetricUnit.SECONDS
_KERNEL = "cgroup"


def _entry(
    name: str,
    type_: MetricType,
    unit: MetricUnit,
    help_: str,
    source: str = _KERNEL,
    levels: tuple[str, ...] = ("allocation_type",),
) -> MetricMetadata:
    granularity = MetricGranularity.ALLOCATION
    return MetricMetadata(name, type_, unit, granularity, help_, source, levels, "AllocationRunner")


_OF_GROUPS = ("allocation_type", "group_name", "domain_id")


def _of_groups(name: str, help_: str) -> MetricMetadata:
    return _entry(f"allocation_rdt_{name}", _G, _N, help_, "resctrl", _OF_GROUPS)


ALLOCATION_METRICS: tuple[MetricMetadata, ...] = (
    _entry("allocation_cpu_quota", _G, _N, "Share of all CPUs that a task may use at most."),
    _entry("allocation_cpu_shares", _G, _N, "CPU shares of a task, in cpu_shares_unit."),
    _entry("allocation_cpu_weight", _G, _N, "CPU weight of a task, from 1 to 10000."),
    _entry("allocation_cpu_idle", _G, _N, "1 for a task in the idle class of the CPU."),
    _entry(
        "allocation_cpu_burst",
        _G,
        _N,
        "What a task may use beyond its quota in one period, as a share of all CPUs.",
    ),
    _entry("allocation_cpuset_cpus_number_of_cpus", _G, _N, "CPUs that a task may run on."),
    _entry(
        "allocation_cpuset_mems_number_of_mems", _G, _N, "NUMA nodes whose memory a task may use."
    ),
    _entry(
        "allocation_cpuset_memory_migrate",
        _G,
        _N,
        "1 where the pages of a task move with its cpuset_mems.",
    ),
    _entry("allocation_memory_max", _G, _B, "Memory that a task may use at most."),
    _entry("allocation_memory_high", _G, _B, "Memory beyond which a task is slowed down."),
    _entry("allocation_memory_low", _G, _B, "Memory of a task that is spared from reclaim."),
    _entry("allocation_io_weight", _G, _N, "Weight of a task at block devices."),
    _entry("allocation_pids_max", _G, _N, "Processes and threads that a task may have at most."),
    _of_groups("l3_cache_ways", "Ways of an L3 cache that a task may fill."),
    _of_groups("l3_mask", "The same as a mask."),
    _of_groups("l2_cache_ways", "Ways of an L2 cache that a task may fill."),
    _of_groups("l2_mask", "The same as a mask."),
    _of_groups("mb", "Memory bandwidth of a task, in the unit of resctrl."),
    _of_groups("smba", "Bandwidth to memory of other kinds (AMD), in units of 1/8 GB/s."),
    _entry(
        "allocation_requests",
        _G,
        _N,
        "Requests of the allocator in the last interval by what became of them.",
        "internal",
        ("allocation_type", "outcome", "clause"),
    ),
    _entry(
        "allocations_count",
        _G,
        _N,
        "Allocations that were performed in the last interval; without act none ever is.",
        "internal",
        (),
    ),
    _entry("allocations_total", _C, _N, "Allocations that were performed.", "internal", ()),
    _entry("allocations_errors", _C, _N, "Allocations that have failed.", "internal", ()),
    _entry("allocations_undone", _C, _N, "Files that were given back.", "internal", ()),
    _entry(
        "allocations_in_force",
        _G,
        _N,
        "Files of the kernel that have a value of the agent's.",
        "internal",
        (),
    ),
    _entry("allocations_held", _G, _N, "1 while the hold file is there.", "internal", ()),
    _entry(
        "allocation_duration",
        _G,
        _S,
        "How long the last call of the allocator took.",
        "internal",
        (),
    ),
)
