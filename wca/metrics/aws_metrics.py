"""Catalogue entries of what the agent asks AWS for. Data only."""

from wca.metrics.metadata import MetricMetadata
from wca.metrics.metric import MetricGranularity, MetricType, MetricUnit

__all__ = ["AWS_METRICS"]

_C, _G = MetricType.COUNTER, MetricType.GAUGE


def _aws(name: str, type_: MetricType, help_: str, *levels: str) -> MetricMetadata:
    return MetricMetadata(
        name, type_, MetricUnit.NUMERIC, MetricGranularity.WORKER, help_, "AwsCloud", levels
    )


AWS_METRICS: tuple[MetricMetadata, ...] = (
    _aws("wca_aws_requests", _C, "Requests to AWS, every attempt of a call.", "api"),
    _aws(
        "wca_aws_failed_requests",
        _C,
        "Calls of AWS that failed after all their attempts: throttled, denied (a permission is "
        "missing), credentials, region, unreachable, invalid or failed.",
        "api",
        "reason",
    ),
    _aws(
        "wca_aws_metrics_requested",
        _C,
        "Metrics that CloudWatch was asked for with GetMetricData, which is what it is paid for.",
    ),
    _aws(
        "wca_aws_metrics_skipped",
        _C,
        "Metrics that CloudWatch was not asked for, to keep to the monthly budget.",
    ),
    _aws(
        "wca_aws_forecast_dollars",
        _G,
        "What reading metrics will cost in 30 days, in US dollars, as the workers are now.",
    ),
    _aws(
        "wca_aws_held_back",
        _G,
        "1 while a region of an account is left alone because it did not answer, else 0.",
        "shard",
    ),
)
