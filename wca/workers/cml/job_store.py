"""Where tasks are kept, as ``Settings.background_job_store`` says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from wca.errors import ValidationError
from wca.workers.connections.failures import shown
from wca.workers.connections.mongo import check_mongo_url
from wca.workers.job_stores.memory import MemoryJobStore
from wca.workers.job_stores.mongo import MongoJobStore
from wca.workers.job_stores.redis import RedisJobStore
from wca.workers.job_stores.sqlite import SqliteJobStore
from wca.workers.schedule.api import JobStore

__all__ = ["JobStoreOptions"]

_SETTING = "background_job_store"
_SQLITE, _REDIS, _MONGO = "sqlite", "redis", "mongo"
#: Of each key the store and the type of its value.
_KEYS: Mapping[str, tuple[str, type]] = {
    "sqlite_path": (_SQLITE, str),
    "redis_host": (_REDIS, str),
    "redis_port": (_REDIS, int),
    "redis_db": (_REDIS, int),
    "redis_username": (_REDIS, str),
    "redis_password": (_REDIS, str),
    "redis_ssl": (_REDIS, bool),
    "mongo_uri": (_MONGO, str),
    "mongo_host": (_MONGO, str),
    "mongo_port": (_MONGO, int),
    "mongo_username": (_MONGO, str),
    "mongo_password": (_MONGO, str),
    "mongo_database": (_MONGO, str),
    "mongo_collection": (_MONGO, str),
}
#: Of each store the keys of which it needs one.
_NEEDED = {
    _SQLITE: ("sqlite_path",),
    _REDIS: ("redis_host",),
    _MONGO: ("mongo_host", "mongo_uri"),
}
_WORDS = {str: "a text", int: "a whole number", bool: "true or false"}
#: What MongoDB's address says already.
_IN_URI = ("mongo_host", "mongo_port", "mongo_username", "mongo_password", "mongo_database")
#: Seconds to wait for a connection, and for each answer.
_TIMEOUT = 2.0
#: Beside what a ``WorkerMonitoringRunner`` has in the same Redis or database.
_PREFIX, _COLLECTION = "wca:tasks", "tasks"


@dataclass(frozen=True)
class JobStoreOptions:
    """Memory, an SQLite file, a Redis or a MongoDB.

    Args:
        values: ``sqlite_path``; or ``redis_host``, and where they differ from Redis' own
            ``redis_port``, ``redis_db``, ``redis_username``, ``redis_password``, ``redis_ssl``; or
            ``mongo_uri``, or ``mongo_host``, ``mongo_port``, ``mongo_username``,
            ``mongo_password`` and ``mongo_database``, and ``mongo_collection``; empty: tasks are
            kept in memory.

    Raises:
        ValidationError: a key is unknown or missing, has a value of another type, or does not go
            with another one.
    """

    values: Mapping[str, Any] = field(repr=False)

    def __post_init__(self) -> None:
        for key, value in self.values.items():
            if key not in _KEYS:
                raise ValidationError(
                    f"{_SETTING}: unknown key {key!r}: use {', '.join(_KEYS)}, or leave it empty "
                    "for a store in memory"
                )
            kind = _KEYS[key][1]
            if type(value) is not kind:
                raise ValidationError(f"{_SETTING}: {key}: write {_WORDS[kind]}")
        stores = sorted({_KEYS[key][0] for key in self.values})
        if len(stores) > 1:
            raise ValidationError(
                f"{_SETTING}: keys of {' and '.join(stores)}: tasks are kept in one store, leave "
                "out the keys of the others"
            )
        if self._kind and not any(self.values.get(key) for key in _NEEDED[self._kind]):
            raise ValidationError(f"{_SETTING}: {' or '.join(_NEEDED[self._kind])} is missing")
        self._check_uri()

    def _check_uri(self) -> None:
        if "mongo_uri" not in self.values:
            return
        doubled = [key for key in _IN_URI if key in self.values]
        if doubled:
            raise ValidationError(
                f"{_SETTING}: mongo_uri says it already: leave out {', '.join(doubled)}"
            )
        try:
            check_mongo_url(self.values["mongo_uri"])
        except ValidationError as error:
            raise ValidationError(f"{_SETTING}: mongo_uri: the {error}") from None

    @property
    def where(self) -> str:
        """The store in words, without a password."""
        if self._kind == _SQLITE:
            return f"the file {self.values['sqlite_path']}"
        if self._kind == _REDIS:
            return shown(self._redis_url())
        if self._kind == _MONGO:
            return shown(self._mongo_url())
        return "memory"

    def make(self) -> JobStore:
        """The store, which is connected to when it is used."""
        if self._kind == _SQLITE:
            return SqliteJobStore(self.values["sqlite_path"], title=_SETTING)
        if self._kind == _REDIS:
            return RedisJobStore(self._redis_url(), _PREFIX, _TIMEOUT, title=_SETTING)
        if self._kind == _MONGO:
            collection = self.values.get("mongo_collection", _COLLECTION)
            return MongoJobStore(self._mongo_url(), collection, _TIMEOUT, title=_SETTING)
        return MemoryJobStore()

    @property
    def _kind(self) -> str:
        return next((_KEYS[key][0] for key in self.values), "")

    def _redis_url(self) -> str:
        scheme = "rediss" if self.values.get("redis_ssl") else "redis"
        return f"{scheme}://{self._server('redis', 6379)}/{self.values.get('redis_db', 0)}"

    def _mongo_url(self) -> str:
        if "mongo_uri" in self.values:
            return str(self.values["mongo_uri"])
        # Users are those of MongoDB, not of one database.
        source = "?authSource=admin" if "mongo_username" in self.values else ""
        database = quote(self.values.get("mongo_database", "wca"), safe="")
        return f"mongodb://{self._server('mongo', 27017)}/{database}{source}"

    def _server(self, store: str, port: int) -> str:
        """User, password, host and port as an address has them."""
        user = quote(self.values.get(f"{store}_username", ""), safe="")
        password = quote(self.values.get(f"{store}_password", ""), safe="")
        host = self.values[f"{store}_host"]
        who = f"{user}:{password}@" if password else f"{user}@" if user else ""
        where = f"[{host}]" if ":" in host else host
        return f"{who}{where}:{self.values.get(f'{store}_port', port)}"
