"""Growth of totals between two readings."""

from dataclasses import dataclass

__all__ = ["Growth"]


@dataclass
class Growth:
    """How much totals that are read together have grown since they were read last.

    Args:
        gaps: a part of them may be missing once. When one falls, the growth of both intervals is
            told with the next reading; one that is still lower then, began anew.
    """

    gaps: bool = False
    _fell: bool = False
    _time: float = 0.0
    _totals: tuple[float, ...] | None = None

    def since(self, now: float, *totals: float) -> tuple[float, ...] | None:
        """Seconds, and the growth of each total; None at first, and when one of them fell.

        Args:
            now: monotonic time in seconds.
            totals: always as many.
        """
        before, seconds = self._totals, now - self._time
        grown = [total - last for total, last in zip(totals, before or totals, strict=True)]
        fell = min(grown) < 0
        if fell and self.gaps and not self._fell:
            self._fell = True
            return None
        self._totals, self._time, self._fell = totals, now, False
        return None if before is None or seconds <= 0 or fell else (seconds, *grown)
