"""The catalogue's entries of how much is used of what may be used."""

from wca.metrics.metadata import MetricMetadata
from wca.metrics.metric import MetricGranularity, MetricType, MetricUnit

__all__ = ["UTILIZATION_METRICS"]

_TASK = "TaskUtilizationCollector"
_NODE = "NodeUtilizationCollector"
_ECS = "EcsUtilizationCollector"


def _ratio(name: str, help_: str, source: str, needs: str) -> MetricMetadata:
    granularity = MetricGranularity.TASK if needs == _TASK else MetricGranularity.PLATFORM
    return MetricMetadata(
        name, MetricType.GAUGE, MetricUnit.NUMERIC, granularity, help_, source, (), needs
    )


UTILIZATION_METRICS: tuple[MetricMetadata, ...] = (
    _ratio(
        "task_cpu_utilization_ratio",
        "CPU time used since the last reading, of what the task's quota, its cpuset or the machine "
        "allow it.",
        "v1: cpuacct.usage, cpu.cfs_quota_us, cpuset.effective_cpus; v2: cpu.stat, cpu.max, "
        "cpuset.cpus.effective; of the groups above, too",
        _TASK,
    ),
    _ratio(
        "task_cpu_throttled_ratio",
        "Enforcement periods since the last reading in which the quota held the task back.",
        "v1 and v2: cpu.stat nr_throttled, nr_periods",
        _TASK,
    ),
    _ratio(
        "task_mem_utilization_ratio",
        "Working set of the task, of what the least limit of it and the groups above allow it, or "
        "the machine has.",
        "v1: memory.usage_in_bytes, memory.stat; v2: memory.current, memory.stat, memory.max",
        _TASK,
    ),
    _ratio(
        "platform_cpu_utilization_ratio",
        "CPU time that was not idle, nor waited for io, since the last reading, of all CPUs.",
        "/proc/stat",
        _NODE,
    ),
    _ratio(
        "platform_mem_utilization_ratio",
        "Memory of the machine without what is free, buffers, page cache and slabs.",
        "/proc/meminfo",
        _NODE,
    ),
    _ratio(
        "ecs_cpu_utilization_ratio",
        "CPU time used since the last reading by the containers of the ECS task, of its limit.",
        "task metadata endpoint version 4, /task/stats, /task",
        _ECS,
    ),
    _ratio(
        "ecs_mem_utilization_ratio",
        "Working set of the containers of the ECS task, of its limit.",
        "task metadata endpoint version 4, /task/stats, /task",
        _ECS,
    ),
)
