"""Jobs in an SQLite file."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

from wca.config.types import Injected, Path
from wca.workers.connections.failures import begin
from wca.workers.connections.sql import SqliteDatabase, upsert
from wca.workers.schedule.api import Job, JobStore

if TYPE_CHECKING:
    from wca.workers.connections.schema import Schema

__all__ = ["SqliteJobStore"]


class SqliteJobStore(JobStore):
    """Keeps jobs in an SQLite file, which other parts may share.

    Needs the package sqlalchemy (``pip install 'wca[workers]'``).

    Args:
        path: of the file; it is made when it is missing, for the agent's user alone.
        title: what messages call it.
    """

    def __init__(
        self,
        path: Annotated[str, Path()],
        *,
        title: Annotated[str, Injected()] = "SqliteJobStore",
    ) -> None:
        self.path = path
        self._database = SqliteDatabase(title, path, _schema)

    def start(self) -> None:
        """Open the file; raises StartError where that will never work."""
        begin(self._database.open)

    def close(self, timeout: float = 5.0) -> None:
        """Close the file.

        Args:
            timeout: not needed, closing waits for nothing.
        """
        del timeout
        self._database.close()

    def load(self) -> Sequence[Job]:
        """All jobs."""
        with self._database.transaction(reading=True) as connection:
            from wca.workers.job_stores.tables import JOBS

            rows = connection.execute(JOBS.select()).all()
        return [Job(row.key, row.seconds, row.jitter, row.due, row.data) for row in rows]

    def save(self, jobs: Iterable[Job]) -> None:
        """Keep these."""
        with self._database.transaction() as connection:
            from wca.workers.job_stores.tables import JOBS

            upsert(connection, JOBS, [_row(job) for job in jobs])

    def remove(self, keys: Iterable[str]) -> None:
        """Keep these no longer."""
        with self._database.transaction() as connection:
            from wca.workers.job_stores.tables import JOBS

            for key in keys:
                connection.execute(JOBS.delete().where(JOBS.c.key == key))


def _schema() -> "Schema":
    from wca.workers.job_stores.tables import SCHEMA

    return SCHEMA


def _row(job: Job) -> dict[str, object]:
    return {
        "key": job.key,
        "seconds": job.seconds,
        "jitter": job.jitter,
        "due": job.due,
        "data": job.data,
    }
