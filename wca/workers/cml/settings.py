"""Settings of an application that monitors workers, from its environment."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self, get_type_hints

from wca.config.types import Url
from wca.errors import ValidationError
from wca.workers.cml.job_store import JobStoreOptions

__all__ = ["ApplicationSettings", "Settings"]

_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


@dataclass(frozen=True, kw_only=True)
class ApplicationSettings:
    """Settings whose values the environment may give: derive a dataclass from it.

    The variable of a field is its name in upper case. A field is a bool, int, float, str,
    list[str], written with commas, or dict[str, Any], written as a JSON object.
    """

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """The settings with what the environment says, and defaults for the rest.

        Args:
            environ: variables, such as ``os.environ``.

        Raises:
            ValidationError: a variable cannot be understood.
        """
        hints = get_type_hints(cls)
        given = {}
        for one in fields(cls):
            variable = one.name.upper()
            if variable in environ:
                read = _READERS[hints[one.name]]
                try:
                    given[one.name] = read(environ[variable].strip())
                except ValueError as error:
                    # An object may hold a password.
                    got = "" if read is _dict else f"={environ[variable]!r}"
                    raise ValidationError(f"{variable}{got}: {error}") from None
        return cls(**given)


def _store() -> dict[str, Any]:
    return {"redis_host": "redis", "redis_port": 6379, "redis_db": 1}


@dataclass(frozen=True, kw_only=True)
class Settings(ApplicationSettings):
    """What worker monitoring needs to know.

    Args:
        worker_monitoring_enabled: whether anything is monitored.
        worker_metrics_poll_interval: seconds between two polls of a worker.
        worker_notification_webhooks: addresses that are told of violations; secrets, in no message.
        background_job_store: where tasks are kept, as ``JobStoreOptions`` says: an SQLite file, a
            Redis, a MongoDB, or empty for memory; in no message.

    Raises:
        ValidationError: a value cannot be used.
    """

    worker_monitoring_enabled: bool = True
    worker_metrics_poll_interval: int = 300
    worker_notification_webhooks: list[str] = field(default_factory=list, repr=False)
    background_job_store: dict[str, Any] = field(default_factory=_store, repr=False)

    def __post_init__(self) -> None:
        if self.worker_metrics_poll_interval < 1:
            raise ValidationError(
                f"worker_metrics_poll_interval is {self.worker_metrics_poll_interval}: write "
                "seconds, at least 1"
            )
        for number, address in enumerate(self.worker_notification_webhooks, 1):
            try:
                Url().check(address)
            except ValidationError:  # its words repeat the address, which is a secret
                raise ValidationError(
                    f"worker_notification_webhooks: the {number}. is no address such as "
                    "https://example.org/path: write addresses with commas between"
                ) from None
        JobStoreOptions(self.background_job_store)


def _bool(text: str) -> bool:
    if text.lower() not in (*_TRUE, *_FALSE):
        raise ValidationError("write true or false")
    return text.lower() in _TRUE


def _int(text: str) -> int:
    if not text.lstrip("-").isdecimal():
        raise ValidationError("write a whole number")
    return int(text)


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValidationError("write a number") from None


def _list(text: str) -> list[str]:
    return [piece.strip() for piece in text.split(",") if piece.strip()]


def _dict(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ValidationError('write a JSON object, such as {"redis_host": "127.0.0.1"}')
    return value


_READERS: Mapping[Any, Callable[[str], Any]] = {
    bool: _bool,
    int: _int,
    float: _float,
    str: str,
    list[str]: _list,
    dict[str, Any]: _dict,
}
