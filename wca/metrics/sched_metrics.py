"""Catalogue entries of what the scheduler says of tasks. Data only."""

from wca.metrics.metadata import MetricMetadata
from wca.metrics.metric import MetricGranularity, MetricType, MetricUnit

__all__ = ["SCHED_METRICS"]

_TASK = MetricGranularity.TASK

SCHED_METRICS: tuple[MetricMetadata, ...] = (
    MetricMetadata(
        "task_sched_stat",
        MetricType.COUNTER,
        MetricUnit.NUMERIC,
        _TASK,
        "Counters of the scheduler, by the kernel's own names, summed over the task's threads; "
        "those that are times are in milliseconds.",
        "/proc/TID/sched",
        ("key",),
        "sched, or TaskSchedCollector",
    ),
    MetricMetadata(
        "task_sched_stat_numa_faults",
        MetricType.GAUGE,
        MetricUnit.NUMERIC,
        _TASK,
        "Faults taken by NUMA balancing on each node, of threads that are there now; they decay.",
        "/proc/TID/sched numa_faults",
        ("numa_node", "fault_type"),
        "sched, or TaskSchedCollector; NUMA balancing",
    ),
    MetricMetadata(
        "task_run_queue_delay_seconds",
        MetricType.COUNTER,
        MetricUnit.SECONDS,
        _TASK,
        "Time in which threads of the task were ready to run and had no CPU, summed over threads; "
        "time held back by a CPU quota is part of it.",
        "/proc/TID/schedstat, second number",
        needs="sched, or TaskSchedstatCollector",
    ),
    MetricMetadata(
        "task_run_queue_timeslices",
        MetricType.COUNTER,
        MetricUnit.NUMERIC,
        _TASK,
        "Times a thread of the task was given a CPU.",
        "/proc/TID/schedstat, third number",
        needs="sched, or TaskSchedstatCollector",
    ),
)
