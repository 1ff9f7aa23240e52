"""Where APScheduler keeps tasks, as ``Settings.background_job_store`` says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wca.errors import StartError, ValidationError

__all__ = ["JobStoreOptions"]

_KEYS = {
    "redis_host": str,
    "redis_port": int,
    "redis_db": int,
    "redis_username": str,
    "redis_password": str,
    "redis_ssl": bool,
}
#: Seconds: the scheduler asks on the event loop, which must not stand still for long.
_TIMEOUT = 5.0
_PREFIX = "wca.workers."


@dataclass(frozen=True)
class JobStoreOptions:
    """Memory, or a Redis.

    Args:
        values: ``redis_host``, and where they differ from Redis' own, ``redis_port``, ``redis_db``,
            ``redis_username``, ``redis_password``, ``redis_ssl``; empty: tasks are kept in memory.

    Raises:
        ValidationError: a key is unknown, has a value of another type, or ``redis_host`` is
            missing.
    """

    values: Mapping[str, Any] = field(repr=False)

    def __post_init__(self) -> None:
        for key, value in self.values.items():
            kind = _KEYS.get(key)
            if kind is None:
                raise ValidationError(
                    f"background_job_store: unknown key {key!r}: use {', '.join(_KEYS)}, or leave "
                    "it empty for a store in memory"
                )
            if type(value) is not kind:
                raise ValidationError(f"background_job_store: {key}: write {_WORDS[kind]}")
        if self.values and not self.values.get("redis_host"):
            raise ValidationError("background_job_store: redis_host is missing")

    @property
    def where(self) -> str:
        """The store in words."""
        if not self.values:
            return "memory"
        return f"Redis at {self.values['redis_host']}:{self.values.get('redis_port', 6379)}"

    def open(self) -> Any:
        """The store as APScheduler has it.

        Raises:
            StartError: a package is missing, or Redis does not answer.
        """
        if not self.values:
            from apscheduler.jobstores.memory import MemoryJobStore

            return MemoryJobStore()
        try:
            from apscheduler.jobstores.redis import RedisJobStore
            from redis.backoff import NoBackoff
            from redis.exceptions import RedisError
            from redis.retry import Retry
        except ImportError:
            raise StartError("the package redis is missing: install wca[redis]") from None
        arguments = {key.removeprefix("redis_"): value for key, value in self.values.items()}
        store = RedisJobStore(
            db=arguments.pop("db", 0),
            jobs_key=f"{_PREFIX}jobs",
            run_times_key=f"{_PREFIX}run_times",
            socket_timeout=_TIMEOUT,
            socket_connect_timeout=_TIMEOUT,
            retry=Retry(NoBackoff(), 1),  # of a connection that was kept and has ended
            **arguments,
        )
        try:
            store.redis.ping()
        except RedisError as error:
            raise StartError(
                f"background_job_store: {self.where} does not answer ({error}): start it, or leave "
                "background_job_store empty for a store in memory"
            ) from None
        return store


_WORDS = {str: "a text", int: "a whole number", bool: "true or false"}
