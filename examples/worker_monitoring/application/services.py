"""The services of worker monitoring, as ``from application.services import ...``."""

from wca.workers import (
    BackgroundTasksBus,
    BackgroundTaskScheduler,
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
