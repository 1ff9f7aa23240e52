"""A MongoDB server, or one that speaks its protocol."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from wca.errors import ValidationError
from wca.workers.connections.failures import LastingError, reason, shown

__all__ = ["MongoDatabase", "check_mongo_url"]

#: Where the address names no database.
_DATABASE = "wca"


def check_mongo_url(url: str) -> None:
    """Refuse what is no address of MongoDB; it may name several hosts, as no other address does.

    Raises:
        ValidationError: says what to write, without the address.
    """
    if not url.startswith(("mongodb://", "mongodb+srv://")):
        raise ValidationError("url must begin with mongodb:// or mongodb+srv://")


class MongoDatabase:
    """A database that is connected to when it is first used, and again after it was closed.

    Thread-safe. Needs the package pymongo (``pip install 'wca[mongodb]'``).

    Args:
        title: of the part that uses it, for messages.
        url: such as ``mongodb://user:password@host:27017/name``.
        timeout: seconds to wait for a server, and for each answer.
    """

    def __init__(self, title: str, url: str, timeout: float) -> None:
        self._title = title
        self._url = url
        self._timeout = timeout
        self._client: Any = None
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def database(self) -> Iterator[Any]:
        """The database.

        Raises:
            LastingError: the package is missing, or the address makes no sense.
            OSError: no server can be reached, or it refuses something.
        """
        try:
            from pymongo.errors import PyMongoError
        except ImportError:
            raise LastingError(
                f"{self._title} needs the Python package pymongo, which is not installed: "
                "run pip install 'wca[mongodb]'"
            ) from None
        client = self._connected()
        try:
            yield client.get_default_database(_DATABASE)
        except PyMongoError as error:
            raise OSError(self._sentence(error)) from None

    def close(self) -> None:
        """Close all connections, and end the threads that watch the servers."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _connected(self) -> Any:
        from pymongo import MongoClient
        from pymongo.errors import PyMongoError

        milliseconds = round(self._timeout * 1000)
        with self._lock:
            if self._client is None:
                try:
                    self._client = MongoClient(
                        self._url,
                        serverSelectionTimeoutMS=milliseconds,
                        connectTimeoutMS=milliseconds,
                        socketTimeoutMS=milliseconds,
                    )
                except (PyMongoError, ValueError, OSError) as error:
                    raise LastingError(self._sentence(error)) from None
            return self._client

    def _sentence(self, error: Exception) -> str:
        return f"{self._title} cannot use {shown(self._url)}: {reason(error, self._url)}"
