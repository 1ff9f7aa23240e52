"""SQL databases: SQLite in a file, and PostgreSQL."""

import contextlib
import importlib
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from wca.workers.connections.failures import LastingError, reason, shown

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table

    from wca.workers.connections.schema import Schema

__all__ = ["PostgresDatabase", "SqlDatabase", "SqliteDatabase", "insert_new", "upsert"]

_EXTRAS = {"sqlalchemy": "workers", "psycopg": "postgresql"}
_READING = "wca_reading"


class SqlDatabase(ABC):
    """A database that is opened when it is first used, and again after it was closed. Thread-safe.

    Args:
        title: of the part that uses it, for messages.
        place: what is named in messages: a path, an address without password.
        schema: gives the tables; imports them, so that an agent without them is small.
    """

    def __init__(self, title: str, place: str, schema: "Callable[[], Schema]") -> None:
        self._title = title
        self._place = place
        self._schema = schema
        self._engine: Engine | None = None
        self._lock = threading.Lock()

    @abstractmethod
    def make_engine(self) -> "Engine":
        """An engine that has not connected yet."""

    @property
    def secret(self) -> str:
        """An address whose password must not be shown; empty: there is none."""
        return ""

    def open(self) -> None:
        """Connect, and make the tables where there are none.

        Raises:
            LastingError: a package is missing, or the tables are of a newer version.
            OSError: it cannot be reached now.
        """
        self._ready()

    @contextlib.contextmanager
    def transaction(self, *, reading: bool = False) -> "Iterator[Connection]":
        """One transaction: all of it, or nothing when the block raises.

        Args:
            reading: nothing is written, so that others may write meanwhile.

        Raises:
            OSError: see ``open``, or the database refuses something.
        """
        engine = self._ready()
        with self._named_errors():
            options = {_READING: reading}
            with engine.connect().execution_options(**options) as connection, connection.begin():
                yield connection

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    def _ready(self) -> "Engine":
        with self._lock:
            if self._engine is None:
                with self._named_errors():
                    self._engine = self._opened()
            return self._engine

    def _opened(self) -> "Engine":
        from wca.workers.connections.schema import make_ready

        engine = self.make_engine()
        try:
            with engine.begin() as connection:
                make_ready(connection, self._schema())
        except BaseException:
            engine.dispose()
            raise
        return engine

    @contextlib.contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            _require("sqlalchemy")
            from sqlalchemy.exc import DBAPIError, SQLAlchemyError
        except ModuleNotFoundError as error:
            raise self._missing(error) from None
        try:
            yield
        except ModuleNotFoundError as error:
            raise self._missing(error) from None
        except LastingError as error:
            raise LastingError(f"{self._title} cannot use {self._place}: {error}") from None
        except (SQLAlchemyError, UnicodeError) as error:
            # Of a statement that failed only the driver's words are told: the statement is long.
            cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
            raise OSError(self._sentence(cause)) from None
        except OSError as error:
            raise OSError(self._sentence(error)) from None

    def _sentence(self, error: BaseException) -> str:
        why = error.strerror if isinstance(error, OSError) and error.strerror else None
        return f"{self._title} cannot use {self._place}: {why or reason(error, self.secret)}"

    def _missing(self, error: ModuleNotFoundError) -> LastingError:
        package = (error.name or "").partition(".")[0]
        extra = _EXTRAS.get(package, "workers")
        return LastingError(
            f"{self._title} needs the Python package {package}, which is not installed: "
            f"run pip install 'wca[{extra}]'"
        )


class SqliteDatabase(SqlDatabase):
    """A database in a file, which several processes of one machine may use.

    Args:
        title: of the part that uses it.
        path: of the file; it and its folder are made for the agent's user alone.
        schema: gives the tables.
        timeout: seconds to wait for others that write.
    """

    def __init__(
        self, title: str, path: str, schema: "Callable[[], Schema]", timeout: float = 5.0
    ) -> None:
        super().__init__(title, path, schema)
        self.path = path
        self._timeout = timeout

    def make_engine(self) -> "Engine":
        """An engine; makes the file, so that it is for its owner alone."""
        from sqlalchemy import URL, create_engine, event

        make_private(self.path)
        engine = create_engine(
            URL.create("sqlite", database=self.path),
            connect_args={"timeout": self._timeout, "check_same_thread": False},
            hide_parameters=True,
        )
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine


class PostgresDatabase(SqlDatabase):
    """A database of a PostgreSQL server.

    Args:
        title: of the part that uses it.
        url: such as ``postgresql://user:password@host:5432/name``.
        schema: gives the tables.
        timeout: seconds to wait for a connection, and for each answer.
    """

    def __init__(
        self, title: str, url: str, schema: "Callable[[], Schema]", timeout: float = 5.0
    ) -> None:
        super().__init__(title, shown(url), schema)
        self._url = url
        self._timeout = timeout

    @property
    def secret(self) -> str:
        """The address."""
        return self._url

    def make_engine(self) -> "Engine":
        """An engine whose connections give up when the server is silent."""
        from sqlalchemy import create_engine, make_url

        _require("psycopg")
        milliseconds = round(self._timeout * 1000)
        return create_engine(
            make_url(self._url).set(drivername="postgresql+psycopg"),
            connect_args={
                "connect_timeout": max(1, round(self._timeout)),
                "tcp_user_timeout": milliseconds,
                "options": f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds}",
            },
            pool_pre_ping=True,  # the server may have been started anew
            pool_size=2,
            pool_timeout=self._timeout,
            hide_parameters=True,
        )


def make_private(path: str) -> None:
    """Make a file and its folder for this user alone; what is there stays as it is.

    Raises:
        OSError: it cannot be made.
    """
    os.makedirs(os.path.dirname(path) or ".", mode=0o700, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def upsert(connection: "Connection", table: "Table", rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows in place of those with the same primary key."""
    if rows:
        statement = _insert(connection, table)
        keys = [column.name for column in table.primary_key]
        values = {c.name: statement.excluded[c.name] for c in table.c if c.name not in keys}
        connection.execute(
            statement.on_conflict_do_update(index_elements=keys, set_=values), list(rows)
        )


def insert_new(connection: "Connection", table: "Table", rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the rows whose primary key is not there yet."""
    if rows:
        connection.execute(_insert(connection, table).on_conflict_do_nothing(), list(rows))


def _insert(connection: "Connection", table: "Table") -> Any:
    dialect = cast("Any", importlib.import_module(f"sqlalchemy.dialects.{connection.dialect.name}"))
    return dialect.insert(table)


def _require(package: str) -> None:
    importlib.import_module(package)


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver's guess
    cursor = connection.cursor()
    # Readers go on beside a writer. What was committed survives the agent, and a power cut but
    # for its last moments.
    if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


def _begin_sqlite(connection: "Connection") -> None:
    # A transaction that reads first and then writes would be refused if another wrote in between.
    reading = connection.get_execution_options().get(_READING, False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
