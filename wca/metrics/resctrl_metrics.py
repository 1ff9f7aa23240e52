"""Catalogue entries of resctrl monitoring of tasks. Data only."""

from wca.metrics.metadata import MetricMetadata
from wca.metrics.metric import MetricGranularity, MetricType, MetricUnit

__all__ = ["RESCTRL_METRICS"]

_SOURCE = "resctrl: mon_data/mon_L3_*/{}, summed over L3 domains"


def _resctrl(name: str, type_: MetricType, help_: str, source: str) -> MetricMetadata:
    granularity, needs = MetricGranularity.TASK, "resctrl with L3 monitoring; root"
    return MetricMetadata(name, type_, MetricUnit.BYTES, granularity, help_, source, needs=needs)


RESCTRL_METRICS: tuple[MetricMetadata, ...] = (
    _resctrl(
        "task_llc_occupancy_bytes",
        MetricType.GAUGE,
        "Bytes of the L3 caches that the task's data occupies.",
        _SOURCE.format("llc_occupancy"),
    ),
    _resctrl(
        "task_mem_bandwidth_bytes",
        MetricType.COUNTER,
        "Bytes that the task moved between the L3 caches and memory.",
        _SOURCE.format("mbm_total_bytes"),
    ),
    _resctrl(
        "task_mem_bandwidth_local_bytes",
        MetricType.COUNTER,
        "Bytes that the task moved between an L3 cache and the memory of the same NUMA node.",
        _SOURCE.format("mbm_local_bytes"),
    ),
    _resctrl(
        "task_mem_bandwidth_remote_bytes",
        MetricType.COUNTER,
        "Bytes that the task moved between an L3 cache and the memory of other NUMA nodes.",
        "resctrl: mbm_total_bytes less mbm_local_bytes",
    ),
)
