"""A schedule on APScheduler 3."""

import asyncio
import logging
import math
import zlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

from wca.clock import Clock, SystemClock
from wca.config.types import Injected
from wca.errors import StartError
from wca.workers.job_stores.memory import MemoryJobStore
from wca.workers.schedule.api import Job, JobStore, Schedule
from wca.workers.schedule.keeper import JobKeeper

__all__ = ["ApsSchedule"]

log = logging.getLogger(__name__)

_NO_APSCHEDULER = (
    "ApsSchedule needs the Python package apscheduler, which is not installed: "
    "run pip install 'wca[workers]'"
)


class ApsSchedule(Schedule):
    """APScheduler decides what is due; a store keeps it over restarts, as text and numbers.

    APScheduler works from memory, and the store follows: while it cannot be reached nothing is
    missed, and what it holds is never executed. Needs the package apscheduler
    (``pip install 'wca[workers]'``).

    Args:
        store: where jobs are kept; by default in memory, so that a restart polls everything anew.
        clock: time.

    Attributes:
        runs: how often something was due, since start.
        failures: how many of these runs raised an error.
        skipped: how often something was due while it still ran.
    """

    def __init__(
        self,
        store: JobStore | None = None,
        *,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        self.runs = 0
        self.failures = 0
        self.skipped = 0
        self._keeper = JobKeeper(store or MemoryJobStore())
        self._clock = clock or SystemClock()
        self._loaded: Sequence[Job] | None = None
        self._jobs: dict[str, Job] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._scheduler: Any = None
        self._fire: Callable[[str], Awaitable[None]] | None = None

    def load(self) -> None:
        """Read what an earlier run has left; where this is not called ``begin`` does it.

        Blocking, so that a loop on which others wait calls it on a thread.

        Raises:
            StartError: a package is missing, or the store is of a newer version.
        """
        self._loaded = self._keeper.load()

    def begin(self, fire: Callable[[str], Awaitable[None]]) -> None:
        """Recover what an earlier run has left, and begin; see ``Schedule``.

        Raises:
            StartError: a package is missing, or the store is of a newer version.
        """
        try:
            from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_SUBMITTED
            from apscheduler.schedulers.asyncio import AsyncIOScheduler
        except ImportError:
            raise StartError(_NO_APSCHEDULER) from None
        if self._loaded is None:
            self.load()
        kept, self._loaded = self._loaded or (), None
        self._fire = fire
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self._scheduler.add_listener(self._submitted, EVENT_JOB_SUBMITTED)
        self._scheduler.add_listener(self._skipped, EVENT_JOB_MAX_INSTANCES)
        self._scheduler.start()
        for job in kept:
            self._add(_recovered(job, self._clock.now()))

    def every(self, key: str, seconds: float, jitter: float, data: str = "") -> None:
        """Add or keep a key; see ``Schedule``.

        Args:
            key: see ``Schedule``.
            seconds: see ``Schedule``.
            jitter: see ``Schedule``.
            data: kept with the key, see ``jobs``.

        Raises:
            ValueError: a number makes no sense.
        """
        if not (seconds > 0 and math.isfinite(seconds)):
            raise ValueError(f"{key}: seconds must be above 0, got {seconds}")
        if not (jitter >= 0 and math.isfinite(jitter)):
            raise ValueError(f"{key}: jitter must be 0 or more, got {jitter}")
        known = self._jobs.get(key)
        if known is None or (known.seconds, known.jitter) != (seconds, jitter):
            due = self._clock.now() + _phase(key) * jitter
            self._add(Job(key, seconds, jitter, due, data))
        elif known.data != data:
            self._put(replace(known, data=data))

    def cancel(self, key: str) -> None:
        """Remove a key, if it is there."""
        if self._jobs.pop(key, None) is not None:
            self._scheduler.remove_job(key)
            self._keeper.forget(key)

    def keys(self) -> list[str]:
        """All keys, in order."""
        return sorted(self._jobs)

    def jobs(self) -> list[Job]:
        """What is kept of all keys, in their order."""
        return [self._jobs[key] for key in self.keys()]

    def trigger(self, key: str) -> None:
        """Make a key due now; see ``Schedule``."""
        if key not in self._jobs:
            raise KeyError(f"{key} is not in the schedule")
        self._scheduler.modify_job(key, next_run_time=_time(self._clock.now()))

    async def stop(self, timeout: float) -> None:
        """Begin nothing more, wait for what runs, then cancel it; see ``Schedule``."""
        if self._scheduler is None:
            return
        self._scheduler.pause()
        await asyncio.sleep(0)  # what was handed out a moment ago begins, and is waited for
        await self.wait(timeout)
        scheduler, self._scheduler = self._scheduler, None
        if scheduler is None:  # stopped by somebody else meanwhile
            return
        scheduler.shutdown(wait=False)
        await asyncio.sleep(0)  # APScheduler shuts down in the next round of the loop
        self._jobs.clear()
        await asyncio.to_thread(self._keeper.close, timeout)

    async def wait(self, timeout: float) -> None:
        """Wait for what runs, except for what calls this, then cancel it.

        Args:
            timeout: seconds to wait.
        """
        running = self._running - {asyncio.current_task()}
        if not running:
            return
        _, late = await asyncio.wait(running, timeout=timeout)
        for task in late:
            task.cancel()
        if late:
            log.warning(
                "%d runs did not end within %g seconds and are cancelled", len(late), timeout
            )
            await asyncio.wait(late)

    def _add(self, job: Job) -> None:
        # A job of APScheduler's own store in memory: only this object's jobs are ever called.
        self._scheduler.add_job(
            self._run,
            "interval",
            seconds=job.seconds,
            jitter=job.jitter or None,
            timezone=UTC,
            args=(job.key,),
            id=job.key,
            name=job.key,
            next_run_time=_time(job.due),
            replace_existing=True,
        )
        self._put(job)

    def _put(self, job: Job) -> None:
        self._jobs[job.key] = job
        self._keeper.keep(job)

    async def _run(self, key: str) -> None:
        task = asyncio.current_task()
        if self._fire is None or task is None or key not in self._jobs:
            return
        self._running.add(task)
        self.runs += 1
        try:
            await self._fire(key)
        except asyncio.CancelledError:
            return  # by ``wait``, which has told of it: APScheduler would log where it was
        except Exception as error:
            self.failures += 1
            why = str(error) or type(error).__name__
            log.error("%s failed and stays in the schedule: %s", key, why)  # noqa: TRY400
            log.debug("%s failed", key, exc_info=error)
        finally:
            self._running.discard(task)

    def _submitted(self, event: Any) -> None:
        self._follow(event.job_id)

    def _skipped(self, event: Any) -> None:
        self.skipped += 1
        self._follow(event.job_id)

    def _follow(self, key: str) -> None:
        """Keep when a key is due next."""
        job, scheduled = self._jobs.get(key), self._scheduler.get_job(key)
        if job is not None and scheduled is not None:
            self._put(replace(job, due=scheduled.next_run_time.timestamp()))


def _phase(key: str) -> float:
    """From 0 to 1, the same for the same key: agents that start together do not ask together."""
    return zlib.crc32(key.encode("utf-8", "surrogatepass")) / 2**32


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _recovered(job: Job, now: float) -> Job:
    """The job with the last of the times that were missed: it is caught up once, in its rhythm."""
    if job.due > now + job.seconds + job.jitter:  # kept while the clock was wrong
        return replace(job, due=now + _phase(job.key) * job.jitter)
    missed = max(0, math.floor((now - job.due) / job.seconds))
    return replace(job, due=job.due + missed * job.seconds)
