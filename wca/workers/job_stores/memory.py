"""A job store that needs nothing."""

from collections.abc import Iterable, Sequence

from wca.workers.schedule.api import Job, JobStore

__all__ = ["MemoryJobStore"]


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
