"""Numbers of a task or of the machine: as they are, or how fast they grow."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = ["Course", "Quotient", "Reading", "Signal"]

#: A window is covered by about so many points, however often something is read.
_POINTS = 32
#: What is beyond cannot be computed with, and was not measured either.
_LARGEST = 1e300


@dataclass(frozen=True)
class Signal:
    """One number.

    Args:
        metric: its name.
        rate: whether how fast it grows is meant.
        of_machine: whether it is the machine's; otherwise the task's.
        keys: where it is in a nested value, outermost first.
    """

    metric: str
    rate: bool
    of_machine: bool
    keys: tuple[str, ...] = ()

    def read(self, measurements: Mapping[str, Any]) -> float | None:
        """The number; None where it is not, or is no number."""
        value = measurements.get(self.metric)
        for key in self.keys:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        return value if -_LARGEST < value < _LARGEST else None  # NaN is in no range


class Reading(NamedTuple):
    """A number at a time, or what it grew in a time.

    Args:
        time: seconds.
        value: the number.
    """

    time: float
    value: float


class Course:
    """How a counter went over a window.

    Args:
        window: seconds; 0: between the last two readings.
    """

    def __init__(self, window: float) -> None:
        self._window = window
        self._points: deque[Reading] = deque()

    def add(self, time: float, value: float) -> None:
        """Take a reading. One of a time that is known changes nothing; after a reset all is new."""
        points = self._points
        if points and time <= points[-1].time:
            return
        if points and value < points[-1].value:
            points.clear()
        if len(points) > 1 and points[-1].time - points[-2].time < self._window / _POINTS:
            points.pop()
        points.append(Reading(time, value))
        while len(points) > 2 and time - points[1].time >= self._window:
            points.popleft()

    @property
    def gain(self) -> Reading | None:
        """The seconds and the growth of the last window; None before one has been seen whole."""
        if len(self._points) < 2:
            return None
        first, last = self._points[0], self._points[-1]
        seconds = last.time - first.time
        return Reading(seconds, last.value - first.value) if seconds >= self._window else None


class Quotient:
    """One number, or what one number is for each of another.

    Args:
        signal: what is read.
        per: what it is divided by; None: nothing, which for a rate means the time.
        window: of rates, in seconds.
    """

    def __init__(self, signal: Signal, per: Signal | None, window: float) -> None:
        self._signals = [signal] if per is None else [signal, per]
        self._courses = [Course(window) for _ in self._signals]

    def look(
        self, now: float, read_at: Mapping[str, float], task: Mapping[str, Any], machine: Any
    ) -> float | None:
        """The number now; None where something is missing, or there is nothing to divide by.

        Args:
            now: monotonic time in seconds.
            read_at: monotonic time of metrics that were not read now.
            task: measurements of the task.
            machine: measurements of the machine.
        """
        parts = [
            self._part(signal, course, now, read_at, machine if signal.of_machine else task)
            for signal, course in zip(self._signals, self._courses, strict=True)
        ]
        known = [part for part in parts if part is not None]
        return _divided(*known) if len(known) == len(parts) else None

    def _part(
        self,
        signal: Signal,
        course: Course,
        now: float,
        read_at: Mapping[str, float],
        measurements: Mapping[str, Any],
    ) -> Reading | None:
        """A number, as growth in 1 second; or what it grew, and in which time."""
        value = signal.read(measurements)
        if value is None:
            return None
        if not signal.rate:
            return Reading(1.0, value)
        course.add(read_at.get(signal.metric, now), value)
        return course.gain


def _divided(part: Reading, whole: Reading | None = None) -> float | None:
    """Growth per second or value, or one of them for each of another."""
    if whole is None:
        return part.value / part.time
    divisor = whole.value / whole.time * part.time
    return part.value / divisor if divisor > 0 else None
