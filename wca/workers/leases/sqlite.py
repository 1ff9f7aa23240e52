"""Leases of the agents of one machine."""

import sqlite3
import threading
from collections.abc import Mapping
from typing import Annotated

from wca.clock import Clock, SystemClock
from wca.config.types import Duration, Injected, Path
from wca.workers.api import Lease
from wca.workers.connections.sql import make_private

__all__ = ["SqliteLease"]

_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_TABLE = """
CREATE TABLE IF NOT EXISTS wca_leases (
    key TEXT PRIMARY KEY, owner TEXT NOT NULL, until REAL NOT NULL, boot TEXT NOT NULL
) WITHOUT ROWID
"""
#: One statement, so that nobody comes between looking and taking.
_HOLD = """
INSERT INTO wca_leases (key, owner, until, boot) VALUES (:key, :owner, :until, :boot)
ON CONFLICT (key) DO UPDATE SET owner = :owner, until = :until, boot = :boot
WHERE owner = :owner OR until <= :now OR boot <> :boot
"""
_HOLDERS = "SELECT key, owner FROM wca_leases WHERE until > :now AND boot = :boot"
_RELEASE = "DELETE FROM wca_leases WHERE key = :key AND owner = :owner"


class SqliteLease(Lease):
    """Leases in an SQLite file of this machine, which all of its agents name.

    Times are those of the machine's monotonic clock, which no adjustment of the time of day moves;
    what was held before the machine was started anew is free.

    Args:
        path: of the file; it is made when it is missing, for the agent's user alone. It must be on
            a disk of this machine.
        ttl: within which a lease that is not renewed is another agent's.
        timeout: to wait for others that write.
        clock: time.
        boot: identifies this boot of the machine.
    """

    def __init__(
        self,
        path: Annotated[str, Path()],
        ttl: Annotated[float, Duration(1, 3600)] = 30.0,
        timeout: Annotated[float, Duration(0.01, 60)] = 2.0,
        *,
        clock: Annotated[Clock | None, Injected()] = None,
        boot: Annotated[str | None, Injected()] = None,
    ) -> None:
        self.path = path
        self.ttl = ttl
        self._timeout = timeout
        self._clock = clock or SystemClock()
        self._boot = boot
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    def hold(self, key: str, owner: str) -> bool:
        """Take or renew a lease; see ``Lease``."""
        # The time from before the wait for other writers: nothing is held longer than it says.
        now = self._clock.monotonic()
        values = {"key": key, "owner": owner, "until": now + self.lasts, "now": now}
        return self._run(_HOLD, values)[0] == 1

    def release(self, key: str, owner: str) -> None:
        """Give a lease back if it is ours.

        Raises:
            OSError: the file cannot be used; the lease ends by itself.
        """
        self._run(_RELEASE, {"key": key, "owner": owner})

    def holders(self) -> Mapping[str, str]:
        """The owners of all leases that are held now, by key.

        Raises:
            OSError: the file cannot be used.
        """
        return dict(self._run(_HOLDERS, {"now": self._clock.monotonic()})[1])

    def close(self, timeout: float = 5.0) -> None:
        """Close the file; leases that are held end by themselves.

        Args:
            timeout: not needed, closing waits for nothing.
        """
        del timeout
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _run(self, statement: str, values: dict[str, object]) -> tuple[int, list[tuple[str, str]]]:
        """Run a statement; how many rows it has changed, and those that it has found."""
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._opened()
                done = self._connection.execute(statement, {**values, "boot": self._boot})
                return done.rowcount, done.fetchall()
            except (sqlite3.Error, UnicodeError) as error:
                raise OSError(f"SqliteLease cannot use {self.path}: {error}") from None
            except OSError as error:
                raise OSError(f"SqliteLease cannot use {self.path}: {error.strerror}") from None

    def _opened(self) -> sqlite3.Connection:
        if self._boot is None:
            with open(_BOOT_ID) as file:
                self._boot = file.read().strip()
        make_private(self.path)
        connection = sqlite3.connect(
            self.path, self._timeout, isolation_level=None, check_same_thread=False
        )
        try:
            # Leases mean nothing after a power cut, so that the disk need not be waited for.
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute(_TABLE)
        except BaseException:
            connection.close()
            raise
        return connection
