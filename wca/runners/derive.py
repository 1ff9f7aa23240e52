"""The stage that adds to each task what follows from its counters."""

from collections.abc import Callable
from dataclasses import dataclass

from wca.containers import Container
from wca.metrics.derived import COUNTERS, derived_measurements
from wca.runners.stages import Sample

__all__ = ["Derive"]


@dataclass(frozen=True, slots=True)
class _Counters:
    seconds: float
    values: dict[str, float]


class Derive:
    """Adds rates and ratios between this sample of a task and the one before.

    Args:
        monotonic: time in seconds.
    """

    name = "derive"

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._last: dict[Container, _Counters] = {}

    def run(self, sample: Sample) -> None:
        """Add to the measurements of every task that was there in the sample before."""
        now = self._monotonic()
        seen: dict[Container, _Counters] = {}
        for task in sample.tasks:
            values = {n: task.measurements[n] for n in COUNTERS if n in task.measurements}
            seen[task.container] = _Counters(now, values)
            last = self._last.get(task.container)
            if last is not None:
                task.measurements.update(
                    derived_measurements(last.values, values, now - last.seconds)
                )
        self._last = seen
