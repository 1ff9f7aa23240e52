"""Which workers are monitored, and the jobs for that."""

import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from wca.errors import ValidationError
from wca.workers.cml.background import RecurrentTaskDescriptor
from wca.workers.cml.domain_events import (
    CMLWorkerCreatedDomainEvent,
    CMLWorkerImportedDomainEvent,
    CMLWorkerTerminatedDomainEvent,
    DomainEvent,
)
from wca.workers.cml.events import integration_event_handler
from wca.workers.cml.instances import InstanceClient
from wca.workers.cml.metrics_job import Observer, WorkerNotFoundError, WorkerTerminatedError
from wca.workers.cml.repository import CMLWorkerRepository
from wca.workers.cml.shard_job import ShardMetricsCollectionJob
from wca.workers.cml.status import CMLWorkerStatus
from wca.workers.cml.task_bus import BackgroundTasksBus
from wca.workers.cml.task_scheduler import BackgroundTaskScheduler
from wca.workers.cml.tracing import span
from wca.workers.cml.worker import CMLWorker
from wca.workers.model import Shard

__all__ = ["MonitoringHandle", "WorkerMonitoringScheduler"]

log = logging.getLogger(__name__)

_PREFIX = "worker-metrics-"


@dataclass(frozen=True, slots=True)
class MonitoringHandle:
    """The monitoring of one worker.

    Args:
        worker_id: whose.
        shard: with whom it is polled.
    """

    worker_id: str
    shard: Shard

    @property
    def job_id(self) -> str:
        """The task that asks about it."""
        return f"{_PREFIX}{self.shard.key}"


