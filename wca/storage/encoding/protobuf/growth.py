"""Since when each counter has only grown: what a later value of it says all about."""

import operator
from collections.abc import Collection, Mapping, Sequence

from wca.storage.encoding.protobuf.roster import Roster

__all__ = ["Growth"]


class Growth:
    """Follows the counters of one stream of batches.

    A counter begins with the first value that is seen of it, with the first one after its series
    had ended, and with one that is less than the value before.
    """

    def __init__(self) -> None:
        #: Unix time in milliseconds of the value with which each counter began, in the order of
        #: the roster; the same object as long as none begins and the series are the same.
        self.begun: list[int] = []
        #: Positions of the counters that begin with the last batch.
        self.beginning: Collection[int] = ()
        self._roster: Roster | None = None
        self._values: Sequence[float] = ()

    def follow(self, roster: Roster, values: Sequence[float], times: int | Sequence[int]) -> None:
        """Take note of a batch.

        Args:
            roster: its series.
            values: one for each.
            times: Unix time in milliseconds of all, or of each.
        """
        values = values[: roster.counters]
        if roster is not self._roster:
            self._begin(*self._adopt(roster, values), times)
        elif any(map(operator.lt, values, self._values)):
            restarted = map(operator.lt, values, self._values)
            self._begin(self.begun, [index for index, one in enumerate(restarted) if one], times)
        else:
            self.beginning = ()
        self._roster = roster
        self._values = values

    def _begin(
        self, begun: Sequence[int], beginning: Collection[int], times: int | Sequence[int]
    ) -> None:
        self.begun = list(begun)
        self.beginning = beginning
        for index in beginning:
            self.begun[index] = times if isinstance(times, int) else times[index]

    def _adopt(self, roster: Roster, values: Sequence[float]) -> tuple[list[int], list[int]]:
        """Go on with other series: since when each counts, and which of them begin."""
        known = self._known()
        begun: list[int] = []
        beginning: list[int] = []
        for index, (row, value) in enumerate(zip(roster.rows, values, strict=False)):
            since, last = known.get(row.identity, (0, None))
            if last is None or value < last:
                beginning.append(index)
            begun.append(since)
        return begun, beginning

    def _known(self) -> Mapping[str, tuple[int, float]]:
        """Since when each counter of the last batch counts, and its value."""
        if self._roster is None:
            return {}
        rows = zip(self._roster.rows, self.begun, self._values, strict=False)
        return {row.identity: (since, value) for row, since, value in rows}
