"""Worker monitoring: a fleet of EC2 instances polled, judged, alerted on and healed.

Names are imported when they are used, so that none of them brings in a library that is not needed.
"""

from typing import TYPE_CHECKING

from wca.lazy import lazy_names

if TYPE_CHECKING:
    from wca.workers.aws.account import AwsAccount
    from wca.workers.aws.cloud import AwsCloud
    from wca.workers.ec2_client import AwsEc2Client
    from wca.workers.history.remote_write import RemoteWriteHistory
    from wca.workers.history.sql import PostgresHistory, SqliteHistory
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
    from wca.workers.schedule.servers import MongoJobStore, RedisJobStore
    from wca.workers.schedule.stores import MemoryJobStore, SqliteJobStore
    from wca.workers.sources.ec2_tags import Ec2TagWorkers
    from wca.workers.sources.sql import SqlWorkers
    from wca.workers.sources.static import StaticWorkers
    from wca.workers.sources.union import UnionWorkers
    from wca.workers.stores.mongo import MongoWorkerStore
    from wca.workers.stores.redis import RedisWorkerStore
    from wca.workers.stores.sql import PostgresWorkerStore, SqliteWorkerStore

__all__ = [
    "AlertmanagerNotifier",
    "ApsSchedule",
    "AutoRemediation",
    "AwsAccount",
    "AwsCloud",
    "AwsEc2Client",
    "Ec2TagWorkers",
    "Job",
    "JobStore",
    "LogNotifier",
    "MemoryJobStore",
    "MongoJobStore",
    "MongoWorkerStore",
    "NoDataRule",
    "OpsgenieNotifier",
    "PagerDutyNotifier",
    "PostgresHistory",
    "PostgresWorkerStore",
    "RedisJobStore",
    "RedisLease",
    "RedisWorkerStore",
    "Remediation",
    "RemoteWriteHistory",
    "Schedule",
    "ScheduledEventRule",
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
    "WorkerMonitoringRunner",
]

#: Public name to the module that has it.
_PLACES: dict[str, str] = {
    "AlertmanagerNotifier": "wca.workers.notifiers.alertmanager",
    "ApsSchedule": "wca.workers.schedule.aps",
    "AutoRemediation": "wca.workers.remediation",
    "AwsAccount": "wca.workers.aws.account",
    "AwsCloud": "wca.workers.aws.cloud",
    "AwsEc2Client": "wca.workers.ec2_client",
    "Ec2TagWorkers": "wca.workers.sources.ec2_tags",
    "Job": "wca.workers.schedule.api",
    "JobStore": "wca.workers.schedule.api",
    "LogNotifier": "wca.workers.notifiers.log",
    "MemoryJobStore": "wca.workers.schedule.stores",
    "MongoJobStore": "wca.workers.schedule.servers",
    "MongoWorkerStore": "wca.workers.stores.mongo",
    "NoDataRule": "wca.workers.rules.no_data",
    "OpsgenieNotifier": "wca.workers.notifiers.opsgenie",
    "PagerDutyNotifier": "wca.workers.notifiers.pagerduty",
    "PostgresHistory": "wca.workers.history.sql",
    "PostgresWorkerStore": "wca.workers.stores.sql",
    "RedisJobStore": "wca.workers.schedule.servers",
    "RedisLease": "wca.workers.leases.redis",
    "RedisWorkerStore": "wca.workers.stores.redis",
    "Remediation": "wca.workers.remediation",
    "RemoteWriteHistory": "wca.workers.history.remote_write",
    "Schedule": "wca.workers.schedule.api",
    "ScheduledEventRule": "wca.workers.rules.scheduled_event",
    "SlackNotifier": "wca.workers.notifiers.slack",
    "SqlWorkers": "wca.workers.sources.sql",
    "SqliteHistory": "wca.workers.history.sql",
    "SqliteJobStore": "wca.workers.schedule.stores",
    "SqliteLease": "wca.workers.leases.sqlite",
    "SqliteWorkerStore": "wca.workers.stores.sql",
    "StateChangeRule": "wca.workers.rules.state_change",
    "StaticWorkers": "wca.workers.sources.static",
    "StatusCheckRule": "wca.workers.rules.status_check",
    "ThresholdRule": "wca.workers.rules.threshold",
    "UnionWorkers": "wca.workers.sources.union",
    "WebhookNotifier": "wca.workers.notifiers.webhook",
    "WorkerMonitoringRunner": "wca.workers.runner",
}

__getattr__ = lazy_names(__name__, _PLACES)
