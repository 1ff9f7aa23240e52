"""Groups of software events, read together."""

import os
from array import array
from collections.abc import Sequence

from wca.linux.perf.counting import GroupReading, PerfGroup, add_up, readings_of
from wca.linux.perf.events import PerfEvent
from wca.metrics import Measurements

__all__ = ["SoftwareGroups"]


class SoftwareGroups:
    """Adds up groups of the same software events, one for each CPU.

    The kernel counts these itself, whenever the task runs. So there is nothing to scale, and what
    the task did is the sum of the numbers as they stand.

    Args:
        groups: open and enabled; whoever closes them does not read this any more.
        events: what each of them counts, in its order.
    """

    __slots__ = ("_answers", "_divided", "_leaders", "_names", "_size", "totals")

    def __init__(self, groups: Sequence[PerfGroup], events: tuple[PerfEvent, ...]) -> None:
        self._leaders = array("i", [group.leader for group in groups])
        self._size = groups[0].size
        self._names = tuple(event.name for event in events)
        self._divided = tuple((event.name, event.divisor) for event in events if event.divisor > 1)
        self._answers: list[bytes] = []
        #: What was counted so far, by name of the event.
        self.totals: Measurements = dict.fromkeys(self._names, 0)

    def read(self) -> bool:
        """Bring ``totals`` up to date.

        Returns:
            Whether that was possible. When a CPU went offline it is not, and all stays as it was.

        Raises:
            OSError: the kernel refuses to answer.
        """
        read, size = os.read, self._size
        answers = [read(leader, size) for leader in self._leaders]
        if answers == self._answers:
            return True
        sums = add_up(answers, len(self._names))
        if sums is None:
            return False
        self._answers = answers
        totals: Measurements = dict(zip(self._names, sums, strict=True))
        for name, divisor in self._divided:
            totals[name] /= divisor
        self.totals = totals
        return True

    def readings(self) -> list[GroupReading]:
        """What each group had counted in the last reading, if there was one."""
        return readings_of(self._answers, len(self._names))
