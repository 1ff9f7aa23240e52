"""Worker monitoring: a fleet of EC2 instances polled, judged, alerted on and healed.

Names are imported when they are used, so that none of them brings in a library that is not needed.
"""

from typing import TYPE_CHECKING

from wca.lazy import lazy_names

if TYPE_CHECKING:
    from wca.workers.history.remote_write import RemoteWriteHistory
    from wca.workers.history.sql import PostgresHistory, SqliteHistory
    from wca.workers.leases.redis import RedisLease
    from wca.workers.leases.sqlite import SqliteLease
    from wca.workers.schedule.api import Job, JobStore, Schedule
    from wca.workers.schedule.aps import ApsSchedule
    from wca.workers.schedule.servers import MongoJobStore, RedisJobStore
    from wca.workers.schedule.stores import MemoryJobStore, SqliteJobStore
    from wca.workers.stores.mongo import MongoWorkerStore
    from wca.workers.stores.redis import RedisWorkerStore
    from wca.workers.stores.sql import PostgresWorkerStore, SqliteWorkerStore

__all__ = [
    "ApsSchedule",
    "Job",
    "JobStore",
    "MemoryJobStore",
    "MongoJobStore",
    "MongoWorkerStore",
    "PostgresHistory",
    "PostgresWorkerStore",
    "RedisJobStore",
    "RedisLease",
    "RedisWorkerStore",
    "RemoteWriteHistory",
    "Schedule",
    "SqliteHistory",
    "SqliteJobStore",
    "SqliteLease",
    "SqliteWorkerStore",
]

#: Public name to the module that has it.
_PLACES = {
    "ApsSchedule": "wca.workers.schedule.aps",
    "Job": "wca.workers.schedule.api",
    "JobStore": "wca.workers.schedule.api",
    "MemoryJobStore": "wca.workers.schedule.stores",
    "MongoJobStore": "wca.workers.schedule.servers",
    "MongoWorkerStore": "wca.workers.stores.mongo",
    "PostgresHistory": "wca.workers.history.sql",
    "PostgresWorkerStore": "wca.workers.stores.sql",
    "RedisJobStore": "wca.workers.schedule.servers",
    "RedisLease": "wca.workers.leases.redis",
    "RedisWorkerStore": "wca.workers.stores.redis",
    "RemoteWriteHistory": "wca.workers.history.remote_write",
    "Schedule": "wca.workers.schedule.api",
    "SqliteHistory": "wca.workers.history.sql",
    "SqliteJobStore": "wca.workers.schedule.stores",
    "SqliteLease": "wca.workers.leases.sqlite",
    "SqliteWorkerStore": "wca.workers.stores.sql",
}

__getattr__ = lazy_names(__name__, _PLACES)
