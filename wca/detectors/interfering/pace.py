"""Pauses, and clocks that begin anew."""

from collections import deque

__all__ = ["Pace"]

#: Times the usual distance between two intervals from which on a pause is one, and how many of the
#: last ones say what is usual.
_GAP, _LAST = 3, 4


class Pace:
    """The distance between intervals."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._distances: deque[float] = deque(maxlen=_LAST)

    @property
    def seconds(self) -> float | None:
        """The usual distance: the median of the last ones; None: not known yet."""
        ordered = sorted(self._distances)
        return ordered[len(ordered) // 2] if ordered else None

    def broken(self, now: float) -> bool:
        """Whether what was seen before does not go on: the clock went back, or nobody looked.

        Args:
            now: monotonic time in seconds.
        """
        last, self._last = self._last, now
        if last is None:
            return False
        distance, usual = now - last, self.seconds
        if usual is not None and len(self._distances) < _LAST:
            usual = max(self._distances)
        if distance < 0:
            self._distances.clear()
            return True
        if distance > 0:
            self._distances.append(distance)
        return usual is not None and distance > _GAP * usual
