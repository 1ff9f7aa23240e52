"""Where a plugin keeps what it must still know after a restart."""

from typing import TYPE_CHECKING

from wca.databases.api import (
    Database,
    DatabaseError,
    InvalidKey,
    TimeoutOnAllHosts,
    check_key,
)
from wca.lazy import lazy_names

if TYPE_CHECKING:
    from wca.databases.etcd import EtcdDatabase
    from wca.databases.local import LocalDatabase
    from wca.databases.zookeeper import ZookeeperDatabase

__all__ = [
    "Database",
    "DatabaseError",
    "EtcdDatabase",
    "InvalidKey",
    "LocalDatabase",
    "TimeoutOnAllHosts",
    "ZookeeperDatabase",
    "check_key",
]

__getattr__ = lazy_names(
    __name__,
    {
        "EtcdDatabase": "wca.databases.etcd",
        "LocalDatabase": "wca.databases.local",
        "ZookeeperDatabase": "wca.databases.zookeeper",
    },
)
