"""Since when each counter has only grown: what a later value of it says all about."""

import operator
from collections.abc import Collection, Hashable, Sequence

__all__ = ["Growth"]

#: When a counter began, its last value, and when that was.
_Past = tuple[int, float, int]


class Growth:
    """Follows the counters of one stream of batches.

    A counter begins with the first value that is seen of it, with one that is less than the value
    before, and with the first one after it was missing for longer than the memory.

    Args:
        memory: milliseconds; 0: a counter that is missing in one batch has ended.
    """

    def __init__(self, memory: int = 0) -> None:
        #: Unix time in milliseconds of the value with which each counter began, in the order of
        #: the keys; the same object as long as none begins and the keys are the same.
        self.begun: list[int] = []
        #: Positions of the counters that begin with the last batch.
        self.beginning: Collection[int] = ()
        self._memory = memory
        self._keys: Sequence[Hashable] = ()
        self._values: Sequence[float] = ()
        self._time = 0
        self._missing: dict[Hashable, _Past] = {}

    def follow(
        self, keys: Sequence[Hashable], values: Sequence[float], times: int | Sequence[int]
    ) -> None:
        """Take note of a batch.

        Args:
            keys: names its counters; the same object as for the batch before while they are the
                same.
            values: begins with one for each.
            times: Unix time in milliseconds of all, or of each.
        """
        values = values[: len(keys)]
        if keys is not self._keys:
            self._begin(*self._adopt(keys, values, times), times)
        elif any(map(operator.lt, values, self._values)):
            restarted = map(operator.lt, values, self._values)
            self._begin(self.begun, [index for index, one in enumerate(restarted) if one], times)
        else:
            self.beginning = ()
        self._keys = keys
        self._values = values
        self._time = _latest(times)

    def _begin(
        self, begun: Sequence[int], beginning: Collection[int], times: int | Sequence[int]
    ) -> None:
        self.begun = list(begun)
        self.beginning = beginning
        for index in beginning:
            self.begun[index] = times if isinstance(times, int) else times[index]

    def _adopt(
        self, keys: Sequence[Hashable], values: Sequence[float], times: int | Sequence[int]
    ) -> tuple[list[int], list[int]]:
        """Go on with other counters: since when each counts, and which of them begin."""
        known = self._known(_latest(times))
        begun: list[int] = []
        beginning: list[int] = []
        for index, (key, value) in enumerate(zip(keys, values, strict=True)):
            since, last, _ = known.pop(key, (0, None, 0))
            if last is None or value < last:
                beginning.append(index)
            begun.append(since)
        self._missing = known if self._memory else {}
        return begun, beginning

    def _known(self, now: int) -> dict[Hashable, _Past]:
        """The counters of the last batch, and those that are missing not for too long."""
        known = {
            key: past for key, past in self._missing.items() if abs(now - past[2]) < self._memory
        }
        rows = zip(self._keys, self.begun, self._values, strict=True)
        known.update((key, (since, value, self._time)) for key, since, value in rows)
        return known


def _latest(times: int | Sequence[int]) -> int:
    return times if isinstance(times, int) else max(times, default=0)
