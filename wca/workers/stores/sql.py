"""Worker stores in SQL databases: SQLite and PostgreSQL."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

from wca.config.types import Duration, Path, Secret, Url
from wca.workers.api import WorkerStore
from wca.workers.connections.failures import begin
from wca.workers.connections.sql import (
    PostgresDatabase,
    SqlDatabase,
    SqliteDatabase,
    insert_new,
    upsert,
)
from wca.workers.model import ActionRecord, Alert, AlertState, WorkerState
from wca.workers.stores.codec import decoded_all, encoded

if TYPE_CHECKING:
    from wca.workers.connections.schema import Schema

__all__ = ["PostgresWorkerStore", "SqlWorkerStore", "SqliteWorkerStore"]


class SqlWorkerStore(WorkerStore):
    """Keeps states, alerts and actions in tables of an SQL database.

    Args:
        database: where.
    """

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database
        self._title = type(self).__name__

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

    def load(self) -> Mapping[str, WorkerState]:
        """All states by the id of their worker."""
        with self._database.transaction(reading=True) as connection:
            from wca.workers.stores.tables import STATES

            texts = connection.execute(STATES.select()).all()
        states = decoded_all(WorkerState, [row.value for row in texts], self._title)
        return {state.worker.id: state for state in states}

    def save(self, states: Iterable[WorkerState]) -> None:
        """Keep these."""
        rows = [{"worker_id": state.worker.id, "value": encoded(state)} for state in states]
        with self._database.transaction() as connection:
            from wca.workers.stores.tables import STATES

            upsert(connection, STATES, rows)

    def remove(self, worker_ids: Iterable[str]) -> None:
        """Forget these workers and their alerts; their actions stay."""
        rows = [{"gone": worker_id} for worker_id in worker_ids]
        if not rows:
            return
        with self._database.transaction() as connection:
            from sqlalchemy import bindparam

            from wca.workers.stores.tables import ALERTS, STATES

            for table in (STATES, ALERTS):
                gone = table.c.worker_id == bindparam("gone")
                connection.execute(table.delete().where(gone), rows)

    def load_alerts(self) -> Sequence[Alert]:
        """All alerts that are pending or fire."""
        with self._database.transaction(reading=True) as connection:
            from wca.workers.stores.tables import ALERTS

            texts = connection.execute(ALERTS.select().order_by(ALERTS.c.key)).all()
        return decoded_all(Alert, [row.value for row in texts], self._title)

    def save_alerts(self, alerts: Iterable[Alert]) -> None:
        """Keep these by their keys; a resolved one is kept no longer."""
        # Of the same key the last one counts.
        last = {alert.key: alert for alert in alerts}
        over = [{"gone": key} for key, alert in last.items() if alert.state == AlertState.RESOLVED]
        rows = [
            {"key": key, "worker_id": alert.worker.id, "value": encoded(alert)}
            for key, alert in last.items()
            if alert.state != AlertState.RESOLVED
        ]
        with self._database.transaction() as connection:
            from sqlalchemy import bindparam

            from wca.workers.stores.tables import ALERTS

            upsert(connection, ALERTS, rows)
            if over:
                gone = ALERTS.c.key == bindparam("gone")
                connection.execute(ALERTS.delete().where(gone), over)

    def record(self, actions: Iterable[ActionRecord]) -> None:
        """Keep what was done."""
        rows = [{"at": action.at, "value": encoded(action)} for action in actions]
        if not rows:
            return
        with self._database.transaction() as connection:
            from wca.workers.stores.tables import ACTIONS

            connection.execute(ACTIONS.insert(), rows)

    def actions(self, since: float) -> Sequence[ActionRecord]:
        """What was done since then, in order of time."""
        with self._database.transaction(reading=True) as connection:
            from wca.workers.stores.tables import ACTIONS

            newer = ACTIONS.select().where(ACTIONS.c.at >= since)
            texts = connection.execute(newer.order_by(ACTIONS.c.at, ACTIONS.c.number)).all()
        return decoded_all(ActionRecord, [row.value for row in texts], self._title)

    def requested(self, month: str, metrics: int) -> int:
        """Metrics that all agents have requested in a month, with these."""
        with self._database.transaction() as connection:
            from wca.workers.stores.tables import REQUESTED

            insert_new(connection, REQUESTED, [{"month": month, "metrics": 0}])
            mine = REQUESTED.c.month == month
            more = {"metrics": REQUESTED.c.metrics + metrics}
            connection.execute(REQUESTED.update().where(mine).values(more))
            found = connection.execute(REQUESTED.select().where(mine)).one()
        return int(found.metrics)


class SqliteWorkerStore(SqlWorkerStore):
    """Keeps states of workers, alerts and actions in an SQLite file, which other parts may share.

    Needs the package sqlalchemy (``pip install 'wca[workers]'``).

    Args:
        path: of the file; it is made when it is missing, for the agent's user alone.
    """

    def __init__(self, path: Annotated[str, Path()]) -> None:
        self.path = path
        super().__init__(SqliteDatabase("SqliteWorkerStore", path, _schema))


class PostgresWorkerStore(SqlWorkerStore):
    """Keeps states of workers, alerts and actions in PostgreSQL, in tables that it makes.

    Needs the packages sqlalchemy and psycopg (``pip install 'wca[workers,postgresql]'``).

    Args:
        url: such as ``postgresql://user:password@host:5432/name``.
        timeout: to wait for a connection, and for each answer.
    """

    def __init__(
        self,
        url: Annotated[str, Url(supported_schemes=("postgresql", "postgres")), Secret()],
        timeout: Annotated[float, Duration(0.1, 60)] = 5.0,
    ) -> None:
        super().__init__(PostgresDatabase("PostgresWorkerStore", url, _schema, timeout))


def _schema() -> "Schema":
    from wca.workers.stores.tables import SCHEMA

    return SCHEMA
