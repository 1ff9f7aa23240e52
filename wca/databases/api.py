"""The contract of a database: values under keys, for plugins."""

import re
from abc import ABC, abstractmethod

from wca.errors import ValidationError, WcaError

__all__ = ["Database", "DatabaseError", "InvalidKey", "TimeoutOnAllHosts", "check_key"]

_KEY = re.compile(rb"[-_.A-Za-z0-9]{1,255}")


class InvalidKey(ValidationError):  # noqa: N818 - public name of the first release
    """A key that not every database can hold."""


class DatabaseError(WcaError):
    """A database that cannot do now what it was asked for.

    A value that was being written may have been written or not.
    """


class TimeoutOnAllHosts(DatabaseError):  # noqa: N818 - public name of the first release
    """None of the servers has answered in time."""


class Database(ABC):
    """Keeps a value under each key until another one takes its place.

    Nothing of the agent's own uses one. A plugin that is given one calls it from any thread, on the
    loop's own with care: ``set`` and ``get`` may wait as long as the implementation says.

    Optional abilities, found by name: ``start()`` opens what ``set`` and ``get`` open otherwise
    when they first need it, and raises ``StartError`` with a sentence that says what to do;
    ``check()`` returns the problems that this machine would cause; ``close(timeout)`` gives
    everything back within ``timeout`` seconds, is safe without ``start`` and safe twice. After it,
    ``set`` and ``get`` open the database again.
    """

    @abstractmethod
    def set(self, key: bytes, value: bytes) -> None:
        """Keep a value; once this has returned, every ``get`` gives it.

        Args:
            key: 1 to 255 ASCII letters, digits and ``-_.``, and neither ``.`` nor ``..``.
            value: any bytes. Servers have limits: 1 MiB is too much for some.

        Raises:
            InvalidKey: the key is something else.
            DatabaseError: the value was perhaps not kept.
            StartError: the database is not open yet, and cannot be opened, as with ``start``.
        """

    @abstractmethod
    def get(self, key: bytes) -> bytes | None:
        """The value of a key.

        Args:
            key: as for ``set``.

        Returns:
            The last value that was set; None when there was never one.

        Raises:
            InvalidKey: the key is something else.
            DatabaseError: the value cannot be had.
            StartError: as ``set``.
        """


def check_key(key: bytes) -> str:
    """The key as text, for the first line of every ``set`` and ``get``.

    Raises:
        InvalidKey: it is no key of a database.
    """
    if not isinstance(key, bytes) or not _KEY.fullmatch(key) or key in (b".", b".."):
        shown = repr(key) if len(repr(key)) <= 80 else f"{repr(key)[:77]}..."
        raise InvalidKey(
            "a key is 1 to 255 bytes of ASCII letters, digits and -_. and neither . nor .., "
            f"got {shown}"
        )
    return key.decode("ascii")
