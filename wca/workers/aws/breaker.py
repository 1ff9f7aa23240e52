"""Leaves a region alone that does not answer."""

import threading
from collections.abc import Callable

__all__ = ["CircuitBreaker"]


class CircuitBreaker:
    """Closed: calls pass. Open, after failures in a row: none passes for a pause, then one does.

    If that one fails, the next pause is twice as long; if it succeeds, all pass again.
    Thread-safe.

    Args:
        monotonic: seconds on a clock that never goes back.
        threshold: failures in a row that open it.
        pause: seconds of the first pause.
        longest: seconds of the longest pause.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        threshold: int = 5,
        pause: float = 30.0,
        longest: float = 300.0,
    ) -> None:
        self._monotonic = monotonic
        self._threshold = threshold
        self._first_pause = pause
        self._longest = longest
        self._lock = threading.Lock()
        self._failures = 0
        self._pause = 0.0
        self._until = 0.0
        self._trying = False

    @property
    def is_open(self) -> bool:
        """Whether calls are held back."""
        return self._failures >= self._threshold

    def admit(self) -> float:
        """Ask before a call: 0: it passes, and its outcome must be told; else seconds to wait."""
        with self._lock:
            if not self.is_open:
                return 0.0
            left = self._until - self._monotonic()
            if left > 0:
                return left
            if self._trying:
                return self._first_pause
            self._trying = True
            return 0.0

    def success(self) -> None:
        """A call was answered."""
        with self._lock:
            self._failures = 0
            self._trying = False

    def failure(self) -> None:
        """A call was not answered."""
        with self._lock:
            if not self.is_open:
                self._failures += 1
                self._pause = self._first_pause
            elif self._trying:
                self._pause = min(self._longest, 2 * self._pause)
            else:  # it was on its way when others opened it
                return
            self._trying = False
            self._until = self._monotonic() + self._pause
