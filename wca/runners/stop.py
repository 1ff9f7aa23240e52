"""How SIGTERM and SIGINT end a run."""

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["StopSignals"]

log = logging.getLogger(__name__)

_Handler = Callable[[int, FrameType | None], Any] | int | signal.Handlers | None

#: What ``signal.signal`` gives for a program that has not set a handler.
_WITHOUT_OWN = (signal.SIG_DFL, signal.default_int_handler)


class _StuckAtStopError(BaseException):
    """Gets the main thread out of a call that waits; no ``except Exception`` holds it back."""


class StopSignals:
    """Sets an event on the first SIGTERM or SIGINT; a second one changes nothing.

    A context manager for the whole run. A program that has handlers of its own gets them back. One
    that has none is on its way out after the signal that ended the run, and a further one, which
    would kill it with a wrong exit code, is ignored until then.
    Outside the main thread, where Python takes no signals, it does nothing.

    Args:
        stop: the event.
        grace: seconds that an ``interruptible`` block has from the signal to its end.
    """

    def __init__(self, stop: threading.Event, grace: float) -> None:
        self._stop = stop
        self._grace = grace
        self._received: signal.Signals | None = None
        self._interruptible = False
        self._before: dict[signal.Signals, _Handler] = {}

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
        for number, handler in self._before.items():
            ending = self._received is not None and handler in _WITHOUT_OWN
            signal.signal(number, signal.SIG_IGN if ending else handler)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """A block that ends ``grace`` seconds after the signal, even out of a call that waits."""
        self._interruptible = True
        try:
            yield
        except _StuckAtStopError:
            log.warning("interrupted: the loop had not ended %.1f s after the signal", self._grace)
        finally:
            self._interruptible = False
            if self._received:  # logged here: a handler could interrupt a line half written
                signal.setitimer(signal.ITIMER_REAL, 0)
                log.info("%s: ending", self._received.name)

    def _on_stop(self, number: int, _frame: FrameType | None) -> None:
        if self._received is None:
            self._received = signal.Signals(number)
            self._stop.set()
            signal.setitimer(signal.ITIMER_REAL, self._grace)

    def _on_alarm(self, _number: int, _frame: FrameType | None) -> None:
        if self._interruptible:
            raise _StuckAtStopError
