"""Runs background jobs at their intervals: APScheduler behind the names of the seed."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wca.errors import PLUGIN_ERRORS, StartError, ValidationError
from wca.workers.cml.background import (
    JobFinishedError,
    RecurrentBackgroundJob,
    RecurrentTaskDescriptor,
)
from wca.workers.cml.job_store import JobStoreOptions
from wca.workers.cml.services import ServiceProvider
from wca.workers.cml.stored_tasks import data_of, tasks_of
from wca.workers.cml.task_bus import BackgroundTasksBus
from wca.workers.schedule.aps import ApsSchedule

__all__ = ["BackgroundTaskScheduler"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Type:
    """A registered class of jobs, and what its jobs are configured with."""

    job: type[RecurrentBackgroundJob]
    dependencies: Mapping[str, Any]


class BackgroundTaskScheduler:
    """Runs jobs at their intervals, on the event loop it was started on.

    A task that was due while nothing ran is run once, at once. One task never runs twice at a time.
    The store follows beside the loop: while it cannot be reached tasks run on, and what it lacks is
    written when it can. Two processes must not share a store: both would run its tasks.

    Args:
        background_task_bus: where tasks come from.
        job_store: as ``Settings.background_job_store``; empty: in memory.
        service_provider: given to each job before each run.
        stop_timeout: seconds that jobs have to end when it is stopped.

    Raises:
        ValidationError: ``job_store`` cannot be used.
    """

    def __init__(
        self,
        background_task_bus: BackgroundTasksBus,
        job_store: Mapping[str, Any] | None = None,
        service_provider: ServiceProvider | None = None,
        stop_timeout: float = 30.0,
    ) -> None:
        self._bus = background_task_bus
        self._options = JobStoreOptions(dict(job_store or {}))
        self._services = service_provider
        self._stop_timeout = stop_timeout
        self._types: dict[str, _Type] = {}
        self._tasks: dict[str, RecurrentTaskDescriptor] = {}
        self._schedule: ApsSchedule | None = None

    @property
    def running(self) -> bool:
        """Whether it is started."""
        return self._schedule is not None

    def register_task_type(self, job: type[RecurrentBackgroundJob], **dependencies: Any) -> None:
        """Let tasks with the name of this class be run by it.

        Args:
            job: decorated with ``backgroundjob``.
            dependencies: given to each job before each run.

        Raises:
            ValidationError: it is not decorated.
        """
        if not job.task_type:
            raise ValidationError(
                f"{job.__name__} is no background job: decorate it with "
                '@backgroundjob(task_type="recurrent")'
            )
        self._types[job.__name__] = _Type(job, dependencies)

    def unregister_task_type(self, job: type[RecurrentBackgroundJob]) -> None:
        """Run no tasks of this class any more; they stay scheduled."""
        self._types.pop(job.__name__, None)

    async def start_async(self) -> None:
        """Begin to run tasks: those of the store, and those of the bus.

        Raises:
            StartError: a package is missing, or what is in the store is of a newer version.
        """
        if self._schedule is not None:
            return
        schedule = ApsSchedule(self._options.make())
        await asyncio.to_thread(schedule.load)
        schedule.begin(self._run)
        self._schedule = schedule
        self._tasks = tasks_of(schedule.jobs())
        self._bus.subscribe(self.enqueue_task)
        log.info("Background tasks are kept in %s", self._options.where)

    async def stop_async(self) -> None:
        """Wait for jobs that run, then end; tasks stay in a store that outlives the process."""
        if self._schedule is None:
            return
        self._bus.unsubscribe(self.enqueue_task)
        await self._schedule.stop(self._stop_timeout)
        self._schedule = None
        self._tasks = {}

    async def wait_async(self) -> None:
        """Wait for jobs that run now."""
        if self._schedule is not None:
            await self._schedule.wait(self._stop_timeout)

    def enqueue_task(self, task: RecurrentTaskDescriptor) -> None:
        """Schedule a task, in place of one with the same id.

        A new one runs at once; one that has the same interval as before keeps its time.

        Raises:
            StartError: the scheduler is not started.
        """
        self._started().every(task.id, task.interval, jitter=0.0, data=data_of(task))
        self._tasks[task.id] = task

    def stop_task(self, task_id: str) -> bool:
        """Remove a task; whether there was one. A run of it goes on to its end.

        Raises:
            StartError: the scheduler is not started.
        """
        self._started().cancel(task_id)
        return self._tasks.pop(task_id, None) is not None

    def list_tasks(self) -> list[RecurrentTaskDescriptor]:
        """All tasks that are scheduled.

        Raises:
            StartError: the scheduler is not started.
        """
        self._started()
        return list(self._tasks.values())

    def _started(self) -> ApsSchedule:
        if self._schedule is None:
            raise StartError("the background task scheduler is not started: await start_async()")
        return self._schedule

    async def _run(self, task_id: str) -> None:
        """Build a job anew, give it what it needs, and run it once."""
        task = self._tasks.get(task_id)
        if task is None:  # the store had it, and it is no task
            return
        known = self._types.get(task.name)
        if known is None:
            log.warning("Task %s is skipped: no task type %s is registered", task_id, task.name)
            return
        try:
            if await self._has_finished(task_id, known, task.data):
                self.stop_task(task_id)
        except PLUGIN_ERRORS as error:
            log.error(  # noqa: TRY400 - one sentence
                "Task %s failed, and is run again at its next interval: %s", task_id, error
            )

    async def _has_finished(self, task_id: str, known: _Type, data: Mapping[str, Any]) -> bool:
        """Run it once; whether it has nothing to do any more."""
        try:
            job = known.job(**data)
            job.configure(service_provider=self._services, **known.dependencies)
            await job.run_every()
        except JobFinishedError as finished:
            log.info("Task %s is removed: %s", task_id, finished)
            return True
        return False
