"""How tasks and the machine went over the last minutes.

A number that is not known is NaN, the one that is not equal to itself.
"""

import math
from array import array
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from wca.detectors.interfering.sampling import CPU, MEASURES, UNKNOWN, WORK, Sampler

__all__ = ["Machine", "Timeline", "Track", "cpu_seconds", "known_mean", "known_median"]

_WIDTH = len(MEASURES)
_USAGE = "task_cpu_usage_seconds"
_NOTHING = array("f", [UNKNOWN] * _WIDTH)
#: Readings of which the median is the load.
_SMOOTH = 5
_IDLE = frozenset(("idle", "iowait", "steal", "guest", "guest_nice"))


class Timeline:
    """The places of intervals in rings.

    Args:
        size: intervals that are kept.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.count = 0

    def step(self) -> None:
        """A new interval."""
        self.count += 1

    @property
    def place(self) -> int:
        """Of the interval now."""
        return self.count % self.size

    def last(self, length: int) -> list[int]:
        """Places of the last intervals, the oldest first."""
        length = min(length, self.size, self.count)
        return [(self.count - back) % self.size for back in range(length - 1, -1, -1)]


class Track:
    """One task.

    Args:
        timeline: which is shared by all.
    """

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._sampler = Sampler()
        self._ring = _NOTHING * timeline.size
        self._work: deque[float] = deque(maxlen=_SMOOTH)
        self._used: deque[float] = deque(maxlen=_SMOOTH)
        self.now: list[float] = []
        self.rate = 0.0
        self.late = 0, 0.0
        self._unread = 0

    def look(self, now: float, read_at: Mapping[str, float], measurements: Any) -> None:
        """Take the numbers of this interval; ``rate``: CPUs in use as they were read last."""
        numbers = self.now = self._sampler.look(now, read_at, measurements)
        self._hold(numbers[CPU], _USAGE in measurements)
        start = self._timeline.place * _WIDTH
        self._ring[start : start + _WIDTH] = array("f", numbers)
        for measure, recent in ((WORK, self._work), (CPU, self._used)):
            if not math.isnan(numbers[measure]):
                recent.append(numbers[measure])

    def _hold(self, cpu: float, measured: bool) -> None:
        """A reading is of all intervals since the one before; until it comes that one counts.

        ``late`` has how many intervals that were, and what they differ from what was held.
        """
        self.late = 0, 0.0
        if math.isnan(cpu):
            self._unread = min(self._unread + 1, self._timeline.size // 2) if measured else 0
            self.rate = self.rate if measured else 0.0
            return
        for place in self._timeline.last(self._unread + 1)[:-1]:
            self._ring[place * _WIDTH + CPU] = cpu
        self.late = self._unread, cpu - self.rate
        self.rate, self._unread = cpu, 0

    @property
    def load(self) -> float:
        """Units of work per second where they are known, or else CPUs in use; 0: not known."""
        recent = self._work or self._used
        return sorted(recent)[len(recent) // 2] if recent else 0.0

    @property
    def used(self) -> float:
        """CPUs in use; 0: not known."""
        return sorted(self._used)[len(self._used) // 2] if self._used else 0.0

    def recent(self) -> list[int]:
        """Places of the last intervals."""
        return self._timeline.last(_SMOOTH)

    def series(self, measure: int, places: Sequence[int]) -> list[float]:
        """A number at places of the timeline; UNKNOWN where it was not read."""
        ring = self._ring
        return [ring[place * _WIDTH + measure] for place in places]

    def activity(self, measure: int, places: Sequence[int]) -> list[float]:
        """A number at places of the timeline: the last one where it was not read, 0 before any."""
        level, found = 0.0, []
        for value in self.series(measure, places):
            level = level if math.isnan(value) else value
            found.append(level)
        return found


class Machine:
    """CPU time of the machine, by whom.

    Args:
        timeline: which is shared by all.
    """

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._rings = {
            name: array("f", [UNKNOWN] * timeline.size) for name in ("busy", "outside", "steal")
        }
        self._before: tuple[float, float, float] | None = None

    def look(self, now: float, measurements: Mapping[str, Any], tracks: Sequence[Track]) -> None:
        """Take the numbers of this interval.

        Args:
            now: monotonic time at which they were read.
            measurements: of the machine.
            tracks: of all tasks.
        """
        busy, steal = self._rates(now, cpu_seconds(measurements.get("platform_cpu_seconds")))
        outside = busy - math.fsum(one.rate for one in tracks)
        place = self._timeline.place
        for name, value in (("busy", busy), ("outside", outside), ("steal", steal)):
            self._rings[name][place] = value
        for intervals, more in (one.late for one in tracks if one.late[0]):
            for past in self._timeline.last(intervals + 1)[:-1]:
                self._rings["outside"][past] -= more

    def series(self, name: str, places: Sequence[int]) -> list[float]:
        """CPUs that were ``busy``, busy ``outside`` of tasks, or taken away (``steal``)."""
        ring = self._rings[name]
        return [ring[place] for place in places]

    def _rates(self, now: float, read: tuple[float, float] | None) -> tuple[float, float]:
        before = self._before
        if read is None or (before is not None and now <= before[0]):
            return UNKNOWN, UNKNOWN
        self._before = now, *read
        if before is None or read[0] < before[1] or read[1] < before[2]:
            return UNKNOWN, UNKNOWN
        seconds = now - before[0]
        return (read[0] - before[1]) / seconds, (read[1] - before[2]) / seconds


def known_mean(values: Sequence[float]) -> float:
    """The mean of those that are known; UNKNOWN of none."""
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else UNKNOWN


def known_median(values: Sequence[float]) -> float:
    """The median of those that are known; UNKNOWN of none."""
    known = sorted(value for value in values if not math.isnan(value))
    middle = len(known) // 2
    if not known:
        return UNKNOWN
    return known[middle] if len(known) % 2 else (known[middle - 1] + known[middle]) / 2


def cpu_seconds(by_cpu: object) -> tuple[float, float] | None:
    """Busy and stolen seconds of all CPUs; None where they are not known."""
    if not isinstance(by_cpu, dict):
        return None
    busy = steal = 0.0
    found = False
    for modes in by_cpu.values():
        for mode, seconds in modes.items() if isinstance(modes, dict) else ():
            if isinstance(seconds, (int, float)) and abs(seconds) < 1e15:
                found = found or mode == "user"
                steal += seconds if mode == "steal" else 0.0
                busy += 0.0 if mode in _IDLE else seconds
    return (busy, steal) if found else None
