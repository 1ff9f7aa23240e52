"""Catalogue entries of tasks. Data only."""

from wca.metrics.metadata import MetricMetadata
from wca.metrics.metric import MetricGranularity, MetricType, MetricUnit

__all__ = ["TASK_METRICS"]

_UNLIMITED = "absent when unlimited"


def _task(
    name: str,
    type_: MetricType,
    unit: MetricUnit,
    help_: str,
    source: str,
    *,
    levels: tuple[str, ...] = (),
    needs: str = "",
) -> MetricMetadata:
    return MetricMetadata(name, type_, unit, MetricGranularity.TASK, help_, source, levels, needs)


_C, _G = MetricType.COUNTER, MetricType.GAUGE
_B, _N, _S = MetricUnit.BYTES, MetricUnit.NUMERIC, MetricUnit.SECONDS


def _psi(resource: str, kind: str, stalled: str) -> MetricMetadata:
    return _task(
        f"task_psi_{resource}_{kind}_seconds",
        _C,
        _S,
        f"Time in which {stalled} of the task waited for {resource}.",
        f"v2 and hybrid: {resource}.pressure, {kind} total",
        needs="kernel with PSI",
    )


TASK_METRICS: tuple[MetricMetadata, ...] = (
    _task("task_up", _G, _N, "1 for every task that was measured.", "internal"),
    _task(
        "task_last_seen",
        _G,
        MetricUnit.TIMESTAMP,
        "Unix time of the task's last measurement.",
        "internal",
    ),
    _task(
        "task_subcontainers",
        _G,
        _N,
        "Containers of the task that have a cgroup of their own.",
        "node",
    ),
    _task("task_requested_cpus", _G, _N, "CPUs requested for the task, in cores.", "node"),
    _task("task_requested_mem_bytes", _G, _B, "Memory requested for the task.", "node"),
    _task(
        "task_cpu_usage_seconds",
        _C,
        _S,
        "CPU time used by the task.",
        "v1: cpuacct.usage; v2: cpu.stat usage_usec",
    ),
    _task(
        "task_cpu_periods",
        _C,
        _N,
        "Enforcement periods of the CPU quota that have passed.",
        "v1 and v2: cpu.stat nr_periods",
        needs="cpu controller",
    ),
    _task(
        "task_cpu_throttled_periods",
        _C,
        _N,
        "Enforcement periods in which the task used up its CPU quota.",
        "v1 and v2: cpu.stat nr_throttled",
        needs="cpu controller",
    ),
    _task(
        "task_cpu_throttled_seconds",
        _C,
        _S,
        "Time the task was held back by its CPU quota, summed over CPUs.",
        "v1: cpu.stat throttled_time; v2: cpu.stat throttled_usec",
        needs="cpu controller",
    ),
    _task(
        "task_mem_usage_bytes",
        _G,
        _B,
        "Memory charged to the task, page cache included.",
        "v1: memory.usage_in_bytes; v2: memory.current",
    ),
    _task(
        "task_mem_max_usage_bytes",
        _G,
        _B,
        "Highest memory usage of the task so far.",
        "v1: memory.max_usage_in_bytes; v2: memory.peak (Linux 5.19)",
    ),
    _task(
        "task_mem_limit_bytes",
        _G,
        _B,
        f"Memory the task may use; {_UNLIMITED}.",
        "v1: memory.limit_in_bytes; v2: memory.max",
    ),
    _task(
        "task_mem_soft_limit_bytes",
        _G,
        _B,
        f"Memory above which the task is reclaimed first; {_UNLIMITED}.",
        "v1: memory.soft_limit_in_bytes; v2: memory.high",
    ),
    _task(
        "task_mem_page_faults",
        _C,
        _N,
        "Page faults of the task, minor and major.",
        "v1: memory.stat total_pgfault; v2: memory.stat pgfault",
    ),
    _task(
        "task_mem_major_page_faults",
        _C,
        _N,
        "Page faults of the task that needed a read from disk.",
        "v1: memory.stat total_pgmajfault; v2: memory.stat pgmajfault",
    ),
    _task(
        "task_mem_numa_pages",
        _G,
        _N,
        "Pages of the task on each NUMA node.",
        "v1: memory.numa_stat hierarchical_total; v2: memory.numa_stat anon + file, in pages",
        levels=("numa_node",),
    ),
    _psi("cpu", "some", "at least one thread"),
    _psi("cpu", "full", "every thread"),
    _psi("memory", "some", "at least one thread"),
    _psi("memory", "full", "every thread"),
    _psi("io", "some", "at least one thread"),
    _psi("io", "full", "every thread"),
)
