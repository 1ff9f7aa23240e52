"""Catalogue entries of what applications say of their work. Data only."""

from wca.metrics.metadata import MetricMetadata
from wca.metrics.metric import MetricGranularity, MetricType, MetricUnit

__all__ = ["WORK_METRICS"]

_TASK = MetricGranularity.TASK
_NEEDS = "TaskWorkCollector"

WORK_METRICS: tuple[MetricMetadata, ...] = (
    MetricMetadata(
        "task_work",
        MetricType.COUNTER,
        MetricUnit.NUMERIC,
        _TASK,
        "Units of work that the task has done, such as requests answered; what a unit is, its "
        "application says.",
        "a counter file, the task's Prometheus endpoint, or a page of Prometheus text",
        needs=_NEEDS,
    ),
    MetricMetadata(
        "task_sli_normalized",
        MetricType.GAUGE,
        MetricUnit.NUMERIC,
        _TASK,
        "Service level indicator of the task divided by its objective; above 1 the objective is "
        "missed.",
        "the task's Prometheus endpoint, or a page of Prometheus text",
        needs=f"{_NEEDS} with sli",
    ),
    MetricMetadata(
        "task_cpu_seconds_per_work",
        MetricType.GAUGE,
        MetricUnit.SECONDS,
        _TASK,
        "CPU time that the task took for one unit of work since the last sample in which some work "
        "was done; absent in a sample without.",
        "derived from task_cpu_usage_seconds and task_work",
        needs=f"{_NEEDS}, enable_derived_metrics",
    ),
)
