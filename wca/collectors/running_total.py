"""The sum of counters that come and go, such as those of a task's threads."""

from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

__all__ = ["RunningTotal"]

_Source = TypeVar("_Source", bound=Hashable)
_Name = TypeVar("_Name", bound=Hashable)


class RunningTotal(Generic[_Source, _Name]):
    """Adds up the counters of several sources so that no sum ever goes back.

    A source that has vanished, or one whose counter began anew, stays in the sum with the value it
    had when it was last seen. What it counted after that is lost.
    """

    def __init__(self) -> None:
        self._last: Mapping[_Source, Mapping[_Name, float]] = {}
        self._ended: dict[_Name, float] = {}
        self._sums: dict[_Name, float] = {}

    def update(self, current: Mapping[_Source, Mapping[_Name, float]]) -> dict[_Name, float]:
        """Take new readings.

        Args:
            current: counters by name, of every source that is there now.

        Returns:
            The sums by name, of all sources that are there or ever were.
        """
        for source, before in self._last.items():
            self._keep(before, current.get(source, {}))
        self._last = current
        sums = dict(self._ended)
        for counters in current.values():
            for name, value in counters.items():
                sums[name] = sums.get(name, 0) + value
        for name, least in self._sums.items():
            sums[name] = max(sums[name], least)  # the order of adding changes the last digit
        self._sums = sums
        return dict(sums)

    def _keep(self, before: Mapping[_Name, float], now: Mapping[_Name, float]) -> None:
        for name, value in before.items():
            if now.get(name, -1) < value:
                self._ended[name] = self._ended.get(name, 0) + value
