"""Pages of many tasks, fetched at the same time and each handed to who asks for it."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from wca.errors import WcaError

__all__ = ["Fetch", "Rounds"]

#: Seconds without any reading, or of age at the beginning of a round, after which a page that
#: nobody has asked for is of another reading.
_FRESH = 0.25
#: Readings for which a task that gave no page is left alone, at most.
_MOST_REST = 31


class Fetch:
    """The page of one task. Touched by the collector's thread alone.

    Args:
        get: fetches it, on a thread of the pool; raises WcaError.
    """

    def __init__(self, get: Callable[[], bytes]) -> None:
        self.get = get
        self.coming: Future[tuple[bytes, float]] | None = None
        self.is_new = True
        self.rest = 0  # readings
        self.failures = 0  # in a row
        self.reason = ""


class Rounds:
    """Fetches the pages of all tasks when the first of them is asked for again.

    A target that does not answer is left alone for 1, 3, 7, ... readings, at most 31: many that
    hang do not hold up the others.

    Args:
        at_once: how many pages are fetched at the same time.
        monotonic: time in seconds.
    """

    def __init__(self, at_once: int, monotonic: Callable[[], float]) -> None:
        self._at_once = at_once
        self._monotonic = monotonic
        self._fetches: list[Fetch] = []
        self._pool: ThreadPoolExecutor | None = None
        self._active = monotonic()

    def add(self, get: Callable[[], bytes]) -> Fetch:
        """Take part from now on; ``get`` is never called by two threads at the same time."""
        fetch = Fetch(get)
        self._fetches.append(fetch)
        return fetch

    def remove(self, fetch: Fetch) -> None:
        """Take part no longer; safe twice."""
        if fetch in self._fetches:
            self._fetches.remove(fetch)

    def page(self, fetch: Fetch) -> bytes:
        """The page of now.

        Raises:
            WcaError: there is none; the same again while its target is left alone.
        """
        if fetch.rest:
            fetch.rest -= 1
            raise WcaError(fetch.reason)
        coming = self._coming(fetch)
        fetch.coming, fetch.is_new = None, False
        try:
            return self._result(fetch, coming)
        finally:
            self.used()

    def used(self) -> None:
        """Whoever got a page has made use of it: that time is part of the reading of all tasks."""
        self._active = self._monotonic()

    def close(self) -> None:
        """Let the threads end as soon as what they wait for has; safe twice."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    def _result(self, fetch: Fetch, coming: Future[tuple[bytes, float]]) -> bytes:
        try:
            page, _ = coming.result()
        except WcaError as error:
            fetch.failures += 1
            fetch.rest = min(2**fetch.failures - 1, _MOST_REST)
            fetch.reason = str(error)
            raise WcaError(fetch.reason) from None
        fetch.failures = 0
        return page

    def _coming(self, fetch: Fetch) -> Future[tuple[bytes, float]]:
        idle = self._monotonic() - self._active > _FRESH
        if fetch.coming is not None and not (idle and self._is_old(fetch)):
            return fetch.coming
        coming = self._start(fetch)
        for other in () if fetch.is_new else self._fetches:  # a new task is read by itself
            if not other.rest and (other.coming is None or self._is_old(other)):
                self._start(other)
        return coming

    def _start(self, fetch: Fetch) -> Future[tuple[bytes, float]]:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._at_once, "work")
        fetch.coming = self._pool.submit(self._timed, fetch.get)
        return fetch.coming

    def _is_old(self, fetch: Fetch) -> bool:
        """Whether it was fetched for another reading, which nobody has asked for since."""
        coming = fetch.coming
        if coming is None or not coming.done() or coming.exception() is not None:
            return False
        return self._monotonic() - coming.result()[1] > _FRESH

    def _timed(self, get: Callable[[], bytes]) -> tuple[bytes, float]:
        return get(), self._monotonic()