class WorkerMonitoringScheduler:
    """Monitors workers: discovers them at its start, and follows what happens to them.

    One task is scheduled for each account and region, with the ids of the workers in it. Workers
    that are created or imported are monitored from then on, terminated ones no more: the repository
    publishes that. Used on the event loop.

    Args:
        worker_repository: has the workers.
        aws_client: is asked about their instances, on threads.
        notification_handler: is told of every poll, on the loop.
        background_task_bus: brings the tasks to ``background_task_scheduler``.
        background_task_scheduler: runs them; it is started and stopped here unless it runs already.
        poll_interval: seconds between two polls of a worker.

    Raises:
        ValidationError: the interval is not positive.
    """

    def __init__(
        self,
        *,
        worker_repository: CMLWorkerRepository,
        aws_client: InstanceClient,
        notification_handler: Observer,
        background_task_bus: BackgroundTasksBus,
        background_task_scheduler: BackgroundTaskScheduler,
        poll_interval: float = 300,
    ) -> None:
        if not poll_interval > 0:
            raise ValidationError(f"poll_interval {poll_interval!r}: write seconds, more than 0")
        self._workers = worker_repository
        self._client = aws_client
        self._observers: list[Observer] = [notification_handler]
        self._bus = background_task_bus
        self._tasks = background_task_scheduler
        self._poll_interval = poll_interval
        self._monitored: dict[str, MonitoringHandle] = {}
        self._owns_tasks = False

    @property
    def active_jobs(self) -> dict[str, MonitoringHandle]:
        """What is monitored, by the id of the worker."""
        return dict(self._monitored)

    def subscribe(self, observer: Observer) -> None:
        """Tell another observer of every poll."""
        self._observers.append(observer)

    async def start_async(self) -> None:
        """Monitor all active workers, and those to come.

        Raises:
            StartError: the background task scheduler cannot start.
        """
        with span("start_monitoring_scheduler"):
            log.info("Starting worker monitoring, every %g seconds", self._poll_interval)
            self._tasks.register_task_type(
                ShardMetricsCollectionJob,
                aws_ec2_client=self._client,
                worker_repository=self._workers,
                observers=self._observers,
                ended=self._forget,
            )
            if not self._tasks.running:
                await self._tasks.start_async()
                self._owns_tasks = True
            self._recover()
            for handler in (self._on_new_worker, self._on_terminated_worker):
                self._workers.events.register(handler)
            with span("discover_active_workers"):
                found = await self._workers.get_active_workers_async()
                self._monitor(found)
            log.info("Worker monitoring watches %d workers", len(self._monitored))

    async def stop_async(self) -> None:
        """Monitor nothing any more, once running polls have ended; tasks stay in their store."""
        with span("stop_monitoring_scheduler"):
            for handler in (self._on_new_worker, self._on_terminated_worker):
                self._workers.events.unregister(handler)
            if self._owns_tasks:
                await self._tasks.stop_async()
            else:
                await self._tasks.wait_async()
            self._tasks.unregister_task_type(ShardMetricsCollectionJob)
            self._owns_tasks = False
            self._monitored.clear()
            log.info("Stopped worker monitoring")

    async def start_monitoring_worker_async(self, worker_id: str) -> MonitoringHandle:
        """Monitor a worker, with the others of its account and region; twice is once.

        Args:
            worker_id: which.

        Raises:
            WorkerNotFoundError: the repository has no such worker.
            WorkerTerminatedError: it has ended.
        """
        with span("start_monitoring_worker", worker_id=worker_id):
            worker = await self._workers.get_by_id_async(worker_id)
            if worker is None:
                raise WorkerNotFoundError(f"Worker {worker_id} not found")
            if worker.state.status is CMLWorkerStatus.TERMINATED:
                raise WorkerTerminatedError(f"Worker {worker_id} is terminated")
            self._monitor([worker])
            return self._monitored[worker_id]

    async def stop_monitoring_worker_async(self, worker_id: str) -> bool:
        """Monitor a worker no more; whether it was."""
        with span("stop_monitoring_worker", worker_id=worker_id):
            known = worker_id in self._monitored
            self._forget(worker_id)
            return known

    @integration_event_handler(CMLWorkerCreatedDomainEvent, CMLWorkerImportedDomainEvent)
    async def _on_new_worker(self, event: DomainEvent) -> None:
        await self.start_monitoring_worker_async(event.aggregate_id)

    @integration_event_handler(CMLWorkerTerminatedDomainEvent)
    async def _on_terminated_worker(self, event: DomainEvent) -> None:
        await self.stop_monitoring_worker_async(event.aggregate_id)

    def _monitor(self, workers: Iterable[CMLWorker]) -> None:
        """Add workers to the tasks of their shards: one change of each, however many come."""
        changed: set[Shard] = set()
        for worker in workers:
            handle = MonitoringHandle(worker.id, worker.state.shard)
            before = self._monitored.get(worker.id)
            if before != handle:
                self._monitored[worker.id] = handle
                changed.add(handle.shard)
                log.info("Started monitoring worker %s (job %s)", worker.id, handle.job_id)
            if before is not None:
                changed |= {before.shard} - {handle.shard}
        self._schedule(changed)

    def _forget(self, worker_id: str) -> None:
        handle = self._monitored.pop(worker_id, None)
        if handle is not None:
            self._schedule({handle.shard})
            log.info("Stopped monitoring worker %s", worker_id)

    def _schedule(self, shards: Iterable[Shard]) -> None:
        """Bring the tasks of these shards to what is monitored."""
        members: defaultdict[Shard, list[str]] = defaultdict(list)
        for handle in self._monitored.values():
            members[handle.shard].append(handle.worker_id)
        for shard in shards:
            task_id = f"{_PREFIX}{shard.key}"
            if not members[shard]:
                self._tasks.stop_task(task_id)
                continue
            data: dict[str, Any] = {
                "account": shard.account,
                "region": shard.region,
                "worker_ids": members[shard],
            }
            self._bus.schedule_task(
                RecurrentTaskDescriptor(
                    id=task_id,
                    name=ShardMetricsCollectionJob.__name__,
                    interval=self._poll_interval,
                    data=data,
                )
            )

    def _recover(self) -> None:
        """Take over what the store has from an earlier run, with the interval of this one."""
        shards: set[Shard] = set()
        for task in self._tasks.list_tasks():
            if task.name == ShardMetricsCollectionJob.__name__:
                shard = Shard(task.data["account"], task.data["region"])
                for worker_id in task.data["worker_ids"]:
                    self._monitored[worker_id] = MonitoringHandle(worker_id, shard)
                if task.interval != self._poll_interval:
                    shards.add(shard)
        self._schedule(shards)
        if self._monitored:
            log.info("Recovered the monitoring of %d workers", len(self._monitored))
