"""How SIGTERM and SIGINT end a run."""

import logging
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["LIMIT", "StopEvent", "StopSignals", "held_signals"]

log = logging.getLogger(__name__)

#: Signals that end a run.
_STOPPING = frozenset({signal.SIGTERM, signal.SIGINT})

_Handler = Callable[[int, FrameType | None], Any] | int | signal.Handlers | None

#: Seconds after which a block that has swallowed the interruption is interrupted again.
_AGAIN = 0.1
#: Seconds from the signal to the end of a program that cannot end by itself.
LIMIT = 1.95


class _StuckAtStopError(BaseException):
    """Gets the main thread out of a call that waits; no ``except Exception`` holds it back."""


class StopEvent(threading.Event):
    """An event that ends a wait for another one as well.

    Args:
        wake: set together with this one.
    """

    def __init__(self, wake: threading.Event) -> None:
        super().__init__()
        self._wake = wake

    def set(self) -> None:
        """Set both."""
        super().set()
        self._wake.set()


@contextmanager
def held_signals() -> Iterator[None]:
    """Hold back SIGTERM and SIGINT until a ``StopSignals`` in the block takes them.

    For what a program does before its run. On the main thread.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class StopSignals:
    """Sets an event on the first SIGTERM or SIGINT; a second one changes nothing.

    A context manager for the whole run; the handlers from before come back at its end. Outside the
    main thread, where Python takes no signals, it does nothing.

    Args:
        stop: the event.
        exits: the program ends with this run. Then a signal that comes again on the way out is
            ignored, so that it cannot kill the program with a wrong exit code; and a program that
            is still there ``limit`` seconds after the signal, because a part of it swallows every
            interruption or has a thread that never ends, is ended with exit code 1.
        limit: see there.
    """

    def __init__(self, stop: threading.Event, *, exits: bool = False, limit: float = LIMIT) -> None:
        self._stop = stop
        self._exits = exits
        self._limit = limit
        self._received: signal.Signals | None = None
        self._grace: float | None = None  # of the interruptible block; None outside of one
        self._before: dict[signal.Signals, _Handler] = {}
        self._mask: set[int] = set()  # of signals that were held back before
        self._thread = threading.Thread(target=self._stop_when_told, name="signals", daemon=True)
        # A handler must not set the event itself: it may have interrupted a wait for it, which
        # holds the event's lock. Of all queues this one may be used in a handler.
        self._signals: queue.SimpleQueue[signal.Signals | None] = queue.SimpleQueue()

    @property
    def received(self) -> bool:
        """Whether a signal has come."""
        return self._received is not None

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            self._thread.start()
            for number, handler in (
                (signal.SIGTERM, self._on_stop),
                (signal.SIGINT, self._on_stop),
                (signal.SIGALRM, self._on_alarm),
            ):
                self._before[number] = signal.signal(number, handler)
            self._mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        ignore = self._exits and self.received
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_IGN if ignore else handler)
        self._signals.put(None)
        # It has nothing to wait for any more, but for a program that is told to exit. A thread that
        # wakes up while Python ends would be killed, for which glibc wants libgcc_s to be there.
        if self._before and not ignore:
            self._thread.join()

    @contextmanager
    def interruptible(self, grace: float) -> Iterator[None]:
        """A block that ends ``grace`` seconds after the signal, even out of a call that waits.

        Where the signal has come before, the time counts from the beginning of the block.
        """
        self._grace = grace
        if self.received:
            signal.setitimer(signal.ITIMER_REAL, grace, _AGAIN)
        try:
            yield
        except _StuckAtStopError:
            self._grace = None
            log.warning("interrupted: it had not ended %.1f s after the signal", grace)
        finally:
            self._grace = None
            if self.received:
                signal.setitimer(signal.ITIMER_REAL, 0)

    def say(self) -> None:
        """Log which signal came. A handler may not: it can interrupt a line half written."""
        if self._received is not None:
            log.info("%s: ending", self._received.name)

    def _on_stop(self, number: int, _frame: FrameType | None) -> None:
        if self._received is None:
            self._received = signal.Signals(number)
            if self._grace is not None:
                signal.setitimer(signal.ITIMER_REAL, self._grace, _AGAIN)
            self._signals.put(self._received)

    def _on_alarm(self, _number: int, _frame: FrameType | None) -> None:
        if self._grace is not None:
            raise _StuckAtStopError

    def _stop_when_told(self) -> None:
        if self._signals.get() is None:
            return
        self._stop.set()
        if self._exits:
            time.sleep(self._limit)
            os._exit(1)  # no log line before it: a log that nobody reads may be what hangs
