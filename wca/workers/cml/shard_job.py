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
from wca.workers.cml.instances import InstancesClient
from wca.workers.cml.metrics_job import Observer, WorkerMetricsCollectionJob
from wca.workers.cml.questions import ShardAnswers, ask_shard
from wca.workers.cml.repository import CMLWorkerRepository
from wca.workers.cml.services import ServiceProvider, client_and_workers
from wca.workers.cml.status import CMLWorkerStatus

__all__ = ["ShardMetricsCollectionJob"]

log = logging.getLogger(__name__)

#: Workers of a shard that are loaded, kept, and where need be asked about, at a time.
MOST_AT_ONCE = 10


@backgroundjob(task_type="recurrent")
class ShardMetricsCollectionJob(RecurrentBackgroundJob):
    """Asks AWS about all workers of a shard at once, then runs the job of each with the answers.

    A client that cannot be asked about many, which ``InstancesClient`` can, is asked by each job.
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
        self._client: Any = None
        self._workers: CMLWorkerRepository | None = None
        self._observers: Sequence[Observer] = ()
        self._ended: Callable[[str], None] = _tell_nobody

    def configure(self, service_provider: ServiceProvider | None = None, **kwargs: Any) -> None:
        """Take what the jobs work with.

        Args:
            service_provider: as for the job of one worker.
            kwargs: as for the job of one worker; ``observers``, who are told of each worker;
                ``ended``, which is called with the id of a worker that is not to be asked about
                again.
        """
        self._client, self._workers = client_and_workers(service_provider, kwargs)
        self._observers = kwargs.get("observers", self._observers)
        self._ended = kwargs.get("ended", self._ended)

    async def run_every(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002 - the contract
        """Ask about all workers once, then see to each, some at a time."""
        gate = asyncio.Semaphore(MOST_AT_ONCE)
        answers = await self._ask(gate)
        await asyncio.gather(*(self._collect(one, answers, gate) for one in self.worker_ids))

    async def _ask(self, gate: asyncio.Semaphore) -> ShardAnswers | None:
        """What AWS says about all instances; None: it cannot be asked so."""
        client, workers = self._client, self._workers
        if workers is None or not isinstance(client, InstancesClient):
            return None
        found = await asyncio.gather(
            *(self._instance_of(worker_id, workers, gate) for worker_id in self.worker_ids)
        )
        return await ask_shard(client, self.region, [id_ for id_ in found if id_])

    async def _instance_of(
        self, worker_id: str, workers: CMLWorkerRepository, gate: asyncio.Semaphore
    ) -> str:
        """The instance to ask about; empty: none, which the job of the worker looks into."""
        async with gate:
            try:
                worker = await workers.get_by_id_async(worker_id)
            except PLUGIN_ERRORS as error:  # the job will tell
                log.debug("Worker %s cannot be loaded: %s", worker_id, error)
                return ""
        if worker is None or worker.state.status is CMLWorkerStatus.TERMINATED:
            return ""
        # One that has moved since it was scheduled is asked about alone.
        return worker.state.aws_instance_id if worker.state.aws_region == self.region else ""

    async def _collect(
        self, worker_id: str, answers: ShardAnswers | None, gate: asyncio.Semaphore
    ) -> None:
        job = WorkerMetricsCollectionJob(worker_id=worker_id)
        job.configure(aws_ec2_client=self._client, worker_repository=self._workers, answers=answers)
        for observer in self._observers:
            job.subscribe(observer)
        async with gate:
            # Where neither AWS nor a database is waited for, the loop has its turn here.
            await asyncio.sleep(0)
            try:
                await job.run_every()
            except JobFinishedError:
                self._ended(worker_id)
            except PLUGIN_ERRORS as error:  # the job has told of it
                log.debug(
                    "Worker %s is asked about again at the next interval: %s", worker_id, error
                )


def _tell_nobody(worker_id: str) -> None:
    """Nobody wants to hear of workers that have ended."""
