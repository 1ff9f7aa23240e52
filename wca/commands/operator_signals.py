"""What an operator tells a running agent: SIGHUP to reload, SIGUSR1 to log more for a while."""

import logging
import queue
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from wca.logger import LogLevels

__all__ = ["MORE_SECONDS", "OperatorSignals"]

log = logging.getLogger(__name__)

#: How long SIGUSR1 has more logged: nobody has to remember to end it.
MORE_SECONDS = 600.0
#: Seconds that a reload which is under way at the end may take.
_END = 0.5


class OperatorSignals:
    """Takes both signals from its beginning on, and obeys them once it is told how.

    A context manager. They are obeyed on a thread of its own, one after the other. Outside the main
    thread, where Python takes no signals, it does nothing.

    Args:
        levels: of the log.
        seconds: how long more is logged.
    """

    def __init__(self, levels: LogLevels, seconds: float = MORE_SECONDS) -> None:
        self._levels = levels
        self._seconds = seconds
        self._reload: Callable[[], None] = lambda: None
        self._until: float | None = None
        self._before: dict[signal.Signals, Any] = {}
        # Of all queues this one may be used in a handler.
        self._signals: queue.SimpleQueue[signal.Signals | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="operator", daemon=True)

    def __enter__(self) -> "OperatorSignals":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGHUP, signal.SIGUSR1):
                self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._signals.put(None)
        if self._thread.ident is not None:
            self._thread.join(_END)

    def obey(self, reload: Callable[[], None]) -> None:
        """Do from now on what is asked for, and what was asked for before.

        Args:
            reload: is called for SIGHUP.
        """
        if self._before:
            self._reload = reload
            self._thread.start()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._signals.put(signal.Signals(number))

    def _run(self) -> None:
        while (number := self._next()) is not None:
            if number is signal.SIGHUP:
                self._call_reload()
            elif number is signal.SIGUSR1:
                self._turn()

    def _next(self) -> signal.Signals | None:
        """The next signal; None: it is over."""
        while True:
            left = None if self._until is None else max(0.0, self._until - time.monotonic())
            try:
                return self._signals.get(timeout=left)
            except queue.Empty:
                self._show_more(more=False)

    def _call_reload(self) -> None:
        log.info("SIGHUP: looking at the configuration again")
        try:
            self._reload()
        except Exception:
            log.exception("the reload failed")

    def _turn(self) -> None:
        self._show_more(more=not self._levels.more)

    def _show_more(self, *, more: bool) -> None:
        self._until = time.monotonic() + self._seconds if more else None
        self._levels.show_more(more=more)
        if more:
            log.info("SIGUSR1: debug lines for %.0f s; once more ends them", self._seconds)
        else:
            log.info("the log has its usual levels again")
