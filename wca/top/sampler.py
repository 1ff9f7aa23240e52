"""Reads a source again and again on a thread of its own, so that nothing keeps a key waiting."""

import queue
import threading
from collections.abc import Callable

from wca.clock import Clock, SystemClock
from wca.errors import PLUGIN_ERRORS, WcaError
from wca.top.reading import Reading, Source

__all__ = ["Sampler"]


class Sampler:
    """Reads, and hands on what there was to see, or a sentence that says why there was nothing.

    Args:
        source: started.
        interval: seconds between two readings.
        tell: called on the sampler's thread whenever there is something to take.
        clock: for tests: time.
    """

    def __init__(
        self,
        source: Source,
        interval: float,
        tell: Callable[[], None],
        clock: Clock | None = None,
    ) -> None:
        self._source = source
        self._interval = interval
        self._tell = tell
        self._clock = clock or SystemClock()
        self._taken: queue.SimpleQueue[Reading | str] = queue.SimpleQueue()
        self._wake = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    @property
    def name(self) -> str:
        """Of the source."""
        return self._source.name

    def start(self) -> None:
        """Begin; the first reading is at once."""
        self._thread.start()

    def set_interval(self, seconds: float) -> None:
        """Read once in so many seconds from now on."""
        self._interval = seconds
        self._wake.set()

    def take(self) -> list[Reading | str]:
        """What has come since, the oldest first."""
        found: list[Reading | str] = []
        while not self._taken.empty():
            found.append(self._taken.get())
        return found

    def close(self, timeout: float) -> None:
        """End, and close the source; one that hangs is left to the end of the program."""
        self._ended = True
        self._wake.set()
        self._source.cut()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        if not self._thread.is_alive():
            self._source.close()

    def _run(self) -> None:
        last = self._clock.monotonic()
        while not self._ended:
            self._taken.put(self._look())
            self._tell()
            last = max(last, self._clock.monotonic() - self._interval)
            self._wait(last)
            last += self._interval

    def _wait(self, last: float) -> None:
        """Until the interval is over, which may become another one meanwhile."""
        while not self._ended:
            left = last + self._interval - self._clock.monotonic()
            if left <= 0:
                return
            self._clock.wait(self._wake, left)
            self._wake.clear()

    def _look(self) -> Reading | str:
        try:
            return self._source.read(self._interval)
        except WcaError as error:
            return str(error)
        except PLUGIN_ERRORS as error:
            return f"{self._source.name}: {type(error).__name__}: {error}"
