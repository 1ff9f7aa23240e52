"""Deadlines of one period on the monotonic clock: pure arithmetic."""

import math

__all__ = ["Schedule"]


class Schedule:
    """Deadlines at ``start``, ``start + period``, ``start + 2 * period``, ...

    They do not drift: a late iteration does not move the ones after it. Deadlines that have passed
    by more than a period are skipped and counted.

    Args:
        period: seconds between deadlines, above zero.
        start: monotonic time of the first one.
    """

    def __init__(self, period: float, start: float) -> None:
        self.period = period
        self.deadline = start
        self._start = start

    def due(self, now: float) -> bool:
        """Whether the deadline has come."""
        return now >= self.deadline

    def advance(self, now: float) -> int:
        """Set the first deadline after ``now``.

        Returns:
            How many deadlines were missed on the way.
        """
        done = round((self.deadline - self._start) / self.period)
        following = max(done + 1, math.floor((now - self._start) / self.period) + 1)
        self.deadline = self._start + following * self.period
        if self.deadline <= now:  # rounding of large clocks
            following += 1
            self.deadline = self._start + following * self.period
        return following - done - 1
