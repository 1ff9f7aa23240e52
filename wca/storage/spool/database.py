"""The file of a spool: one SQLite table, in which every row has a checksum."""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from zlib import crc32

from wca.storage.delivery.options import Survives
from wca.storage.delivery.parcel import Parcel
from wca.storage.spool.rows import Damaged, Entry, Totals
from wca.storage.spool.schema import prepare

__all__ = ["Database"]

#: A file up to this size in bytes is examined from end to end at start, which takes less than half
#: a second. In a larger one, damage is found when it is met.
EXAMINED_AT_START = 64 * 2**20
#: Bytes to which the write-ahead log is cut after a put that was larger.
LOG_SIZE = 8 * 2**20
#: A file of more bytes is made smaller once almost nothing waits in it.
SMALL_FILE = 8 * 2**20
#: Seconds to wait for a person who looks into the file and has locked it.
PATIENCE = 1.0

#: What SQLite says of the machine and not of the file. SQLITE_READONLY is not among them: the right
#: to write was there when the file was opened, so its header denies it, or it was moved.
_PASSING = frozenset(
    {
        *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL),
        *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN),
        *(sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_NOLFS),
    }
)
#: A message of SQLite about a damaged file may itself not be UTF-8; a lack of memory has none.
_ERRORS = (sqlite3.Error, UnicodeDecodeError, MemoryError)
_COLUMNS = "number, samples, bytes, created, supersedes"
_TYPES = (int, int, int, float, str)


