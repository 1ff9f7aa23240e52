"""What a detector would have seen of the tasks in a recording."""

from array import array
from collections.abc import Iterator, Sequence

from wca.detectors.api import TasksData
from wca.detectors.interfering.ageing import application_of
from wca.detectors.interfering.granted import Granted
from wca.detectors.interfering.judged import JUDGED
from wca.detectors.interfering.norms import load_bin
from wca.detectors.interfering.pace import Pace
from wca.detectors.interfering.tracks import Timeline, Track
from wca.detectors.interfering.watches import Confirmation, Watch
from wca.platforms.api import Platform

__all__ = ["Observer", "Thinned"]

#: Intervals that are kept: no more are needed here.
_KEPT = 8
#: Readings that are kept of a number.
_MOST = 10_000


class Observer:
    """Makes the numbers of tasks as ``InterferenceDetector`` makes them.

    Args:
        application_label: the label of tasks that says which of them are of one kind.
        min_cpu: CPUs that a task must use before its CPU numbers count.
    """

    def __init__(self, application_label: str, min_cpu: float) -> None:
        self._application_label = application_label
        self._confirmation = Confirmation(1, 1, min_cpu)
        self._nothing = [None] * len(JUDGED)
        self._pace = Pace()
        self._seen: dict[str, tuple[Track, Watch, Granted]] = {}
        self._begin()

    def look(
        self, platform: Platform, tasks: TasksData
    ) -> Iterator[tuple[str, str, int, Sequence[float]]]:
        """Task id, application, place of the load, and numbers in the order of ``JUDGED``.

        Tasks without a load and those with allocations in force are left out.
        """
        now = platform.monotonic
        if self._pace.broken(now):
            self._begin()
        self._timeline.step()
        before, self._seen = self._seen, {}
        for task_id in sorted(tasks):
            task = tasks[task_id]
            track, watch, granted = before.get(task_id) or self._new()
            self._seen[task_id] = track, watch, granted
            track.look(now, platform.read_at, task.measurements)
            watch.look(track, self._nothing)
            place = load_bin(track.load)
            untouched = granted.untouched(task.allocations, now)
            if place is not None and untouched:
                yield task_id, application_of(task, self._application_label), place, watch.looked

    def _begin(self) -> None:
        self._timeline = Timeline(_KEPT)
        self._seen = {}

    def _new(self) -> tuple[Track, Watch, Granted]:
        return Track(self._timeline), Watch(self._confirmation), Granted()


class Thinned:
    """Readings; of very many every second one, every fourth and so on."""

    def __init__(self) -> None:
        self.seen = 0
        self._step = 1
        self._kept = array("d")

    def add(self, value: float) -> None:
        """Take one."""
        if self.seen % self._step == 0:
            if len(self._kept) == _MOST:
                self._kept = self._kept[::2]
                self._step *= 2
            if self.seen % self._step == 0:
                self._kept.append(value)
        self.seen += 1

    def values(self) -> list[float]:
        """Those that were kept, the smallest first."""
        return sorted(self._kept)
