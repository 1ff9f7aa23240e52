"""Catalogue entries of the perf events that each family of processors encodes in its own way."""

from wca.metrics.metadata import MetricMetadata
from wca.metrics.metric import MetricGranularity, MetricType, MetricUnit

__all__ = ["PERF_TABLE_METRICS"]

_ENTRIES = (
    ("task_stalled_mem_loads", "Cycles in which the task stalled while loads were outstanding."),
    (
        "task_offcore_requests_l3_miss_demand_data_rd",
        "Demand reads of data that missed the level 3 cache.",
    ),
    (
        "task_offcore_requests_demand_data_rd",
        "Demand reads of data that went beyond the core's own caches.",
    ),
    (
        "task_offcore_requests_demand_rfo",
        "Demand reads for ownership, of stores, that went beyond the core's own caches.",
    ),
    (
        "task_offcore_requests_outstanding_l3_miss_demand_data_rd",
        "Demand reads that missed the level 3 cache and are under way, added up over the cycles.",
    ),
    ("task_mem_load_retired_local_pmm", "Retired loads that came from local persistent memory."),
    (
        "task_mem_load_retired_local_dram",
        "Retired loads that missed the level 3 cache and came from local DRAM.",
    ),
    (
        "task_mem_load_retired_remote_dram",
        "Retired loads that missed the level 3 cache and came from the DRAM of another node.",
    ),
    ("task_mem_inst_retired_loads", "Retired loads."),
    ("task_mem_inst_retired_stores", "Retired stores."),
)

PERF_TABLE_METRICS: tuple[MetricMetadata, ...] = tuple(
    MetricMetadata(
        name,
        MetricType.COUNTER,
        MetricUnit.NUMERIC,
        MetricGranularity.TASK,
        help_,
        "perf: the event of the processor's family, see docs/perf.md",
        needs="event_names, hardware counters",
    )
    for name, help_ in _ENTRIES
)
