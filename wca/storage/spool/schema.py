"""The format of the file: how it is recognised, made, and brought up to date."""

import sqlite3
from collections.abc import Mapping
from typing import Any

from wca.errors import StartError
from wca.storage.spool.rows import Damaged

__all__ = ["APPLICATION", "MIGRATIONS", "VERSION", "prepare"]

#: In the header of the file, where SQLite keeps the mark of who made it: "WCAs".
APPLICATION = 0x57434173

#: From each version to the next; 0 is a file that was only just begun. The age is indexed together
#: with what is summed up at start, so that a start does not read the bodies.
MIGRATIONS: Mapping[int, tuple[str, ...]] = {
    0: (
        """
        CREATE TABLE parcels (
            number INTEGER PRIMARY KEY,
            created REAL NOT NULL,
            samples INTEGER NOT NULL,
            bytes INTEGER NOT NULL,
            supersedes TEXT NOT NULL,
            checksum INTEGER NOT NULL,
            body BLOB NOT NULL
        )
        """,
        "CREATE INDEX by_age ON parcels (created, samples, bytes)",
        "CREATE INDEX by_name ON parcels (supersedes) WHERE supersedes != ''",
    ),
    # What a body is. Parcels of version 1 do not say so, and their names may be those of counters
    # that have begun anew in between: they replace one another no more.
    1: (
        "ALTER TABLE parcels ADD COLUMN kind TEXT NOT NULL DEFAULT ''",
        "DROP INDEX by_name",
        "CREATE INDEX by_name ON parcels (supersedes) WHERE supersedes != '' AND kind != ''",
    ),
}

#: The version this agent writes, and the newest it reads.
VERSION = 2


def prepare(connection: sqlite3.Connection, path: str) -> None:
    """Make sure that a file is a spool of this version; an empty one becomes one.

    Args:
        connection: to the file, without a transaction.
        path: of the file, for messages.

    Raises:
        StartError: a newer agent has made it; it is left as it is.
        Damaged: it is a database, but none of ours.
        sqlite3.Error: it is none, or cannot be read or written.
    """
    if not _pragma(connection, "page_count"):
        connection.execute(f"PRAGMA application_id={APPLICATION}")
    if _pragma(connection, "application_id") != APPLICATION:
        raise Damaged("it is the database of another program")
    version = _pragma(connection, "user_version")
    if version > VERSION:
        raise StartError(
            f"the spool {path} was written by a newer agent, in version {version} of the format, "
            f"and this one reads up to {VERSION}: start the newer agent, or name another file"
        )
    if version not in (*MIGRATIONS, VERSION):
        raise Damaged(f"there is no version {version} of the format")
    if _pragma(connection, "journal_mode=WAL") != "wal":
        raise StartError(
            f"the spool {path} cannot be used: the file system has no shared memory, which "
            "SQLite's write-ahead log needs: name a file on a local disk"
        )
    # Also asks for the right to write where nothing is to be changed.
    connection.execute("BEGIN IMMEDIATE")
    _migrate(connection, version)
    connection.execute("COMMIT")
    if _statements(connection) != _expected_statements():
        raise Damaged("its tables are not those of a spool")


def _migrate(connection: sqlite3.Connection, version: int) -> None:
    for step in range(version, VERSION):
        for statement in MIGRATIONS[step]:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={step + 1}")


def _expected_statements() -> list[Any]:
    connection = sqlite3.connect(":memory:")
    try:
        _migrate(connection, 0)
        return _statements(connection)
    finally:
        connection.close()


def _statements(connection: sqlite3.Connection) -> list[Any]:
    return connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()


def _pragma(connection: sqlite3.Connection, pragma: str) -> Any:
    row = connection.execute(f"PRAGMA {pragma}").fetchone()
    return row[0] if row else None
