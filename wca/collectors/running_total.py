"""The sum of counters that come and go, such as those of a task's threads."""

from collections.abc import Collection, Hashable, Mapping
from typing import Generic, TypeVar

__all__ = ["RunningTotal"]

_Source = TypeVar("_Source", bound=Hashable)
_Name = TypeVar("_Name", bound=Hashable)


class RunningTotal(Generic[_Source, _Name]):
    """Adds up what the counters of several sources gain, so that no sum ever goes back.

    A source that has vanished stays in the sum with the value it had when it was last seen; what it
    counted after that is lost. One that is back adds what it has gained since then, and one whose
    counter is smaller than before has begun anew.

    Args:
        remembered: how many that are not there any more are known when they are back. Reading a
            folder of threads while some of them end can overlook others that live.
    """

    def __init__(self, remembered: int = 256) -> None:
        self._remembered = remembered
        self._seen: dict[
            _Source, Mapping[_Name, float]
        ] = {}  # those of the last reading at the end
        self._sums: dict[_Name, float] = {}

    def knows(self, source: _Source) -> bool:
        """Whether this source was seen before, and is remembered."""
        return source in self._seen

    def update(
        self, current: Mapping[_Source, Mapping[_Name, float]], older: Collection[_Source] = ()
    ) -> dict[_Name, float]:
        """Take new readings.

        Args:
            current: counters by name, none below zero, of every source that is there now.
            older: sources among them that count from their first reading on, because what they had
                counted before belongs to nobody here.

        Returns:
            The sums by name, of all sources that are there or ever were.
        """
        for source, counters in current.items():
            before = self._seen.pop(source, counters if source in older else {})
            for name, value in counters.items():
                last = before.get(name, 0)
                gained = value - last if value >= last else value
                self._sums[name] = self._sums.get(name, 0) + gained
            self._seen[source] = {**before, **counters}
        for source in list(self._seen)[: -len(current) - self._remembered]:
            del self._seen[source]
        return dict(self._sums)
