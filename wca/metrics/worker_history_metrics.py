"""Catalogue entries of what a history of workers sends. Data only."""

from wca.metrics.metadata import MetricMetadata
from wca.metrics.metric import MetricGranularity, MetricType, MetricUnit

__all__ = ["WORKER_HISTORY_METRICS"]

_INTERNAL = MetricGranularity.INTERNAL
_NEEDS = "WorkerMonitoringRunner with RemoteWriteHistory"

WORKER_HISTORY_METRICS: tuple[MetricMetadata, ...] = (
    MetricMetadata(
        "wca_worker_sample_reading",
        MetricType.GAUGE,
        MetricUnit.NUMERIC,
        _INTERNAL,
        "A metric that was read of a worker, in the unit that CloudWatch has it in.",
        "CloudWatch: GetMetricData",
        levels=("reading",),
        needs=_NEEDS,
    ),
    MetricMetadata(
        "wca_worker_sample_state",
        MetricType.GAUGE,
        MetricUnit.NUMERIC,
        _INTERNAL,
        "1 for the state that the instance of a worker was in when it was polled.",
        "EC2: DescribeInstanceStatus",
        levels=("state",),
        needs=_NEEDS,
    ),
)