class Database:
    """An open file.

    Every method raises ``Damaged`` for what SQLite finds wrong with the file, and ``OSError`` for
    what is wrong with the machine, such as a full disk.

    Args:
        path: the file; an empty or missing one becomes a spool.
        survives: what a transaction that has ended survives.
        kind: what bodies are that do not say so themselves.

    Raises:
        StartError: the file is in order, but not for this agent.
    """

    def __init__(self, path: str, survives: Survives, kind: str) -> None:
        self._path = path
        self._kind = kind
        _make_file(path)
        try:
            # Statements begin and end transactions themselves; callers come one at a time.
            self._connection = sqlite3.connect(
                path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
            )
        except _ERRORS as error:
            raise self._failure(error) from error
        try:
            self._prepare(survives)
            self._inode = os.stat(path).st_ino
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; what the log holds goes into it, where that is possible."""
        with suppress(sqlite3.Error):
            self._connection.close()

    def check_presence(self) -> None:
        """Raise ``Damaged`` when the path does not lead to the open file any more."""
        try:
            present = os.stat(self._path).st_ino == self._inode
        except FileNotFoundError:
            present = False
        if not present:
            raise Damaged("somebody has removed or replaced it")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of what is done inside, or nothing."""
        self._run("BEGIN IMMEDIATE")
        try:
            yield
            self._run("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
            raise

    def insert(self, number: int, parcel: Parcel) -> None:
        """Keep a parcel; its time must be a finite number."""
        created = parcel.created + 0.0  # SQLite knows no negative zero
        facts = created, parcel.samples, parcel.supersedes, parcel.kind or self._kind
        self._run(
            "INSERT INTO parcels"
            " (number, created, samples, supersedes, kind, bytes, checksum, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            *(number, *facts, len(parcel.body), _checksum(number, *facts, parcel.body)),
            parcel.body,
        )

    def delete(self, numbers: Iterable[int]) -> None:
        """Forget parcels; numbers that are not there change nothing."""
        for number in numbers:
            self._run("DELETE FROM parcels WHERE number = ?", number)

    def read(self, number: int) -> Parcel | None:
        """A parcel; None: it is not what was written."""
        rows = self._run(
            "SELECT created, samples, supersedes, kind, body, checksum FROM parcels"
            " WHERE number = ?",
            number,
        )
        if not rows:
            return None
        created, samples, supersedes, kind, body, checksum = rows[0]
        if not (isinstance(body, bytes) and isinstance(created, float)):
            return None
        if _checksum(number, created, samples, supersedes, kind, body) != checksum:
            return None
        return Parcel(body, samples, created, supersedes, "" if kind == self._kind else kind)

    def totals(self) -> Totals:
        """Everything summed up."""
        count, samples, size, oldest, last = self._run(
            "SELECT count(*), ifnull(sum(samples), 0), ifnull(sum(bytes), 0),"
            " min(created), ifnull(max(number), 0) FROM parcels INDEXED BY by_age"
        )[0]
        if not (isinstance(samples, int) and isinstance(size, int) and samples >= 0 <= size):
            raise Damaged("a number in it is none")
        if oldest is not None and not isinstance(oldest, float):
            raise Damaged("a time in it is none")
        return Totals(count, samples, size, oldest, last)

    def oldest(self) -> float | None:
        """Unix time of the oldest parcel in seconds."""
        created = self._run("SELECT min(created) FROM parcels")[0][0]
        return created if isinstance(created, float) else None

    def in_order(self, *, newest_first: bool = False) -> Iterator[Entry]:
        """All parcels; the table may change between two of them."""
        order = "number < ? ORDER BY number DESC" if newest_first else "number > ? ORDER BY number"
        query = f"SELECT {_COLUMNS} FROM parcels WHERE {order} LIMIT 1"  # noqa: S608 - constants
        number = 2**63 - 1 if newest_first else -(2**63)
        while found := self._entries(query, number):
            number = found[0].number
            yield found[0]

    def older_than(self, created: float, count: int) -> list[Entry]:
        """Parcels from before a Unix time, at most so many."""
        return self._entries(
            f"SELECT {_COLUMNS} FROM parcels WHERE created < ? ORDER BY created LIMIT ?",  # noqa: S608
            created,
            count,
        )

    def names(self) -> Iterator[str]:
        """Each name that a parcel carries, once."""
        query = (
            "SELECT supersedes FROM parcels INDEXED BY by_name"
            " WHERE supersedes != '' AND kind != '' AND supersedes > ?"
            " ORDER BY supersedes LIMIT 1"
        )
        name = ""
        while found := self._run(query, name):
            name = found[0][0]
            yield name

    def named(self, name: str) -> Iterator[Entry]:
        """Parcels of a name in their order; the table may change between two of them."""
        query = (
            f"SELECT {_COLUMNS} FROM parcels INDEXED BY by_name"  # noqa: S608 - constants
            " WHERE supersedes != '' AND kind != '' AND supersedes = ? AND number > ?"
            " ORDER BY number LIMIT 1"
        )
        number = -(2**63)
        while found := self._entries(query, name, number):
            number = found[0].number
            yield found[0]

    def compact(self) -> None:
        """Give pages that are not in use back to the disk, where the file is large.

        What is left in it is copied.
        """
        if os.path.getsize(self._path) > SMALL_FILE:
            self._run("VACUUM")
            self._run("PRAGMA wal_checkpoint(TRUNCATE)")

    def _prepare(self, survives: Survives) -> None:
        lasting = "FULL" if survives is Survives.POWER_CUT else "NORMAL"
        try:
            self._set(
                "synchronous=EXTRA",  # a file that is begun is there as a whole, or not at all
                f"journal_size_limit={LOG_SIZE}",
                "secure_delete=OFF",  # some systems overwrite what is deleted: twice the writing
                "temp_store=MEMORY",
                "cell_size_check=ON",
            )
            prepare(self._connection, self._path)
            self._set(f"synchronous={lasting}")
        except _ERRORS as error:
            raise self._failure(error) from error
        if os.path.getsize(self._path) <= EXAMINED_AT_START:
            found = self._run("PRAGMA integrity_check(1)")[0][0]
            if found != "ok":
                raise Damaged(str(found).replace("\n", " "))

    def _set(self, *settings: str) -> None:
        for setting in settings:
            self._connection.execute(f"PRAGMA {setting}")

    def _entries(self, query: str, *parameters: float | str) -> list[Entry]:
        entries = [Entry(*row) for row in self._run(query, *parameters)]
        for entry in entries:
            if tuple(map(type, entry)) != _TYPES:
                raise Damaged(f"there is no sense in row {entry.number}")
        return entries

    def _run(self, statement: str, *parameters: object) -> list[Any]:
        try:
            return self._connection.execute(statement, parameters).fetchall()
        except _ERRORS as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> Exception:
        if isinstance(error, MemoryError):
            return OSError(f"the spool {self._path} cannot be read or written: out of memory")
        code = getattr(error, "sqlite_errorcode", None)
        if code is not None and code & 0xFF in _PASSING and code != sqlite3.SQLITE_IOERR_CORRUPTFS:
            return OSError(f"the spool {self._path} cannot be read or written: {error}")
        return Damaged(str(error))


def _make_file(path: str) -> None:
    """Make the file for its owner alone, and refuse a log that has lost its file."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        size = os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
    with suppress(FileNotFoundError):
        if not size and os.path.getsize(f"{path}-wal"):
            raise Damaged("it is empty, and the log beside it is not")


def _checksum(
    number: int, created: float, samples: int, supersedes: str, kind: str, body: bytes
) -> int:
    text = f"{number} {created!r} {samples} {supersedes}"
    if kind:  # of version 1 there is none
        text += f" {kind}"
    return crc32(text.encode(), crc32(body))
