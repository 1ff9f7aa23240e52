"""Catalogue entries of perf events of tasks. Data only."""

from collections.abc import Iterator

from wca.metrics.metadata import MetricMetadata
from wca.metrics.metric import MetricGranularity, MetricType, MetricUnit

__all__ = ["PERF_METRICS"]

_SHARED = "event_names, hardware counters"


def _perf(
    name: str,
    help_: str,
    source: str,
    *,
    type_: MetricType = MetricType.COUNTER,
    unit: MetricUnit = MetricUnit.NUMERIC,
    needs: str = _SHARED,
) -> MetricMetadata:
    granularity = MetricGranularity.TASK
    return MetricMetadata(name, type_, unit, granularity, help_, source, needs=needs)


_HARDWARE = (
    ("task_cycles", "CPU cycles in which the task ran, at the clock rate of the moment.", "cycles"),
    ("task_instructions", "Instructions that the task retired.", "instructions"),
    ("task_cache_references", "Accesses to the last level cache.", "cache-references"),
    ("task_cache_misses", "Accesses that missed the last level cache.", "cache-misses"),
    ("task_branches", "Branch instructions that the task retired.", "branches"),
    ("task_branch_misses", "Branches that were predicted wrongly.", "branch-misses"),
    ("task_bus_cycles", "Bus cycles in which the task ran.", "bus-cycles"),
    (
        "task_stalled_cycles_frontend",
        "Cycles in which no instruction could be issued for lack of instructions.",
        "stalled-cycles-frontend",
    ),
    (
        "task_stalled_cycles_backend",
        "Cycles in which no instruction could be issued for lack of data or units.",
        "stalled-cycles-backend",
    ),
    (
        "task_reference_cycles",
        "CPU cycles in which the task ran, at a constant clock rate.",
        "ref-cycles",
    ),
)

_DERIVED = (
    ("task_ipc", "Instructions per cycle", "task_instructions, task_cycles"),
    ("task_ips", "Instructions per second of wall clock time", "task_instructions"),
    (
        "task_cache_misses_per_kilo_instructions",
        "Misses of the last level cache per 1000 instructions",
        "task_cache_misses, task_instructions",
    ),
    (
        "task_cache_hit_ratio",
        "Share of the accesses to the last level cache that did not miss it",
        "task_cache_references, task_cache_misses",
    ),
)

_SOFTWARE = (
    ("task_clock_seconds", "CPU time of the task while its events were counted.", "task-clock"),
    ("task_cpu_clock_seconds", "The same by the clock of the CPU.", "cpu-clock"),
    ("task_context_switches", "Times a CPU was taken from a thread.", "context-switches"),
    ("task_cpu_migrations", "Times a thread went on, on another CPU.", "cpu-migrations"),
    ("task_cgroup_switches", "Context switches to another cgroup.", "cgroup-switches (Linux 5.13)"),
    ("task_perf_page_faults", "Page faults, minor and major, as perf counts them.", "page-faults"),
    ("task_perf_minor_page_faults", "Page faults without a read from disk.", "minor-faults"),
    ("task_perf_major_page_faults", "Page faults that needed a read from disk.", "major-faults"),
    ("task_alignment_faults", "Unaligned accesses that the kernel handled.", "alignment-faults"),
    ("task_emulation_faults", "Instructions that the kernel emulated.", "emulation-faults"),
)

_CACHES = (
    ("l1d", "level 1 data cache", "L1-dcache", ("load", "store", "prefetch")),
    ("l1i", "level 1 instruction cache", "L1-icache", ("load", "prefetch")),
    ("llc", "last level cache", "LLC", ("load", "store", "prefetch")),
    ("dtlb", "data TLB", "dTLB", ("load", "store", "prefetch")),
    ("itlb", "instruction TLB", "iTLB", ("load",)),
    ("branch_unit", "branch prediction unit", "branch", ("load",)),
    ("node", "local memory of the NUMA node", "node", ("load", "store", "prefetch")),
)
_PLURALS = {"load": "loads", "store": "stores", "prefetch": "prefetches"}


def _cache_metrics() -> Iterator[MetricMetadata]:
    for cache, words, event, operations in _CACHES:
        for one in operations:
            many = _PLURALS[one]
            yield _perf(
                f"task_{cache}_{many}",
                f"{many.capitalize()} that went to the {words}.",
                f"perf: {event}-{many}",
            )
            yield _perf(
                f"task_{cache}_{one}_misses",
                f"{many.capitalize()} that missed the {words}.",
                f"perf: {event}-{one}-misses",
            )


def _software_metrics() -> Iterator[MetricMetadata]:
    for name, help_, event in _SOFTWARE:
        unit = MetricUnit.SECONDS if name.endswith("_seconds") else MetricUnit.NUMERIC
        yield _perf(name, help_, f"perf: {event}", unit=unit, needs="event_names")


def _derived_metrics() -> Iterator[MetricMetadata]:
    for name, help_, events in _DERIVED:
        yield _perf(
            name,
            f"{help_} since the last reading; absent when undefined.",
            f"derived: {events}",
            type_=MetricType.GAUGE,
            needs="event_names, enable_derived_metrics",
        )


PERF_METRICS: tuple[MetricMetadata, ...] = (
    *(_perf(name, help_, f"perf: {event}") for name, help_, event in _HARDWARE),
    _perf(
        "task_scaling_factor_avg",
        "Mean factor by which hardware events were scaled since the last reading; 1 is exact.",
        "perf: time enabled by time running, over CPUs and groups of events",
        type_=MetricType.GAUGE,
    ),
    _perf(
        "task_scaling_factor_max",
        "Largest factor by which hardware events were scaled since the last reading; 1 is exact.",
        "perf: time enabled by time running, over CPUs and groups of events",
        type_=MetricType.GAUGE,
    ),
    *_derived_metrics(),
    *_software_metrics(),
    *_cache_metrics(),
)
