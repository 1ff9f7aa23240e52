"""Since when counters count, for formats that want to know."""

import operator
from collections.abc import Sequence

from wca.metrics import MetricType
from wca.storage.encoding.protobuf.roster import Roster
from wca.storage.encoding.protobuf.wire import fixed64

__all__ = ["StartTimes"]

_START_FIELD = 2
_NANOSECONDS = 1_000_000


class StartTimes:
    """Start times of the counters of one stream of batches.

    A metric may say when its counter began at zero. Where it does not, that is not known, and the
    time of the first value that was seen stands for it: a point whose start is its own time says
    exactly that. A counter that goes down has begun anew, and so has its start time.

    Source: https://opentelemetry.io/docs/specs/otel/metrics/data-model/#resets-and-gaps.
    """

    def __init__(self) -> None:
        self._roster: Roster | None = None
        self._counters: list[int] = []
        self._starts: list[int] = []
        self._values: Sequence[float] = ()
        self._pieces: list[bytes] = []

    def pieces(
        self, roster: Roster, values: Sequence[float], times: int | Sequence[int]
    ) -> list[bytes]:
        """The field with the start time of each series; nothing for a series that is no counter.

        Args:
            roster: the series of a batch.
            values: one for each.
            times: Unix time in milliseconds of all, or of each.

        Returns:
            The same list as for the batch before, unless something has changed.
        """
        if roster is not self._roster:
            self._adopt(roster, values, times)
            return self._pieces
        now = [values[position] for position in self._counters]
        if any(map(operator.lt, now, self._values)):
            self._restart(now, times)
        self._values = now
        return self._pieces

    def _adopt(self, roster: Roster, values: Sequence[float], times: int | Sequence[int]) -> None:
        """Go on with other series; those that were there before keep their start times."""
        known = {}
        if self._roster is not None:
            before = zip(self._counters, self._starts, self._values, strict=True)
            known = {self._roster.rows[i].identity: (start, value) for i, start, value in before}
        self._roster = roster
        self._counters = _counters(roster)
        self._values = [values[position] for position in self._counters]
        self._starts = []
        for position, value in zip(self._counters, self._values, strict=True):
            row = roster.rows[position]
            time = times if isinstance(times, int) else times[position]
            start, last = known.get(row.identity, (time, value))
            own = row.start if row.start is not None else (time if value < last else start)
            self._starts.append(own)
        self._write()

    def _restart(self, values: Sequence[float], times: int | Sequence[int]) -> None:
        assert self._roster is not None  # noqa: S101 - for the type checker
        for index, (value, last) in enumerate(zip(values, self._values, strict=True)):
            position = self._counters[index]
            if value < last and self._roster.rows[position].start is None:
                self._starts[index] = times if isinstance(times, int) else times[position]
        self._write()

    def _write(self) -> None:
        assert self._roster is not None  # noqa: S101 - for the type checker
        self._pieces = [b""] * len(self._roster.rows)
        for position, start in zip(self._counters, self._starts, strict=True):
            self._pieces[position] = fixed64(_START_FIELD, start * _NANOSECONDS)


def _counters(roster: Roster) -> list[int]:
    """Positions of the counters among the rows."""
    positions: list[int] = []
    first = 0
    for family in roster.families:
        if family.type == MetricType.COUNTER:
            positions += range(first, first + len(family.members))
        first += len(family.members)
    return positions
