"""The stage that adds to each task what follows from its counters."""

from collections.abc import Callable
from dataclasses import dataclass

from wca.containers import Container
from wca.metrics import Measurements
from wca.metrics.derived import COUNTERS, derived_measurements
from wca.runners.stages import Sample

__all__ = ["Derive"]


@dataclass(frozen=True, slots=True)
class _Seen:
    read_at: float  # as the stage was told
    seconds: float  # when it was really read: a new task may have been read by itself
    counters: Measurements
    derived: Measurements


class Derive:
    """Adds rates and ratios between two readings of a task's counters.

    Args:
        read_at: monotonic time in seconds at which the counters of this sample were read. As long
            as it stays the same, what was derived last is given again.
        monotonic: time in seconds.
    """

    name = "derive"

    def __init__(self, read_at: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._read_at = read_at
        self._monotonic = monotonic
        self._last: dict[Container, _Seen] = {}

    def run(self, sample: Sample) -> None:
        """Add to every task and container that was there in the sample before."""
        read_at = self._read_at()
        seen: dict[Container, _Seen] = {}
        for one in (*sample.tasks, *sample.parts):
            last = self._last.get(one.container)
            if last is None:
                last = _Seen(read_at, self._monotonic(), _counters(one.measurements), {})
            elif last.read_at != read_at:
                last = _next(read_at, _counters(one.measurements), last)
            seen[one.container] = last
            one.measurements.update(last.derived)
        self._last = seen


def _counters(measurements: Measurements) -> Measurements:
    return {name: measurements[name] for name in COUNTERS if name in measurements}


def _next(read_at: float, counters: Measurements, last: _Seen) -> _Seen:
    derived = derived_measurements(last.counters, counters, read_at - last.seconds)
    return _Seen(read_at, read_at, counters, derived)
