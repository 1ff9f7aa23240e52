"""How the numbers of tasks went over the last minutes, by time."""

import math
from array import array
from collections import deque
from collections.abc import Iterable

from wca.detectors.api import TasksData
from wca.detectors.interfering.sampling import Sampler
from wca.platforms.api import Platform

__all__ = ["KEPT", "Readings", "mean", "median"]

#: Seconds of which readings are kept, and how many at most.
KEPT = 180.0
_MOST = 360


class Readings:
    """The numbers of ``MEASURES`` of every task, as they were read.

    A clock that goes back, or stands still, begins everything anew, or adds nothing.
    """

    def __init__(self) -> None:
        self._samplers: dict[str, Sampler] = {}
        self._rings: dict[str, deque[tuple[float, array[float]]]] = {}
        self._last = -math.inf

    def look(self, platform: Platform, tasks: TasksData) -> bool:
        """Take the numbers of this interval. False where time has not gone on, or began anew.

        Args:
            platform: has the time.
            tasks: those that there are; the others are forgotten.
        """
        now = platform.monotonic
        if now <= self._last:
            if now < self._last:
                self._samplers, self._rings, self._last = {}, {}, now
            return False
        self._last = now
        for task_id in [one for one in self._samplers if one not in tasks]:
            del self._samplers[task_id], self._rings[task_id]
        for task_id, task in tasks.items():
            sampler = self._samplers.get(task_id)
            if sampler is None:
                sampler = self._samplers[task_id] = Sampler()
                self._rings[task_id] = deque(maxlen=_MOST)
            numbers = sampler.look(now, platform.read_at, task.measurements)
            ring = self._rings[task_id]
            ring.append((now, array("f", numbers)))
            while ring[0][0] < now - KEPT:
                ring.popleft()
        return True

    def values(
        self, task_id: str, measure: int, since: float = -math.inf, until: float = math.inf
    ) -> list[float]:
        """What was read of a task after one time and not after another one, the oldest first.

        Args:
            task_id: whose; of one that is not there is nothing.
            measure: its place in ``MEASURES``.
            since: monotonic time in seconds.
            until: monotonic time in seconds.
        """
        return [
            numbers[measure]
            for time, numbers in self._rings.get(task_id, ())
            if since < time <= until and not math.isnan(numbers[measure])
        ]

    def time_of(self, task_id: str, measure: int, since: float, count: int) -> float:
        """The time of so many known readings after a time; that time where there are fewer."""
        known = [
            time
            for time, numbers in self._rings.get(task_id, ())
            if time > since and not math.isnan(numbers[measure])
        ]
        return known[count - 1] if 0 < count <= len(known) else since

    def last(self, task_id: str, measure: int, readings: int) -> list[float]:
        """The last readings of a task that are known, the oldest first."""
        return self.values(task_id, measure)[-readings:]

    def level(self, task_id: str, measure: int, readings: int = 3) -> float | None:
        """The median of the last readings; None: there is none."""
        return median(self.last(task_id, measure, readings))

    @property
    def task_ids(self) -> Iterable[str]:
        """Of whom there are readings."""
        return self._rings.keys()


def mean(values: list[float]) -> float | None:
    """The mean; None of nothing."""
    return math.fsum(values) / len(values) if values else None


def median(values: list[float]) -> float | None:
    """The upper median; None of nothing."""
    return sorted(values)[len(values) // 2] if values else None
