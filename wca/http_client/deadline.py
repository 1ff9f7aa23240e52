"""The one end of something that takes several steps."""

from wca.clock import Clock

__all__ = ["Deadline"]


class Deadline:
    """A moment by which all steps must be done.

    Args:
        clock: time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._end = 0.0

    def begin(self, seconds: float) -> None:
        """Begin anew.

        Args:
            seconds: from now to the end.
        """
        self._end = self._clock.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that remain.

        Raises:
            TimeoutError: none.
        """
        left = self._end - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError("the time is over")
        return left
