"""Which points of a metric are asked for, and what the newest one is worth. Pure functions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from wca.workers.model import Reading, Verdict

__all__ = ["Points", "Window", "combined", "reading_of", "window_of"]

#: Begin of a period in Unix seconds, and the value of that period.
Points = Sequence[tuple[float, float]]

#: Seconds that the newest point may be late at least before it is stale: agents send in batches.
_LATE = 300
#: What a metric of several parts is worth: the first of these that one of them is.
_ORDER = (
    Verdict.THROTTLED,
    Verdict.FAILED,
    Verdict.VALUE,
    Verdict.ZERO,
    Verdict.STALE,
    Verdict.NO_DATA,
)
_SETTLED = (Verdict.VALUE, Verdict.ZERO)


@dataclass(frozen=True, slots=True)
class Window:
    """A span of whole periods. Periods begin at multiples of their length, as CloudWatch's do.

    Args:
        start: begin of the first period, Unix seconds.
        end: end of the last one.
        period: seconds.
    """

    start: int
    end: int
    period: int

    @property
    def periods(self) -> int:
        """How many points a metric has in it."""
        return (self.end - self.start) // self.period


def window_of(now: float, period: int, lookback: float, settle: float) -> Window:
    """The newest periods whose values do not change any more.

    EC2 publishes the point of a period when the first number of it is there and goes on changing
    it, and agents send late: a period counts when ``settle`` seconds have passed since its end.

    Args:
        now: Unix seconds.
        period: seconds.
        lookback: seconds of periods, at least one period.
        settle: seconds.
    """
    end = math.floor((now - settle) / period) * period
    return Window(end - max(1, math.ceil(lookback / period)) * period, end, period)


def reading_of(points: Points, window: Window) -> Reading:
    """The newest point of a window and its worth.

    It is stale when the last two periods, and the last five minutes, have none.
    """
    settled = [point for point in points if window.start <= point[0] < window.end]
    if not settled:
        return Reading(Verdict.NO_DATA)
    at, value = max(settled)
    if at < window.end - max(2 * window.period, _LATE):
        return Reading(Verdict.STALE, value, at)
    return Reading(Verdict.ZERO if value == 0 else Verdict.VALUE, value, at)


def combined(parts: Sequence[tuple[str, Reading]], *, least: bool = False) -> Reading:
    """One reading of a metric that was read of several parts of an instance.

    Where one of them could not be asked, nothing is known. One that has no newer value beside
    others that have, as a disk that was taken away, is left out.

    Args:
        parts: names and readings; the empty name is that of the whole. Of one that is there twice,
            as after a change of the instance's type, the newest counts. None: there is no data.
        least: whether the least value stands for all, and not the greatest.
    """
    verdicts = [reading.verdict for _, reading in parts]
    verdict = min(verdicts, key=_ORDER.index, default=Verdict.NO_DATA)
    same = _SETTLED if verdict in _SETTLED else (verdict,)
    values = {
        name: (value, at)
        for at, name, value in sorted(
            (one.at, name, one.value)
            for name, one in parts
            if one.verdict in same and one.value is not None and one.at is not None
        )
    }
    if not values:
        return Reading(verdict)
    value = (min if least else max)(value for value, _ in values.values())
    if verdict in _SETTLED:
        verdict = Verdict.ZERO if value == 0 else Verdict.VALUE
    at = max(at for _, at in values.values())
    return Reading(verdict, value, at, {name: one for name, (one, _) in values.items() if name})
