"""The stage that adds to each task what a unit of its work costs."""

from collections.abc import Callable
from dataclasses import dataclass

from wca.containers import Container
from wca.metrics import Measurements
from wca.metrics.derived import CPU_PER_WORK, WORK_COUNTERS, cpu_seconds_per_work
from wca.runners.stages import Sample

__all__ = ["DeriveWork"]

#: Samples without work after which what was used since then is not the price of the next unit.
_IDLE = 60

_Counters = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Seen:
    base: _Counters  # of the last sample in which some work was done
    derived: Measurements
    idle: int = 0  # samples since then


class DeriveWork:
    """Adds CPU seconds per unit of work between two samples in which work was done.

    A sample in which the work is the same as before, or not known, gives none, and its CPU time
    counts for the work of the next one: who tells the work may do so less often than it is read.

    Args:
        read_at: monotonic time in seconds at which the older of the two counters was read. As long
            as it stays the same, what was derived last is given again.
    """

    name = "derive_work"

    def __init__(self, read_at: Callable[[], float]) -> None:
        self._read_at = read_at
        self._last_read: float | None = None
        self._last: dict[Container, _Seen] = {}

    def run(self, sample: Sample) -> None:
        """Add to every task whose work was known in a sample before."""
        read_at = self._read_at()
        again, self._last_read = read_at == self._last_read, read_at
        seen: dict[Container, _Seen] = {}
        for one in sample.tasks:
            last = self._last.get(one.container)
            if last is None or not again:
                last = _next(last, _counters(one.measurements))
            if last is not None:
                seen[one.container] = last
                one.measurements.update(last.derived)
        self._last = seen


def _counters(measurements: Measurements) -> _Counters | None:
    cpu, work = (measurements.get(name) for name in WORK_COUNTERS)
    return None if cpu is None or work is None else (cpu, work)


def _next(last: _Seen | None, now: _Counters | None) -> _Seen | None:
    if last is None:
        return None if now is None else _Seen(now, {})
    idle = last.idle + 1
    if now is None:
        return _Seen(last.base, {}, idle) if idle < _IDLE else None
    cost = cpu_seconds_per_work(last.base, now)
    if cost is not None and idle <= _IDLE:
        return _Seen(now, {CPU_PER_WORK: cost})
    went_back = now[0] < last.base[0] or now[1] < last.base[1]
    return _Seen(now, {}) if went_back or idle >= _IDLE else _Seen(last.base, {}, idle)
