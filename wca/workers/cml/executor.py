"""The part of APScheduler that runs tasks. Imports APScheduler, and is imported with the start."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from apscheduler.executors.base import BaseExecutor

__all__ = ["FUNCTION", "TaskExecutor", "run_by_name"]

#: What the store has as the function of every task.
FUNCTION = f"{__name__}:run_by_name"


def run_by_name(name: str, data: Mapping[str, Any], interval: float) -> None:
    """Stands in the store for a task, whose class is looked up by its name when it is due.

    Args:
        name: of the class of the job.
        data: keywords of its constructor.
        interval: seconds between two runs.
    """


class TaskExecutor(BaseExecutor):  # type: ignore[misc] # APScheduler has no types
    """Runs tasks on the event loop, by their ids and what the store has of them.

    Args:
        run: is awaited for each task that is due, with its id and its keywords; never raises.
    """

    def __init__(self, run: Callable[[str, Mapping[str, Any]], Awaitable[None]]) -> None:
        super().__init__()
        self._run = run
        self._running: set[asyncio.Task[None]] = set()

    async def wait(self, timeout: float) -> int:
        """Wait for tasks that run; how many did not end in time, and were cancelled.

        Args:
            timeout: in seconds.
        """
        own = asyncio.current_task()
        running = [task for task in self._running if task is not own]
        if not running:
            return 0
        _, late = await asyncio.wait(running, timeout=timeout)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=1.0)
        return len(late)

    def _do_submit_job(self, job: Any, run_times: Any) -> None:  # noqa: ARG002 - APScheduler's
        task = asyncio.ensure_future(self._awaited(job.id, dict(job.kwargs)))
        self._running.add(task)
        task.add_done_callback(partial(self._done, job.id))

    async def _awaited(self, task_id: str, kwargs: Mapping[str, Any]) -> None:
        await self._run(task_id, kwargs)

    def _done(self, task_id: str, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._run_job_success(task_id, [])
