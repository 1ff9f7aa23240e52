"""Catalogue entries of worker monitoring. Data only."""

from wca.metrics.metadata import MetricMetadata
from wca.metrics.metric import MetricGranularity, MetricType, MetricUnit

__all__ = ["WORKER_METRICS"]

_C, _G = MetricType.COUNTER, MetricType.GAUGE
_N, _T = MetricUnit.NUMERIC, MetricUnit.TIMESTAMP
_STATUS, _CLOUDWATCH = "DescribeInstanceStatus", "GetMetricData"


def _worker(
    name: str,
    type_: MetricType,
    unit: MetricUnit,
    help_: str,
    *levels: str,
    source: str = "internal",
) -> MetricMetadata:
    return MetricMetadata(
        name,
        type_,
        unit,
        MetricGranularity.WORKER,
        help_,
        source,
        levels,
        "WorkerMonitoringRunner",
    )


WORKER_METRICS: tuple[MetricMetadata, ...] = (
    _worker(
        "worker_information",
        _G,
        _N,
        "1, with what tells a worker from others as labels.",
        "worker_id",
        "worker_name",
        "aws_account",
        "aws_region",
        "aws_instance_id",
        source="source of workers",
    ),
    _worker(
        "worker_state",
        _G,
        _N,
        "1 for the state of the worker's instance.",
        "worker_id",
        "state",
        source=_STATUS,
    ),
    _worker(
        "worker_check_passed",
        _G,
        _N,
        "1 where a status check of the instance passes, 0 where it fails; absent while EC2 does "
        "not know.",
        "worker_id",
        "check",
        source=_STATUS,
    ),
    _worker(
        "worker_cpu_utilization_ratio",
        _G,
        _N,
        "CPU of the worker in use, as the reading cpu says; absent without a value that is not "
        "old.",
        "worker_id",
        source=_CLOUDWATCH,
    ),
    _worker(
        "worker_mem_utilization_ratio",
        _G,
        _N,
        "Memory of the worker in use, as the reading memory says; absent without a value that is "
        "not old.",
        "worker_id",
        source=_CLOUDWATCH,
    ),
    _worker(
        "worker_reading",
        _G,
        _N,
        "The value of each further metric, in CloudWatch's unit, and that of each disk of one that "
        "is read of several; absent without one that is not old.",
        "worker_id",
        "metric",
        source=_CLOUDWATCH,
    ),
    _worker(
        "worker_polled",
        _G,
        _T,
        "Unix time at which EC2 last answered about the worker.",
        "worker_id",
        source=_STATUS,
    ),
    _worker(
        "worker_active",
        _G,
        _T,
        "Unix time at which the worker's CPU was last seen above the idle threshold.",
        "worker_id",
        source=_CLOUDWATCH,
    ),
    _worker("wca_workers", _G, _N, "Workers that are watched, by state.", "shard", "state"),
    _worker(
        "wca_workers_listed",
        _G,
        _T,
        "Unix time at which the source of workers has given its list.",
    ),
    _worker(
        "wca_worker_polls",
        _C,
        _N,
        "Turns of each shard, by what became of them: polled, failed, or not ours, as another "
        "agent has the lease.",
        "shard",
        "result",
    ),
    _worker(
        "wca_worker_poll_duration_seconds",
        _G,
        MetricUnit.SECONDS,
        "Time that the last turn of each shard took.",
        "shard",
    ),
    _worker(
        "wca_worker_readings",
        _G,
        _N,
        "Readings of running workers by what they are worth: value, zero, no data, stale, "
        "throttled or failed.",
        "shard",
        "metric",
        "verdict",
        source=_CLOUDWATCH,
    ),
    _worker("wca_worker_alerts", _G, _N, "Alerts that fire, by severity.", "severity"),
    _worker(
        "wca_worker_notifications",
        _C,
        _N,
        "Alerts that each notifier was to tell, by what became of them: sent, retried, refused or "
        "dropped.",
        "notifier",
        "result",
    ),
    _worker(
        "wca_worker_notifications_waiting",
        _G,
        _N,
        "Alerts that wait to be told.",
        "notifier",
    ),
    _worker(
        "wca_worker_actions",
        _C,
        _N,
        "Actions of the remediation by what became of them: done, dry run, failed or not done.",
        "action",
        "outcome",
    ),
    _worker(
        "wca_worker_leases",
        _G,
        _N,
        "1 for each shard that is this agent's to poll, 0 for those of others.",
        "shard",
    ),
)
