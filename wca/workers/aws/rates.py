"""A bound for calls, so that AWS does not have to set one."""

import threading
from collections.abc import Callable

__all__ = ["TokenBucket"]


class TokenBucket:
    """Tokens that come back at a steady rate; each call takes one. Thread-safe.

    Args:
        rate: tokens a second.
        burst: tokens at most.
        monotonic: seconds on a clock that never goes back.
    """

    def __init__(self, rate: float, burst: float, monotonic: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._at = monotonic()
        #: Below zero: so many are promised to those that wait.
        self._tokens = burst

    def reserve(self, patience: float) -> float | None:
        """Take a token, perhaps one that is yet to come.

        Args:
            patience: seconds that the caller would wait at most.

        Returns:
            Seconds after which the caller may go on; None: it would be longer than ``patience``,
            and nothing was taken.
        """
        with self._lock:
            now = self._monotonic()
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
            self._at = now
            wait = max(0.0, (1 - self._tokens) / self._rate)
            if wait > patience:
                return None
            self._tokens -= 1
            return wait
