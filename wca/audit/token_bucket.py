"""How often something may be done. Pure: knows no time but what it is told."""

__all__ = ["TokenBucket"]

_HOUR = 3600.0


class TokenBucket:
    """Full at the start; refilled evenly.

    Args:
        per_hour: how much goes in within an hour, and how much it holds.
    """

    def __init__(self, per_hour: float) -> None:
        self._size = per_hour
        self._left = per_hour
        self._last: float | None = None

    def has(self, now: float) -> bool:
        """Whether one could be taken now.

        Args:
            now: seconds on a clock that never goes back.
        """
        if self._last is not None:
            self._left = min(self._size, self._left + (now - self._last) / _HOUR * self._size)
        self._last = now
        return self._left >= 1

    def take(self) -> None:
        """Take one, after ``has``."""
        self._left -= 1

    @property
    def full(self) -> bool:
        """Whether nothing is known of it that a new one would not know."""
        return self._left >= self._size
