"""How fast something grows: readings of the last seconds."""

import math
from collections import deque

__all__ = ["Window", "number"]

#: Share of a window that readings have to cover before they say anything.
_COVERED = 0.8


def number(value: object) -> float | None:
    """A measured number; None: there is none that makes sense."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None


class Window:
    """Readings of one number over the last seconds.

    Args:
        seconds: how long it is.
        counter: whether the number only grows: one that goes back has begun anew.
    """

    def __init__(self, seconds: float, *, counter: bool) -> None:
        self._seconds = seconds
        self._counter = counter
        self._readings: deque[tuple[float, float]] = deque()

    def add(self, now: float, value: object) -> None:
        """One more reading; one that is missing, or comes after a gap, begins the window anew.

        Args:
            now: monotonic time in seconds, later than the one before.
            value: what was measured.
        """
        found = number(value)
        if self._readings:
            time, last = self._readings[-1]
            odd = found is None or not 0 < now - time <= self._seconds
            if odd or (self._counter and found is not None and found < last):
                self._readings.clear()
        if found is None:
            return
        self._readings.append((now, found))
        while len(self._readings) > 2 and self._readings[1][0] <= now - self._seconds:
            self._readings.popleft()

    @property
    def rate(self) -> float | None:
        """How much the number has changed per second; None: not known yet."""
        if len(self._readings) < 2:
            return None
        (begin, first), (end, last) = self._readings[0], self._readings[-1]
        if end - begin < _COVERED * self._seconds:
            return None
        return (last - first) / (end - begin)
