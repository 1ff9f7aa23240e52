"""A Redis server."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from wca.workers.connections.failures import LastingError, reason, shown

__all__ = ["RedisDatabase"]


class RedisDatabase:
    """A server that is connected to when it is first used, and again after it was closed.

    Thread-safe. Needs the package redis (``pip install 'wca[redis]'``).

    Args:
        title: of the part that uses it, for messages.
        url: such as ``redis://:password@host:6379/0``.
        timeout: seconds to wait for a connection, and for each answer.
    """

    def __init__(self, title: str, url: str, timeout: float) -> None:
        self._title = title
        self._url = url
        self._timeout = timeout
        self._client: Any = None
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def client(self) -> Iterator[Any]:
        """The client, whose answers are text.

        Raises:
            LastingError: the package is missing, or the address makes no sense.
            OSError: the server cannot be reached, or refuses something.
        """
        try:
            from redis.exceptions import RedisError
        except ImportError:
            raise LastingError(
                f"{self._title} needs the Python package redis, which is not installed: "
                "run pip install 'wca[redis]'"
            ) from None
        try:
            yield self._connected()
        except RedisError as error:
            raise OSError(self._sentence(error)) from None

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _connected(self) -> Any:
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        with self._lock:
            if self._client is None:
                try:
                    self._client = Redis.from_url(
                        self._url,
                        socket_timeout=self._timeout,
                        socket_connect_timeout=self._timeout,
                        # Once, on a new connection: the old one may have been closed while idle.
                        retry=Retry(NoBackoff(), 1),
                        decode_responses=True,
                    )
                except ValueError as error:
                    raise LastingError(self._sentence(error)) from None
            return self._client

    def _sentence(self, error: Exception) -> str:
        return f"{self._title} cannot use {shown(self._url)}: {reason(error, self._url)}"
