"""Histories in SQL databases: SQLite and PostgreSQL, with TimescaleDB where that is there."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from wca.clock import Clock, SystemClock
from wca.config.types import Duration, Injected, Path, Secret, Url
from wca.workers.api import History
from wca.workers.connections.failures import begin
from wca.workers.connections.sql import PostgresDatabase, SqlDatabase, SqliteDatabase, insert_new
from wca.workers.history.points import point_of
from wca.workers.model import HistoryPoint, InstanceState, Sample

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from wca.workers.connections.schema import Schema

__all__ = ["PostgresHistory", "SqlHistory", "SqliteHistory"]

_WEEK = 7 * 86_400.0
#: Of old samples more are deleted at once than new ones come, so that they end, but not so many
#: that a shorter retention would hold up the cycle in which it is first seen.
_LEAST_DELETED, _DELETED_PER_SAMPLE = 1_000, 2


class SqlHistory(History):
    """Keeps a row for each poll of each worker. A sample that was kept already is kept once.

    Args:
        database: where.
        retention: seconds after which a sample is deleted.
        clock: time.
    """

    def __init__(self, database: SqlDatabase, retention: float, clock: Clock | None) -> None:
        self.retention = retention
        self._database = database
        self._clock = clock or SystemClock()

    def start(self) -> None:
        """Open the database; raises StartError where that will never work."""
        begin(self._database.open)

    def close(self, timeout: float = 5.0) -> None:
        """Close all connections.

        Args:
            timeout: not needed, closing waits for nothing.
        """
        del timeout
        self._database.close()

    def append(self, samples: Sequence[Sample]) -> None:
        """Keep samples in one transaction, and delete some that are too old."""
        rows = [_row(sample.worker.id, point_of(sample)) for sample in samples]
        with self._database.transaction() as connection:
            from wca.workers.history.tables import SAMPLES

            insert_new(connection, SAMPLES, rows)
            oldest = _whole(self._clock.now() - self.retention)
            most = _LEAST_DELETED + _DELETED_PER_SAMPLE * len(rows)
            _delete_before(connection, oldest, most)

    def query(self, worker_id: str, since: float, until: float) -> Sequence[HistoryPoint]:
        """What was found of a worker from ``since`` to ``until``, both included, in order of time.

        Raises:
            OSError: the database cannot be reached.
        """
        with self._database.transaction(reading=True) as connection:
            from wca.workers.history.tables import SAMPLES

            within = SAMPLES.c.at.between(_whole(since), _whole(until))
            found = SAMPLES.select().where(SAMPLES.c.worker_id == worker_id, within)
            rows = connection.execute(found.order_by(SAMPLES.c.at)).all()
        return [_point(row) for row in rows]


class SqliteHistory(SqlHistory):
    """Keeps what was found of workers in an SQLite file, which other parts may share.

    A poll of a worker takes some 150 bytes of disk: of 1,000 workers, polled once a minute, 1.5 GB
    a week. Needs the package sqlalchemy (``pip install 'wca[workers]'``).

    Args:
        path: of the file; it is made when it is missing, for the agent's user alone.
        retention: after which a sample is deleted; its room in the file is used again.
        clock: time.
    """

    def __init__(
        self,
        path: Annotated[str, Path()],
        retention: Annotated[float, Duration(60)] = _WEEK,
        *,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        self.path = path
        super().__init__(SqliteDatabase("SqliteHistory", path, _schema), retention, clock)


class PostgresHistory(SqlHistory):
    """Keeps what was found of workers in PostgreSQL, in a table that it makes.

    Where the extension TimescaleDB is installed in the database, the table is a hypertable. Needs
    the packages sqlalchemy and psycopg (``pip install 'wca[workers,postgresql]'``).

    Args:
        url: such as ``postgresql://user:password@host:5432/name``.
        retention: after which a sample is deleted.
        timeout: to wait for a connection, and for each answer.
        clock: time.
    """

    def __init__(
        self,
        url: Annotated[str, Url(supported_schemes=("postgresql", "postgres")), Secret()],
        retention: Annotated[float, Duration(60)] = _WEEK,
        timeout: Annotated[float, Duration(0.1, 60)] = 5.0,
        *,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        database = PostgresDatabase("PostgresHistory", url, _schema, timeout)
        super().__init__(database, retention, clock)


def _schema() -> "Schema":
    from wca.workers.history.tables import SCHEMA

    return SCHEMA


def _whole(seconds: float) -> int:
    """Microseconds, within what a column takes."""
    most = 2**63 - 1
    return round(max(-most, min(most, seconds * 1e6))) if seconds == seconds else 0


def _row(worker_id: str, point: HistoryPoint) -> dict[str, object]:
    readings = json.dumps(point.values, separators=(",", ":"))
    state = str(point.state)
    return {"worker_id": worker_id, "at": _whole(point.at), "state": state, "readings": readings}


def _point(row: Any) -> HistoryPoint:
    values: Mapping[str, float] = json.loads(row.readings)
    return HistoryPoint(row.at / 1e6, InstanceState(row.state), values)


def _delete_before(connection: "Connection", oldest: int, most: int) -> None:
    from sqlalchemy import select, tuple_

    from wca.workers.history.tables import SAMPLES

    key = SAMPLES.c.worker_id, SAMPLES.c.at
    old = select(*key).where(SAMPLES.c.at < oldest).order_by(SAMPLES.c.at).limit(most)
    connection.execute(SAMPLES.delete().where(tuple_(*key).in_(old)))
