"""Signals of a program with a screen: noted, and told to whoever waits."""

import os
import signal
from collections import deque
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

__all__ = ["ENDING", "ScreenSignals"]

#: Those that end the program.
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_TAKEN = (*ENDING, signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH)

_Handler = Callable[[int, FrameType | None], Any] | int | signal.Handlers | None


class ScreenSignals:
    """Takes signals from when it is entered to its end, on the main thread.

    A signal does nothing but end the wait of whoever polls ``descriptor``; so no key, no line and
    no state of the terminal is left half done. ``tell`` ends that wait from any thread, too.

    Attributes:
        descriptor: becomes readable when there is something to take.
    """

    def __init__(self) -> None:
        self.descriptor, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._received: deque[signal.Signals] = deque()
        self._before: dict[signal.Signals, _Handler] = {}
        self._wakeup = -1

    def __enter__(self) -> "ScreenSignals":
        self._wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in _TAKEN:
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        os.close(self.descriptor)
        os.close(self._write)
        self._write = -1

    def tell(self) -> None:
        """End the wait; from any thread, also when it is over."""
        try:
            os.write(self._write, b"\0")
        except OSError:  # full: the wait ends anyway; closed: nobody waits
            return

    def take(self) -> list[signal.Signals]:
        """The signals that have come since, the oldest first."""
        try:
            while os.read(self.descriptor, 4096):
                pass
        except BlockingIOError:
            pass
        received: list[signal.Signals] = []
        while self._received:
            received.append(self._received.popleft())
        return received

    def stop_here(self) -> None:
        """Stop this process as Ctrl-Z does; returns when it is let go on."""
        handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        try:
            signal.raise_signal(signal.SIGTSTP)
        finally:
            signal.signal(signal.SIGTSTP, handler)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._received.append(signal.Signals(number))
