"""Pauses, and clocks that begin anew."""

__all__ = ["Pace"]

#: Times the last distance between two intervals from which on a pause is one.
_GAP = 3


class Pace:
    """The distance between intervals."""

    def __init__(self) -> None:
        self._last: float | None = None
        self.seconds: float | None = None

    def broken(self, now: float) -> bool:
        """Whether what was seen before does not go on: the clock went back, or nobody looked.

        Args:
            now: monotonic time in seconds.
        """
        last, self._last = self._last, now
        if last is None:
            return False
        distance, usual = now - last, self.seconds
        if distance < 0 or (usual is not None and distance > _GAP * usual):
            self.seconds = None
            return True
        self.seconds = distance or usual
        return False
