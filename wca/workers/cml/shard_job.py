"""The job that is scheduled: all monitored workers of one account and region."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from wca.errors import PLUGIN_ERRORS
from wca.workers.cml.background import (
    JobFinishedError,
    RecurrentBackgroundJob,
    backgroundjob,
)
from wca.workers.cml.metrics_job import Observer, WorkerMetricsCollectionJob
from wca.workers.cml.services import ServiceProvider

__all__ = ["ShardMetricsCollectionJob"]

log = logging.getLogger(__name__)

#: Workers of a shard that are asked about at a time.
MOST_AT_ONCE = 10


@backgroundjob(task_type="recurrent")
class ShardMetricsCollectionJob(RecurrentBackgroundJob):
    """Runs a ``WorkerMetricsCollectionJob`` for each worker of a shard.

    What fails for one worker fails for no other; all are tried again at the next interval.

    Args:
        account: of the shard.
        region: of the shard.
        worker_ids: workers to ask about.
    """

    def __init__(self, account: str, region: str, worker_ids: Sequence[str]) -> None:
        self.account = account
        self.region = region
        self.worker_ids = tuple(worker_ids)
        self._services: ServiceProvider | None = None
        self._dependencies: dict[str, Any] = {}
        self._observers: Sequence[Observer] = ()
        self._ended: Callable[[str], None] = _tell_nobody

    def configure(self, service_provider: ServiceProvider | None = None, **kwargs: Any) -> None:
        """Take what the jobs work with.

        Args:
            service_provider: for each job.
            kwargs: ``observers``, who are told of each worker; ``ended``, which is called with the
                id of a worker that is not to be asked about again; the others are for each job.
        """
        self._services = service_provider
        self._observers = kwargs.pop("observers", self._observers)
        self._ended = kwargs.pop("ended", self._ended)
        self._dependencies = kwargs

    async def run_every(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002 - the contract
        """Ask about each worker once, some at a time."""
        gate = asyncio.Semaphore(MOST_AT_ONCE)
        await asyncio.gather(*(self._collect(worker_id, gate) for worker_id in self.worker_ids))

    async def _collect(self, worker_id: str, gate: asyncio.Semaphore) -> None:
        job = WorkerMetricsCollectionJob(worker_id=worker_id)
        async with gate:
            try:
                job.configure(service_provider=self._services, **self._dependencies)
                for observer in self._observers:
                    job.subscribe(observer)
                await job.run_every()
            except JobFinishedError:
                self._ended(worker_id)
            except PLUGIN_ERRORS as error:  # the job has told of it
                log.debug(
                    "Worker %s is asked about again at the next interval: %s", worker_id, error
                )


def _tell_nobody(worker_id: str) -> None:
    """Nobody wants to hear of workers that have ended."""
