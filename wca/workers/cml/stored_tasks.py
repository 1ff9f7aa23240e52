"""The tasks that are wanted, and their copy in the store."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from wca.errors import PLUGIN_ERRORS
from wca.workers.cml.background import RecurrentTaskDescriptor
from wca.workers.cml.executor import FUNCTION

__all__ = ["StoredTasks"]

log = logging.getLogger(__name__)


class StoredTasks:
    """Knows which tasks are wanted, and brings APScheduler's store to that.

    A store that cannot be written is a warning, and ``mend`` does later what is missing; so it does
    when a store has lost what it had.

    Args:
        scheduler: APScheduler's, which is started.
        where: the store in words.
    """

    def __init__(self, scheduler: Any, where: str) -> None:
        self._scheduler = scheduler
        self._where = where
        self._wanted = {
            job.id: RecurrentTaskDescriptor(id=job.id, **job.kwargs) for job in scheduler.get_jobs()
        }
        self._removed: set[str] = set()

    def all(self) -> list[RecurrentTaskDescriptor]:
        """All that are wanted."""
        return list(self._wanted.values())

    def put(self, task: RecurrentTaskDescriptor) -> None:
        """Want a task, in place of one with the same id.

        A new one is due at once; one that has the same interval as before keeps its time.
        """
        self._wanted[task.id] = task
        self._removed.discard(task.id)
        self._try(lambda: self._write(task))

    def remove(self, task_id: str) -> bool:
        """Want a task no more; whether it was."""
        known = self._wanted.pop(task_id, None) is not None
        if known:
            self._removed.add(task_id)
            self._try(lambda: self._delete(task_id))
        return known

    def mend(self) -> None:
        """Bring the store to what is wanted, and let APScheduler look at it.

        APScheduler sets no timer when its store fails while it writes.
        """
        self._try(self._compare)
        self._scheduler.wakeup()

    def _compare(self) -> None:
        stored = {job.id: job for job in self._scheduler.get_jobs()}
        for task_id in self._removed & stored.keys():
            self._delete(task_id)
        self._removed.clear()
        for task in self._wanted.values():
            job = stored.get(task.id)
            if job is None or job.kwargs != _kwargs(task):
                log.warning("Task %s was not in %s and is scheduled again", task.id, self._where)
                self._write(task)

    def _write(self, task: RecurrentTaskDescriptor) -> None:
        known = self._scheduler.get_job(task.id)
        if known is not None and known.kwargs["interval"] == task.interval:
            known.modify(kwargs=_kwargs(task))
            return
        self._scheduler.add_job(
            FUNCTION,
            "interval",
            seconds=task.interval,
            id=task.id,
            kwargs=_kwargs(task),
            replace_existing=True,
            next_run_time=datetime.now(UTC),
        )

    def _delete(self, task_id: str) -> None:
        if self._scheduler.get_job(task_id) is not None:
            self._scheduler.remove_job(task_id)

    def _try(self, change: Callable[[], None]) -> None:
        try:
            change()
        except PLUGIN_ERRORS as error:  # whatever the library of a store raises
            log.warning("%s cannot be used now, and is tried again: %s", self._where, error)


def _kwargs(task: RecurrentTaskDescriptor) -> dict[str, Any]:
    return {"name": task.name, "data": dict(task.data), "interval": task.interval}
