"""Catalogue entries of ``NUMAAllocator``. Data only."""

from wca.metrics.metadata import MetricMetadata
from wca.metrics.metric import MetricGranularity, MetricType, MetricUnit

__all__ = ["NUMA_METRICS"]

_N, _B = MetricUnit.NUMERIC, MetricUnit.BYTES


def _entry(name: str, help_: str, unit: MetricUnit = _N, *levels: str) -> MetricMetadata:
    granularity = MetricGranularity.ALLOCATION
    return MetricMetadata(
        name, MetricType.GAUGE, unit, granularity, help_, "internal", levels, "NUMAAllocator"
    )


NUMA_METRICS: tuple[MetricMetadata, ...] = (
    _entry(
        "numa__balanced_memory_tasks",
        "Tasks that are placed on a NUMA node, or about to be.",
        _N,
        "numa_node",
    ),
    _entry(
        "numa__balanced_memory_size",
        "Memory that the tasks placed on a NUMA node may need.",
        _B,
        "numa_node",
    ),
    _entry("numa__task_tasks_count", "Tasks that the allocator has seen in the last interval."),
    _entry("numa__task_current_node", "NUMA node that a task is bound to; -1: to none."),
    _entry(
        "numa__task_pages_to_move", "Pages of a task that the allocator has asked to move so far."
    ),
    _entry(
        "numa__total_pages_to_move",
        "The same of all tasks that there are.",
    ),
)
