"""How the numbers of tasks went over the last minutes, by time."""

import math
from array import array
from collections import deque
from collections.abc import Iterable
from itertools import pairwise

from wca.detectors.api import TaskData, TasksData
from wca.detectors.interfering.sampling import CPU, MEMORY, REFAULTS, Sampler
from wca.detectors.interfering.tracks import cpu_seconds
from wca.platforms.api import Platform

__all__ = ["KEPT", "Readings", "mean", "median"]

#: Seconds of which readings are kept, and how many at most.
KEPT = 180.0
_MOST = 360
#: Counters of each block device of which the last growth is kept.
_BY_DEVICE = ("task_io_device_read_bytes", "task_io_device_written_bytes")
#: Bytes of the smallest page, which refaults are counted in.
_PAGE = 4096
_LARGEST = 1e18

_Totals = dict[tuple[str, str], float]


class Readings:
    """The numbers of ``MEASURES`` of every task, as they were read."""

    def __init__(self) -> None:
        self._samplers: dict[str, Sampler] = {}
        self._rings: dict[str, deque[tuple[float, array[float]]]] = {}
        self._totals: dict[str, tuple[float, _Totals]] = {}
        self._rates: dict[str, _Totals] = {}
        self._last = -math.inf
        self._busy: tuple[float, float] | None = None
        #: CPUs that what is no task uses, in this interval; None: not known.
        self.outside: float | None = None

    def look(self, platform: Platform, tasks: TasksData) -> bool:
        """Take the numbers of this interval. False where time has not gone on.

        Args:
            platform: has the time.
            tasks: those that there are; the others are forgotten.
        """
        now = platform.monotonic
        if now <= self._last:
            return False
        self._last = now
        for task_id in [one for one in self._samplers if one not in tasks]:
            for known in (self._samplers, self._rings, self._totals, self._rates):
                known.pop(task_id, None)
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
            self._look_at_devices(now, task)
        self._look_outside(platform.read_at.get("platform_cpu_seconds", now), platform)
        return True

    def by_device(self, task_id: str, counter: str) -> dict[str, float]:
        """How much a counter of a task grew per second on each block device, where it is known."""
        rates = self._rates.get(task_id, {})
        return {device: rate for (name, device), rate in rates.items() if name == counter}

    def _look_outside(self, time: float, platform: Platform) -> None:
        read = cpu_seconds(platform.measurements.get("platform_cpu_seconds"))
        before, self.outside = self._busy, None
        if read is None:
            return
        self._busy = time, read[0]
        if before is None or time <= before[0] or read[0] < before[1]:
            return
        used = [ring[-1][1][CPU] for ring in self._rings.values() if ring]
        known = math.fsum(one for one in used if not math.isnan(one))
        self.outside = (read[0] - before[1]) / (time - before[0]) - known

    def _look_at_devices(self, now: float, task: TaskData) -> None:
        totals = _by_device(task)
        if not totals:
            return
        time, before = self._totals.get(task.task_id, (now, {}))
        if now > time:
            self._rates[task.task_id] = {
                key: (total - before[key]) / (now - time)
                for key, total in totals.items()
                if before.get(key, math.inf) <= total
            }
        self._totals[task.task_id] = now, totals

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

    def share_that_stays(self, task_id: str, since: float) -> float:
        """How much of the memory that a task had lost and reads again stays with it.

        About 1 when nobody drives it out any longer, 0 or less when as much is lost as comes back;
        0 where nothing comes back, or that is not known.

        Args:
            task_id: whose.
            since: monotonic time in seconds from which on readings count.
        """
        rows = [(time, one) for time, one in self._rings.get(task_id, ()) if time >= since]
        again = sum(
            one[REFAULTS] * (time - before)
            for (before, _), (time, one) in pairwise(rows)
            if not math.isnan(one[REFAULTS])
        )
        if not again:
            return 0.0
        gained = rows[-1][1][MEMORY] - rows[0][1][MEMORY]
        return 0.0 if math.isnan(gained) else gained / (again * _PAGE)

    @property
    def task_ids(self) -> Iterable[str]:
        """Of whom there are readings."""
        return self._rings.keys()


def _by_device(task: TaskData) -> _Totals:
    found: _Totals = {}
    for name in _BY_DEVICE:
        totals = task.measurements.get(name)
        for device, total in totals.items() if isinstance(totals, dict) else ():
            if isinstance(total, (int, float)) and 0 <= total < _LARGEST:
                found[name, str(device)] = float(total)
    return found


def mean(values: list[float]) -> float | None:
    """The mean; None of nothing."""
    return math.fsum(values) / len(values) if values else None


def median(values: list[float]) -> float | None:
    """The upper median; None of nothing."""
    return sorted(values)[len(values) // 2] if values else None
