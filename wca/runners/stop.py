"""How SIGTERM and SIGINT end a run."""

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["StopSignals"]

log = logging.getLogger(__name__)

_Handler = Callable[[int, FrameType | None], Any] | int | signal.Handlers | None

#: Seconds after which a block that has swallowed the interruption is interrupted again, and how
#: often that is tried.
_AGAIN, _ATTEMPTS = 0.1, 4


class _StuckAtStopError(BaseException):
    """Gets the main thread out of a call that waits; no ``except Exception`` holds it back."""


class StopSignals:
    """Sets an event on the first SIGTERM or SIGINT; a second one changes nothing.

    A context manager for the whole run; the handlers from before come back at its end. Outside the
    main thread, where Python takes no signals, it does nothing.

    Args:
        stop: the event.
        exits: the program ends with this run: at its end a signal that has come already, and may
            come again, is ignored, so that it cannot kill the program on its way out; and a block
            that swallows every interruption is ended together with the program, with exit code 1.
        flush: called before that.
    """

    def __init__(
        self,
        stop: threading.Event,
        *,
        exits: bool = False,
        flush: Callable[[], None] = lambda: None,
    ) -> None:
        self._stop = stop
        self._exits = exits
        self._flush = flush
        self._interruptions = 0
        self._received: signal.Signals | None = None
        self._grace: float | None = None  # of the interruptible block; None outside of one
        self._before: dict[signal.Signals, _Handler] = {}

    @property
    def received(self) -> bool:
        """Whether a signal has come."""
        return self._received is not None

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            for number, handler in (
                (signal.SIGTERM, self._on_stop),
                (signal.SIGINT, self._on_stop),
                (signal.SIGALRM, self._on_alarm),
            ):
                self._before[number] = signal.signal(number, handler)
        return self

    def __exit__(self, *_: object) -> None:
        ignore = self._exits and self.received
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_IGN if ignore else handler)

    @contextmanager
    def interruptible(self, grace: float) -> Iterator[None]:
        """A block that ends ``grace`` seconds after the signal, even out of a call that waits.

        Where the signal has come before, the time counts from the beginning of the block.
        """
        self._grace = grace
        self._interruptions = 0
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
            self._stop.set()
            if self._grace is not None:
                signal.setitimer(signal.ITIMER_REAL, self._grace, _AGAIN)

    def _on_alarm(self, _number: int, _frame: FrameType | None) -> None:
        if self._grace is None:
            return
        self._interruptions += 1
        if self._interruptions > _ATTEMPTS and self._exits:
            self._exit()
        raise _StuckAtStopError

    def _exit(self) -> None:
        """The way out when a part of the program will not let go of the main thread."""
        self._grace = None
        signal.setitimer(signal.ITIMER_REAL, 0)
        log.error("a part of the program swallows every interruption: it is ended here")
        self._flush()
        logging.shutdown()
        os._exit(1)
