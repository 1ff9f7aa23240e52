"""The thread that sends."""

import logging
import threading
from collections.abc import Sequence

from wca.clock import Clock
from wca.errors import StartError
from wca.storage.bounded import within
from wca.storage.delivery.parcel import Parcel
from wca.storage.delivery.sender import Sender

__all__ = ["Dispatch"]

log = logging.getLogger(__name__)

#: Share of the time to close that the thread has; the rest is for the books.
JOIN_SHARE = 0.8
#: Seconds beyond the time to close after which a disk that does not answer is given up.
GRACE = 0.5


class Dispatch:
    """Takes parcels at once and has them sent on a thread of its own.

    Args:
        sender: what keeps and sends them.
        name: of the thread.
        clock: time.
    """

    def __init__(self, sender: Sender, name: str, clock: Clock) -> None:
        self._sender = sender
        self._name = name
        self._clock = clock
        self._starting = threading.Lock()  # may be held while a disk does not answer
        self._changed = threading.Condition()  # is not
        self._news = self._hurried = False
        self._thread: threading.Thread | None = None
        self._opened = self._closed = False
        self._last_moment: float | None = None

    def start(self) -> None:
        """Open the backlog, and go on with what an earlier run has left; safe twice.

        Raises:
            StartError: the backlog cannot be used, or this machine has no room for a thread.
        """
        with self._starting:
            if self._thread is not None or self._closed:
                return
            if not self._opened:
                self._sender.open()
                self._opened = True
            # A daemon: a target that never answers must not keep the process alive.
            thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                raise StartError(f"{self._name} needs a thread, and {error}") from error
            self._thread = thread

    def put(self, parcels: Sequence[Parcel]) -> None:
        """Take parcels; waits for no network. Starts where nobody has called ``start``."""
        self.start()
        self._sender.put(parcels)
        with self._changed:
            self._news = True
            self._changed.notify_all()

    def close(self, timeout: float) -> None:
        """Send what waits for at most ``timeout`` seconds, then end; safe without start and twice.

        Also where the disk of the backlog does not answer; what is on it stays there.

        Args:
            timeout: seconds.
        """
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._last_moment = self._clock.monotonic() + timeout * JOIN_SHARE
        try:
            ended = within(timeout + GRACE, lambda: self._end(timeout), f"{self._name}: end")
        except RuntimeError:  # no room for a thread
            self._end(timeout)
            return
        if not ended:
            self._sender.abandon()
            log.error("%s did not end in time: its disk, or its target, hangs", self._name)

    def _end(self, timeout: float) -> None:
        """Hurry the thread and wait for it, then close; each step may wait for a disk."""
        self._sender.hurry(self._clock.monotonic() + timeout * JOIN_SHARE)
        with self._starting:
            thread = self._thread
        with self._changed:
            self._hurried = True
            self._changed.notify_all()
        if thread is not None:
            thread.join(timeout * JOIN_SHARE)
        else:
            self._sender.close_target(timeout)
        self._sender.end()

    def _run(self) -> None:
        while self._left() > 0:
            pause = self._sender.attempt()
            if not self._go_on(pause):
                break
        self._sender.close_target(max(0.0, self._left()))

    def _go_on(self, pause: float | None) -> bool:
        """Wait until there is something to do; false: it is time to end."""
        with self._changed:
            if pause is None and self._last_moment is not None and not self._news:
                return False
            if pause is None or pause > 0:
                # What comes in meanwhile is no reason to try a target again that is not there.
                self._changed.wait_for(
                    lambda: self._hurried or (pause is None and self._news),
                    None if pause is None else min(pause, self._left()),
                )
            self._news = self._hurried = False
            return True

    def _left(self) -> float:
        """Seconds until the end; without one, more than anybody waits."""
        if self._last_moment is None:
            return threading.TIMEOUT_MAX
        return self._last_moment - self._clock.monotonic()
