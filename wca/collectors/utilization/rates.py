"""Growth of totals between two readings."""

from dataclasses import dataclass

__all__ = ["Growth"]


@dataclass
class Growth:
    """How much totals that are read together have grown since they were read last."""

    _time: float = 0.0
    _totals: tuple[float, ...] | None = None

    def since(self, now: float, *totals: float) -> tuple[float, ...] | None:
        """Seconds, and the growth of each total; None at first, and when one of them fell.

        Args:
            now: monotonic time in seconds.
            totals: always as many.
        """
        before, self._totals = self._totals, totals
        seconds, self._time = now - self._time, now
        if before is None or seconds <= 0:
            return None
        grown = [total - last for total, last in zip(totals, before, strict=True)]
        return None if min(grown) < 0 else (seconds, *grown)
