"""The services of worker monitoring, as ``from application.services import ...``."""

from wca.workers import (
    BackgroundTaskScheduler,
    BackgroundTasksBus,
    WorkerMetricsCollectionJob,
    WorkerMonitoringScheduler,
    WorkerNotificationHandler,
)

__all__ = [
    "BackgroundTaskScheduler",
    "BackgroundTasksBus",
    "WorkerMetricsCollectionJob",
    "WorkerMonitoringScheduler",
    "WorkerNotificationHandler",
]
