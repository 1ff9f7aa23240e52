"""Job stores that need no server."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

from wca.config.types import Path
from wca.workers.connections.failures import begin
from wca.workers.connections.sql import SqliteDatabase, upsert
from wca.workers.schedule.api import Job, JobStore

if TYPE_CHECKING:
    from wca.workers.connections.schema import Schema

__all__ = ["MemoryJobStore", "SqliteJobStore"]


class MemoryJobStore(JobStore):
    """Keeps jobs as long as the agent runs: a restart polls everything anew."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}

    def load(self) -> Sequence[Job]:
        """All jobs."""
        return list(self._jobs.values())

    def save(self, jobs: Iterable[Job]) -> None:
        """Keep these."""
        self._jobs.update({job.key: job for job in jobs})

    def remove(self, keys: Iterable[str]) -> None:
        """Keep these no longer."""
        for key in keys:
            self._jobs.pop(key, None)


class SqliteJobStore(JobStore):
    """Keeps jobs in an SQLite file, which other parts may share.

    Needs the package sqlalchemy (``pip install 'wca[workers]'``).

    Args:
        path: of the file; it is made when it is missing, for the agent's user alone.
    """

    def __init__(self, path: Annotated[str, Path()]) -> None:
        self.path = path
        self._database = SqliteDatabase("SqliteJobStore", path, _schema)

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
            from wca.workers.schedule.tables import JOBS

            rows = connection.execute(JOBS.select()).all()
        return [Job(row.key, row.seconds, row.jitter, row.due) for row in rows]

    def save(self, jobs: Iterable[Job]) -> None:
        """Keep these."""
        with self._database.transaction() as connection:
            from wca.workers.schedule.tables import JOBS

            upsert(connection, JOBS, [_row(job) for job in jobs])

    def remove(self, keys: Iterable[str]) -> None:
        """Keep these no longer."""
        with self._database.transaction() as connection:
            from wca.workers.schedule.tables import JOBS

            for key in keys:
                connection.execute(JOBS.delete().where(JOBS.c.key == key))


def _schema() -> "Schema":
    from wca.workers.schedule.tables import SCHEMA

    return SCHEMA


def _row(job: Job) -> dict[str, object]:
    return {"key": job.key, "seconds": job.seconds, "jitter": job.jitter, "due": job.due}
