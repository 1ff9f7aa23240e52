"""Catalogue entries of the working set of tasks. Data only."""

from wca.metrics.metadata import MetricMetadata
from wca.metrics.metric import MetricGranularity, MetricType, MetricUnit

__all__ = ["WSS_METRICS"]

_TASK = MetricGranularity.TASK

WSS_METRICS: tuple[MetricMetadata, ...] = (
    MetricMetadata(
        "task_wss_referenced_bytes",
        MetricType.GAUGE,
        MetricUnit.BYTES,
        _TASK,
        "Memory that the task's processes have used since the marks of use were last taken away; "
        "memory that several share counts for each.",
        "/proc/PID/smaps_rollup Referenced",
        needs="wss_reset_cycles, or TaskWssCollector",
    ),
    MetricMetadata(
        "task_working_set_size_bytes",
        MetricType.GAUGE,
        MetricUnit.BYTES,
        _TASK,
        "Memory that the task works with: what it had used when that had stopped growing, "
        "or with method lru_gen what it used in the last window.",
        "clear_refs: derived from task_wss_referenced_bytes and task_mem_bandwidth_bytes; "
        "lru_gen: /sys/kernel/debug/lru_gen",
        needs="wss_reset_cycles, wss_stable_cycles, wss_membw_threshold and resctrl; "
        "or TaskWssCollector with method lru_gen",
    ),
    MetricMetadata(
        "task_wss_measure_overhead_seconds",
        MetricType.COUNTER,
        MetricUnit.SECONDS,
        _TASK,
        "Time that measuring the working set has taken.",
        "internal",
        needs="wss_reset_cycles, or TaskWssCollector",
    ),
)
