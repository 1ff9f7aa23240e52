"""Runs background jobs at their intervals: APScheduler behind the names of the seed."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

from wca.errors import PLUGIN_ERRORS, StartError, ValidationError
from wca.workers.cml.background import (
    JobFinishedError,
    RecurrentBackgroundJob,
    RecurrentTaskDescriptor,
)
from wca.workers.cml.job_store import JobStoreOptions
from wca.workers.cml.services import ServiceProvider
from wca.workers.cml.task_bus import BackgroundTasksBus

if TYPE_CHECKING:
    from wca.workers.cml.executor import TaskExecutor
    from wca.workers.cml.stored_tasks import StoredTasks

__all__ = ["BackgroundTaskScheduler"]

log = logging.getLogger(__name__)

_INSTALL = "the package apscheduler is missing: install wca[workers]"
#: Seconds after which the store is compared with what is wanted.
_MEND_INTERVAL = 10.0


@dataclass(frozen=True)
class _Type:
    """A registered class of jobs, and what its jobs are configured with."""

    job: type[RecurrentBackgroundJob]
    dependencies: Mapping[str, Any]


@dataclass(frozen=True)
class _Started:
    """What there is between a start and a stop."""

    scheduler: Any
    executor: "TaskExecutor"
    tasks: "StoredTasks"
    mending: asyncio.Task[None]


class BackgroundTaskScheduler:
    """Runs jobs at their intervals, on the event loop it was started on.

    A task that was due while nothing ran is run once, at once. One task never runs twice at a time.
    Two processes must not share a store: both would run its tasks.

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
        self._now: _Started | None = None

    @property
    def running(self) -> bool:
        """Whether it is started."""
        return self._now is not None

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
            StartError: a package is missing, or the store does not answer.
        """
        if self._now is not None:
            return
        try:
            from apscheduler.schedulers.asyncio import AsyncIOScheduler

            from wca.workers.cml.executor import TaskExecutor
            from wca.workers.cml.stored_tasks import StoredTasks
        except ImportError:
            raise StartError(_INSTALL) from None
        store = await asyncio.to_thread(self._options.open)
        executor = TaskExecutor(self._run)
        scheduler = AsyncIOScheduler(
            jobstores={"default": store},
            executors={"default": executor},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=UTC,
        )
        scheduler.start()
        tasks = StoredTasks(scheduler, self._options.where)
        self._now = _Started(scheduler, executor, tasks, asyncio.create_task(_mend(tasks)))
        self._bus.subscribe(self.enqueue_task)
        log.info("Background tasks are kept in %s", self._options.where)

    async def stop_async(self) -> None:
        """Wait for jobs that run, then end; tasks stay in a store that outlives the process."""
        now = self._now
        if now is None:
            return
        self._bus.unsubscribe(self.enqueue_task)
        now.mending.cancel()
        now.scheduler.pause()
        late = await now.executor.wait(self._stop_timeout)
        if late:
            log.warning(
                "%d background jobs did not end within %g seconds and were cancelled",
                late,
                self._stop_timeout,
            )
        now.scheduler.shutdown(wait=False)
        await asyncio.sleep(0)  # APScheduler does it in the next turn of the loop
        self._now = None

    async def wait_async(self) -> None:
        """Wait for jobs that run now."""
        if self._now is not None:
            await self._now.executor.wait(self._stop_timeout)

    def enqueue_task(self, task: RecurrentTaskDescriptor) -> None:
        """Schedule a task, in place of one with the same id.

        A new one runs at once; one that has the same interval as before keeps its time. While the
        store cannot be written, that is tried again.

        Raises:
            StartError: the scheduler is not started.
        """
        self._started().tasks.put(task)

    def stop_task(self, task_id: str) -> bool:
        """Remove a task; whether there was one. A run of it goes on to its end.

        Raises:
            StartError: the scheduler is not started.
        """
        return self._started().tasks.remove(task_id)

    def list_tasks(self) -> list[RecurrentTaskDescriptor]:
        """All tasks that are scheduled.

        Raises:
            StartError: the scheduler is not started.
        """
        return self._started().tasks.all()

    def _started(self) -> _Started:
        if self._now is None:
            raise StartError("the background task scheduler is not started: await start_async()")
        return self._now

    async def _run(self, task_id: str, kwargs: Mapping[str, Any]) -> None:
        """Build a job anew, give it what it needs, and run it once."""
        name = str(kwargs["name"])
        known = self._types.get(name)
        if known is None:
            log.warning("Task %s is skipped: no task type %s is registered", task_id, name)
            return
        try:
            if await self._has_finished(task_id, known, kwargs["data"]):
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


async def _mend(tasks: "StoredTasks") -> None:
    while True:
        await asyncio.sleep(_MEND_INTERVAL)
        tasks.mend()
