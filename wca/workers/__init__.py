"""Worker monitoring: a fleet of EC2 instances polled, judged, alerted on and healed.

Names are imported when they are used, so that none of them brings in a library that is not needed.
"""

from typing import TYPE_CHECKING

from wca.lazy import lazy_names

if TYPE_CHECKING:
    from wca.workers.aws.account import AwsAccount
    from wca.workers.aws.cloud import AwsCloud
    from wca.workers.cml.background import (
        JobFinishedError,
        RecurrentBackgroundJob,
        RecurrentTaskDescriptor,
        backgroundjob,
    )
    from wca.workers.cml.domain_events import (
        CMLWorkerCreatedDomainEvent,
        CMLWorkerImportedDomainEvent,
        CMLWorkerStatusUpdatedDomainEvent,
        CMLWorkerTelemetryUpdatedDomainEvent,
        CMLWorkerTerminatedDomainEvent,
    )
    from wca.workers.cml.events import EventBus, integration_event_handler
    from wca.workers.cml.metrics_job import (
        WorkerMetricsCollectionJob,
        WorkerNotFoundError,
        WorkerTerminatedError,
    )
    from wca.workers.cml.monitoring_scheduler import MonitoringHandle, WorkerMonitoringScheduler
    from wca.workers.cml.notification import WorkerNotificationHandler
    from wca.workers.cml.repository import CMLWorkerRepository, InMemoryCMLWorkerRepository
    from wca.workers.cml.services import ServiceCollection
    from wca.workers.cml.settings import ApplicationSettings, Settings
    from wca.workers.cml.status import CMLWorkerStatus, map_ec2_state_to_cml_status
    from wca.workers.cml.task_bus import BackgroundTasksBus
    from wca.workers.cml.task_scheduler import BackgroundTaskScheduler
    from wca.workers.cml.worker import CMLWorker, CMLWorkerState
    from wca.workers.ec2_client import FIVE_MIN_AGO, AwsEc2Client
    from wca.workers.history.remote_write import RemoteWriteHistory
    from wca.workers.history.sql import PostgresHistory, SqliteHistory
    from wca.workers.job_stores.memory import MemoryJobStore
    from wca.workers.job_stores.mongo import MongoJobStore
    from wca.workers.job_stores.redis import RedisJobStore
    from wca.workers.job_stores.sqlite import SqliteJobStore
    from wca.workers.leases.redis import RedisLease
    from wca.workers.leases.sqlite import SqliteLease
    from wca.workers.notifiers.alertmanager import AlertmanagerNotifier
    from wca.workers.notifiers.log import LogNotifier
    from wca.workers.notifiers.opsgenie import OpsgenieNotifier
    from wca.workers.notifiers.pagerduty import PagerDutyNotifier
    from wca.workers.notifiers.slack import SlackNotifier
    from wca.workers.notifiers.webhook import WebhookNotifier
    from wca.workers.remediation import AutoRemediation, Remediation
    from wca.workers.rules.no_data import NoDataRule
    from wca.workers.rules.scheduled_event import ScheduledEventRule
    from wca.workers.rules.state_change import StateChangeRule
    from wca.workers.rules.status_check import StatusCheckRule
    from wca.workers.rules.threshold import ThresholdRule
    from wca.workers.runner import WorkerMonitoringRunner
    from wca.workers.schedule.api import Job, JobStore, Schedule
    from wca.workers.schedule.aps import ApsSchedule
    from wca.workers.sources.ec2_tags import Ec2TagWorkers
    from wca.workers.sources.sql import SqlWorkers
    from wca.workers.sources.static import StaticWorkers
    from wca.workers.sources.union import UnionWorkers
    from wca.workers.stores.mongo import MongoWorkerStore
    from wca.workers.stores.redis import RedisWorkerStore
    from wca.workers.stores.sql import PostgresWorkerStore, SqliteWorkerStore

__all__ = [
    "AlertmanagerNotifier",
    "ApplicationSettings",
    "ApsSchedule",
    "AutoRemediation",
    "AwsAccount",
    "AwsCloud",
    "AwsEc2Client",
    "BackgroundTaskScheduler",
    "BackgroundTasksBus",
    "CMLWorker",
    "CMLWorkerCreatedDomainEvent",
    "CMLWorkerImportedDomainEvent",
    "CMLWorkerRepository",
    "CMLWorkerState",
    "CMLWorkerStatus",
    "CMLWorkerStatusUpdatedDomainEvent",
    "CMLWorkerTelemetryUpdatedDomainEvent",
    "CMLWorkerTerminatedDomainEvent",
    "Ec2TagWorkers",
    "EventBus",
    "FIVE_MIN_AGO",
    "InMemoryCMLWorkerRepository",
    "Job",
    "JobFinishedError",
    "JobStore",
    "LogNotifier",
    "MemoryJobStore",
    "MongoJobStore",
    "MongoWorkerStore",
    "MonitoringHandle",
    "NoDataRule",
    "OpsgenieNotifier",
    "PagerDutyNotifier",
    "PostgresHistory",
    "PostgresWorkerStore",
    "RecurrentBackgroundJob",
    "RecurrentTaskDescriptor",
    "RedisJobStore",
    "RedisLease",
    "RedisWorkerStore",
    "Remediation",
    "RemoteWriteHistory",
    "Schedule",
    "ScheduledEventRule",
    "ServiceCollection",
    "Settings",
    "SlackNotifier",
    "SqlWorkers",
    "SqliteHistory",
    "SqliteJobStore",
    "SqliteLease",
    "SqliteWorkerStore",
    "StateChangeRule",
    "StaticWorkers",
    "StatusCheckRule",
    "ThresholdRule",
    "UnionWorkers",
    "WebhookNotifier",
    "WorkerMetricsCollectionJob",
    "WorkerMonitoringRunner",
    "WorkerMonitoringScheduler",
    "WorkerNotFoundError",
    "WorkerNotificationHandler",
    "WorkerTerminatedError",
    "backgroundjob",
    "integration_event_handler",
    "map_ec2_state_to_cml_status",
]

