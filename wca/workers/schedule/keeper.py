"""Writes jobs to their store beside the event loop, which never waits for it."""

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

from wca.abilities import ability
from wca.errors import StartError
from wca.workers.connections.failures import LastingError
from wca.workers.schedule.api import Job, JobStore

__all__ = ["JobKeeper"]

log = logging.getLogger(__name__)


class JobKeeper:
    """Keeps a store as the schedule is. While it cannot be reached, polling goes on.

    What could not be written is written with the next change, of each key only the last.

    Args:
        store: where jobs are kept.
    """

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._changed: dict[str, Job | None] = {}
        self._failing = False
        self._lock = threading.Lock()
        self._thread: ThreadPoolExecutor | None = None
        self._writing: Future[None] | None = None

    def load(self) -> Sequence[Job]:
        """What an earlier run has left; nothing when the store cannot be reached, which is logged.

        Raises:
            StartError: it will never work as it is configured.
        """
        try:
            return self._store.load()
        except LastingError as error:
            raise StartError(str(error)) from None
        except OSError as error:
            self._tell(error)
            return []

    def keep(self, job: Job) -> None:
        """Write a job soon."""
        self._change(job.key, job)

    def forget(self, key: str) -> None:
        """Remove a job soon."""
        self._change(key, None)

    def close(self, timeout: float) -> None:
        """Write what is left, for at most ``timeout`` seconds, and close the store."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            last = thread.submit(self._write)
            thread.shutdown(wait=False)
            wait([last], timeout)
        close = ability(self._store, "close")
        if close is not None:
            close(timeout)

    def _change(self, key: str, job: Job | None) -> None:
        with self._lock:
            self._changed[key] = job
            if self._writing is not None and not self._writing.done():
                return  # it takes this one as well, or the next change does
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, thread_name_prefix="jobs")
            self._writing = self._thread.submit(self._write)

    def _write(self) -> None:
        while True:
            with self._lock:
                changed, self._changed = self._changed, {}
                if not changed:
                    self._writing = None
                    return
            try:
                self._put(changed)
            except OSError as error:
                with self._lock:
                    self._changed = changed | self._changed
                    self._writing = None
                self._tell(error)
                return
            self._works()

    def _put(self, changed: dict[str, Job | None]) -> None:
        kept = [job for job in changed.values() if job is not None]
        removed = [key for key, job in changed.items() if job is None]
        if kept:
            self._store.save(kept)
        if removed:
            self._store.remove(removed)

    def _tell(self, error: OSError) -> None:
        if not self._failing:
            log.error("%s; polling goes on, and jobs are kept when it works again", error)
        self._failing = True

    def _works(self) -> None:
        if self._failing:
            log.info("jobs are kept again")
        self._failing = False
