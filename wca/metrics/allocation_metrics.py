"""Catalogue entries of allocation. Data only."""

from wca.metrics.metadata import MetricMetadata
from wca.metrics.metric import MetricGranularity, MetricType, MetricUnit

__all__ = ["ALLOCATION_METRICS"]

_C, _G = MetricType.COUNTER, MetricType.GAUGE
_N, _B, _S = MetricUnit.NUMERIC, MetricUnit.BYTES, MetricUnit.SECONDS
_KERNEL = "cgroup"
_EFFECT = ("contended_task_id", "task_id", "allocation_type", "signal")


def _entry(
    name: str,
    type_: MetricType,
    unit: MetricUnit,
    help_: str,
    source: str = _KERNEL,
    levels: tuple[str, ...] = ("allocation_type",),
    needs: str = "AllocationRunner",
) -> MetricMetadata:
    granularity = MetricGranularity.ALLOCATION
    return MetricMetadata(name, type_, unit, granularity, help_, source, levels, needs)


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
    _entry(
        "allocation_migrate_pages",
        _G,
        _N,
        "NUMA node to which the pages of a task were moved in the last interval.",
    ),
    _entry("allocation_memory_max", _G, _B, "Memory that a task may use at most."),
    _entry("allocation_memory_high", _G, _B, "Memory beyond which a task is slowed down."),
    _entry("allocation_memory_low", _G, _B, "Memory of a task that is spared from reclaim."),
    _entry("allocation_io_weight", _G, _N, "Weight of a task at block devices."),
    _entry(
        "allocation_io_max",
        _G,
        _N,
        "Bytes (rbps, wbps) or operations (riops, wiops) per second that a task may read or write "
        "at a device at most, as the interval began.",
        levels=("allocation_type", "device", "limit"),
    ),
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
    _entry(
        "allocations_foreign_writes_total",
        _C,
        _N,
        "Values of the agent's that somebody else has written over, or could not.",
        "internal",
        ("allocation_type", "kind"),
    ),
    _entry(
        "allocations_yielded",
        _G,
        _N,
        "Files that are left to somebody else who has written them.",
        "internal",
        (),
    ),
    _entry(
        "allocations_untold_total",
        _C,
        _N,
        "Decisions that the system's journal or Kubernetes was not told.",
        "internal",
        ("sink",),
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
    _entry(
        "allocation_effect_ratio",
        _G,
        _N,
        "What became of a number of the victim with an allocation in force: after divided by "
        "before, and by what became of it where nothing was done; below 1 it helped.",
        "allocator",
        _EFFECT,
        "ContentionAllocator or SuppressAllocator",
    ),
    _entry(
        "allocation_effect_control_ratio",
        _G,
        _N,
        "What became of the same number where nothing was done.",
        "allocator",
        _EFFECT,
        "ContentionAllocator or SuppressAllocator",
    ),
    _entry(
        "allocation_effect_confidence",
        _G,
        _N,
        "That before and after differ by more than chance, from 0 to 1.",
        "allocator",
        _EFFECT,
        "ContentionAllocator or SuppressAllocator",
    ),
    _entry(
        "allocation_contention_actions",
        _C,
        _N,
        "Actions by the verdict that they were for and by what became of them.",
        "allocator",
        ("verdict", "outcome"),
        "ContentionAllocator",
    ),
    _entry(
        "allocation_reclaim_tasks",
        _G,
        _N,
        "Tasks from which memory is taken as far as they do not feel it.",
        "allocator",
        (),
        "MemoryReclaimAllocator",
    ),
    _entry(
        "allocation_reclaim_asked_bytes",
        _C,
        _B,
        "Memory that was asked for, whether the kernel had as much to give or not.",
        "allocator",
        (),
        "MemoryReclaimAllocator",
    ),
    _entry(
        "allocation_oom_rules_met",
        _G,
        _N,
        "1 while all conditions of a rule are met, 0 while not.",
        "allocator",
        ("rule",),
        "OOMAllocator",
    ),
    _entry(
        "allocation_oom_kills_asked",
        _C,
        _N,
        "Kills that were asked for, by the rule that they were for.",
        "allocator",
        ("rule",),
        "OOMAllocator",
    ),
    _entry(
        "allocation_suppress_stage",
        _G,
        _N,
        "How far best-effort tasks are held back: 0 not, 1 by weight, 2 in their CPUs, 3 by quota.",
        "allocator",
        (),
        "SuppressAllocator",
    ),
)