#: Public name to the module that has it.
_PLACES: dict[str, str] = {
    "AlertmanagerNotifier": "wca.workers.notifiers.alertmanager",
    "ApplicationSettings": "wca.workers.cml.settings",
    "ApsSchedule": "wca.workers.schedule.aps",
    "AutoRemediation": "wca.workers.remediation",
    "AwsAccount": "wca.workers.aws.account",
    "AwsCloud": "wca.workers.aws.cloud",
    "AwsEc2Client": "wca.workers.ec2_client",
    "BackgroundTaskScheduler": "wca.workers.cml.task_scheduler",
    "BackgroundTasksBus": "wca.workers.cml.task_bus",
    "CMLWorker": "wca.workers.cml.worker",
    "CMLWorkerCreatedDomainEvent": "wca.workers.cml.domain_events",
    "CMLWorkerImportedDomainEvent": "wca.workers.cml.domain_events",
    "CMLWorkerRepository": "wca.workers.cml.repository",
    "CMLWorkerState": "wca.workers.cml.worker",
    "CMLWorkerStatus": "wca.workers.cml.status",
    "CMLWorkerStatusUpdatedDomainEvent": "wca.workers.cml.domain_events",
    "CMLWorkerTelemetryUpdatedDomainEvent": "wca.workers.cml.domain_events",
    "CMLWorkerTerminatedDomainEvent": "wca.workers.cml.domain_events",
    "Ec2TagWorkers": "wca.workers.sources.ec2_tags",
    "EventBus": "wca.workers.cml.events",
    "FIVE_MIN_AGO": "wca.workers.ec2_client",
    "InMemoryCMLWorkerRepository": "wca.workers.cml.repository",
    "Job": "wca.workers.schedule.api",
    "JobFinishedError": "wca.workers.cml.background",
    "JobStore": "wca.workers.schedule.api",
    "LogNotifier": "wca.workers.notifiers.log",
    "MemoryJobStore": "wca.workers.job_stores.memory",
    "MongoJobStore": "wca.workers.job_stores.mongo",
    "MongoWorkerStore": "wca.workers.stores.mongo",
    "MonitoringHandle": "wca.workers.cml.monitoring_scheduler",
    "NoDataRule": "wca.workers.rules.no_data",
    "OpsgenieNotifier": "wca.workers.notifiers.opsgenie",
    "PagerDutyNotifier": "wca.workers.notifiers.pagerduty",
    "PostgresHistory": "wca.workers.history.sql",
    "PostgresWorkerStore": "wca.workers.stores.sql",
    "RecurrentBackgroundJob": "wca.workers.cml.background",
    "RecurrentTaskDescriptor": "wca.workers.cml.background",
    "RedisJobStore": "wca.workers.job_stores.redis",
    "RedisLease": "wca.workers.leases.redis",
    "RedisWorkerStore": "wca.workers.stores.redis",
    "Remediation": "wca.workers.remediation",
    "RemoteWriteHistory": "wca.workers.history.remote_write",
    "Schedule": "wca.workers.schedule.api",
    "ScheduledEventRule": "wca.workers.rules.scheduled_event",
    "ServiceCollection": "wca.workers.cml.services",
    "Settings": "wca.workers.cml.settings",
    "SlackNotifier": "wca.workers.notifiers.slack",
    "SqlWorkers": "wca.workers.sources.sql",
    "SqliteHistory": "wca.workers.history.sql",
    "SqliteJobStore": "wca.workers.job_stores.sqlite",
    "SqliteLease": "wca.workers.leases.sqlite",
    "SqliteWorkerStore": "wca.workers.stores.sql",
    "StateChangeRule": "wca.workers.rules.state_change",
    "StaticWorkers": "wca.workers.sources.static",
    "StatusCheckRule": "wca.workers.rules.status_check",
    "ThresholdRule": "wca.workers.rules.threshold",
    "UnionWorkers": "wca.workers.sources.union",
    "WebhookNotifier": "wca.workers.notifiers.webhook",
    "WorkerMetricsCollectionJob": "wca.workers.cml.metrics_job",
    "WorkerMonitoringRunner": "wca.workers.runner",
    "WorkerMonitoringScheduler": "wca.workers.cml.monitoring_scheduler",
    "WorkerNotFoundError": "wca.workers.cml.metrics_job",
    "WorkerNotificationHandler": "wca.workers.cml.notification",
    "WorkerTerminatedError": "wca.workers.cml.metrics_job",
    "backgroundjob": "wca.workers.cml.background",
    "integration_event_handler": "wca.workers.cml.events",
    "map_ec2_state_to_cml_status": "wca.workers.cml.status",
}

__getattr__ = lazy_names(__name__, _PLACES)
