"""The job that asks about one worker: the five steps of the seed."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from wca.errors import PLUGIN_ERRORS, StartError
from wca.workers.cml.background import (
    JobFinishedError,
    RecurrentBackgroundJob,
    backgroundjob,
)
from wca.workers.cml.instances import InstanceClient
from wca.workers.cml.questions import Found, ShardAnswers, ask
from wca.workers.cml.repository import CMLWorkerRepository
from wca.workers.cml.services import ServiceProvider, client_and_workers
from wca.workers.cml.status import CMLWorkerStatus
from wca.workers.cml.tracing import Span, span
from wca.workers.cml.words import percent
from wca.workers.cml.worker import CMLWorker

__all__ = [
    "Observer",
    "WorkerMetricsCollectionJob",
    "WorkerNotFoundError",
    "WorkerTerminatedError",
]

log = logging.getLogger(__name__)

#: Percent of CPU above which a worker is at work.
IDLE_CPU = 5.0

#: Is told of every poll of a worker, with its ``metrics_data``.
Observer = Callable[[dict[str, Any]], None]


class WorkerNotFoundError(JobFinishedError):
    """The repository has no such worker."""


class WorkerTerminatedError(JobFinishedError):
    """The instance of the worker has ended for ever."""


@backgroundjob(task_type="recurrent")
class WorkerMetricsCollectionJob(RecurrentBackgroundJob):
    """Collects the metrics of one worker, and tells its observers.

    Args:
        worker_id: whose.
    """

    def __init__(self, worker_id: str) -> None:
        self.worker_id = worker_id
        self.aws_ec2_client: InstanceClient | None = None
        self.worker_repository: CMLWorkerRepository | None = None
        self._answers: ShardAnswers | None = None
        self._observers: list[Observer] = []

    def configure(self, service_provider: ServiceProvider | None = None, **kwargs: Any) -> None:
        """Take what the job works with.

        Args:
            service_provider: has an ``AwsEc2Client`` and a ``CMLWorkerRepository``.
            kwargs: ``aws_ec2_client`` and ``worker_repository``, which go before the container;
                ``answers``, what AWS said just now about the shard of the worker.
        """
        self._answers = kwargs.get("answers", self._answers)
        client, workers = client_and_workers(service_provider, kwargs)
        self.aws_ec2_client = client or self.aws_ec2_client
        self.worker_repository = workers or self.worker_repository

    def subscribe(self, observer: Observer) -> None:
        """Tell an observer of what is collected: it is called with ``metrics_data``."""
        self._observers.append(observer)

    def unsubscribe(self, observer: Observer) -> None:
        """Tell it no more."""
        if observer in self._observers:
            self._observers.remove(observer)

    async def run_every(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002 - the contract
        """Ask about the worker once, keep what is found, and tell the observers.

        Raises:
            StartError: the job is not configured.
            WorkerNotFoundError: there is no such worker any more.
            WorkerTerminatedError: it has ended.
        """
        with span("collect_worker_metrics", worker_id=self.worker_id) as current:
            try:
                await self._collect(current)
            except JobFinishedError:
                raise
            except PLUGIN_ERRORS as error:
                log.error(  # noqa: TRY400 - one sentence
                    "❌ Failed to collect metrics for worker %s: %s", self.worker_id, error
                )
                raise

    async def _collect(self, current: Span) -> None:
        client, workers = self._dependencies()
        worker = await self._load(workers)
        if not worker.state.aws_instance_id:
            log.debug("Worker %s has no instance yet", self.worker_id)
            return
        current.set_attribute("aws_instance_id", worker.state.aws_instance_id)
        current.set_attribute("aws_region", worker.state.aws_region)
        found = self._answers.of(worker.state) if self._answers is not None else None
        if found is None:
            found = await ask(client, worker.state)
            # Read again: while AWS was asked, others may have changed it.
            worker = await self._load(workers)
        current.set_attribute("ec2_instance_state", str(found.checks["instance_state"]))
        await self._keep(workers, worker, found, current)
        self._tell(_metrics_data(worker, found))

    def _dependencies(self) -> tuple[InstanceClient, CMLWorkerRepository]:
        if self.aws_ec2_client is None or self.worker_repository is None:
            raise StartError(
                "the job has nothing to ask: call configure(service_provider=...), or "
                "configure(aws_ec2_client=..., worker_repository=...)"
            )
        return self.aws_ec2_client, self.worker_repository

    async def _load(self, workers: CMLWorkerRepository) -> CMLWorker:
        worker = await workers.get_by_id_async(self.worker_id)
        if worker is None:
            log.warning("Worker %s not found - stopping job", self.worker_id)
            raise WorkerNotFoundError("Worker not found - terminating job")
        if worker.state.status is CMLWorkerStatus.TERMINATED:
            log.info("Worker %s is terminated - stopping job", self.worker_id)
            raise WorkerTerminatedError("Worker terminated - stopping job")
        return worker

    async def _keep(
        self,
        workers: CMLWorkerRepository,
        worker: CMLWorker,
        found: Found,
        current: Span,
    ) -> None:
        """Update the worker, and save it if anything is another."""
        now, status, used, checks = datetime.now(UTC), found.status, found.used, found.checks
        cpu = used.avg_cpu_utilization if used is not None else None
        memory = used.avg_memory_utilization if used is not None else None
        unasked = used is None and status is CMLWorkerStatus.RUNNING  # nothing is known, not: none
        works = (cpu is not None and cpu > IDLE_CPU) or worker.state.active_labs_count > 0
        changed = worker.update_status(status, now)
        current.set_attribute("status_changed", changed)
        checked = worker.update_status_checks(
            str(checks["instance_status_check"]), str(checks["ec2_system_status_check"])
        )
        measured = worker.update_telemetry(
            cpu_utilization=worker.state.cpu_utilization if unasked else cpu,
            memory_utilization=worker.state.memory_utilization if unasked else memory,
            last_activity_at=now if works and status is CMLWorkerStatus.RUNNING else None,
            at=now,
        )
        if changed or checked or measured:
            await workers.update_async(worker)
        if used is not None:
            _set(current, cpu_utilization=cpu, memory_utilization=memory)
            log.info(
                "📊 Collected metrics for worker %s: CPU=%s, Memory=%s",
                self.worker_id,
                percent(cpu),
                percent(memory),
            )

    def _tell(self, metrics_data: dict[str, Any]) -> None:
        for observer in tuple(self._observers):
            try:
                observer(metrics_data)
            except PLUGIN_ERRORS as error:
                log.error(  # noqa: TRY400 - one sentence
                    "An observer of worker %s failed: %s", self.worker_id, error
                )


def _metrics_data(worker: CMLWorker, found: Found) -> dict[str, Any]:
    state, used = worker.state, found.used
    metrics = None
    if used is not None:
        metrics = {
            "cpu_utilization": used.avg_cpu_utilization,
            "memory_utilization": used.avg_memory_utilization,
        }
    return {
        "worker_id": worker.id,
        "worker_name": state.name,
        "timestamp": datetime.now(UTC).isoformat(),
        "status": state.status.value,
        "status_checks": dict(found.checks),
        "instance_id": state.aws_instance_id,
        "region": state.aws_region,
        "metrics": metrics,
    }


def _set(current: Span, **attributes: float | None) -> None:
    for name, value in attributes.items():
        if value is not None:
            current.set_attribute(name, value)
