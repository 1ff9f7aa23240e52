"""Adds up the counters of an application, which begin anew when one of its processes does."""

from collections.abc import Mapping
from math import isfinite

from wca.collectors.running_total import RunningTotal

__all__ = ["Tally"]

_WORK = "work"


class Tally:
    """The sum of an application's counters, as one that never goes back.

    A counter that is lower than before has begun anew, or was read while it was being written: it
    is believed when the next reading says so too, and until then the sum is not known. It goes on
    from where it was.
    """

    def __init__(self) -> None:
        self._total: RunningTotal[str, str] = RunningTotal()
        self._last: dict[str, float] = {}
        self._doubted = False

    def add(self, counters: Mapping[str, float]) -> float | None:
        """Take a reading.

        Args:
            counters: by a name for the series.

        Returns:
            The sum; None: not known, as one of them is no counter, has gone back, or there is none.
        """
        if not counters or not all(isfinite(one) and one >= 0 for one in counters.values()):
            return None
        back = any(value < self._last.get(name, 0) for name, value in counters.items())
        if back and not self._doubted:
            self._doubted = True
            return None
        self._doubted = False
        self._last = dict(counters)
        return self._total.update({name: {_WORK: value} for name, value in counters.items()})[_WORK]
