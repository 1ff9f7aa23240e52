"""What a runner of worker monitoring was configured with."""

from collections.abc import Sequence
from dataclasses import dataclass

from wca.http.server import HttpServer
from wca.storage import Storage
from wca.workers.api import Cloud, History, Lease, Notifier, Rule, WorkerSource, WorkerStore
from wca.workers.model import MetricQuery
from wca.workers.remediation import Remediation
from wca.workers.schedule.api import Schedule
from wca.workers.tracing import Tracing

__all__ = ["Options"]


@dataclass(frozen=True)
class Options:
    """The fields of ``WorkerMonitoringRunner``, with the parts that were left out; see there."""

    workers: WorkerSource
    cloud: Cloud
    queries: Sequence[MetricQuery]
    schedule: Schedule
    lease: Lease | None
    rules: Sequence[Rule]
    notifiers: Sequence[Notifier]
    remediation: Remediation | None
    history: History | None
    store: WorkerStore
    metrics_storage: Storage
    http: HttpServer | None
    tracing: Tracing
    interval: float
    jitter: float
    refresh_interval: float
    metrics_interval: float
    idle_threshold: float
    max_concurrency: int
    shutdown_timeout: float
    labels: dict[str, str]
