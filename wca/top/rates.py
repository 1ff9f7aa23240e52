"""What counters gain per second from one reading to the next."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from wca.metrics import Measurements, MetricType
from wca.metrics.catalogue import CATALOGUE
from wca.top.reading import MACHINE, Reading

__all__ = ["Rates", "total"]

_NONE: Mapping[str, float] = MappingProxyType({})
_COUNTERS = frozenset(name for name, entry in CATALOGUE.items() if entry.type is MetricType.COUNTER)


@dataclass(frozen=True, slots=True)
class _Last:
    """A counter as it was read last, and what it had gained by then; None: not known."""

    at: float
    value: float
    rate: float | None


class Rates:
    """Keeps the last values of all counters of tasks and machine.

    A counter that began anew, or that was not there before, has no rate until the next reading. One
    that was not read anew keeps its rate.
    """

    def __init__(self) -> None:
        self._last: dict[str, dict[str, _Last]] = {}
        self._rates: dict[str, dict[str, float]] = {}

    def take(self, reading: Reading) -> None:
        """Go on to this reading; what is not in it is forgotten."""
        read = {one.key: one.values for one in reading.tasks} | {MACHINE: reading.machine}
        self._last = {
            key: self._advanced(self._last.get(key, {}), values, reading)
            for key, values in read.items()
        }
        self._rates = {
            key: {name: one.rate for name, one in lasts.items() if one.rate is not None}
            for key, lasts in self._last.items()
        }

    def of(self, key: str) -> Mapping[str, float]:
        """Rates by metric of a task, or of the machine; nobody changes them afterwards."""
        return self._rates.get(key, _NONE)

    def _advanced(
        self, before: Mapping[str, _Last], values: Measurements, reading: Reading
    ) -> dict[str, _Last]:
        lasts: dict[str, _Last] = {}
        for name in values.keys() & _COUNTERS:
            value = total(values[name])
            if value is not None:
                at = reading.read_at.get(name, reading.at)
                lasts[name] = _next(before.get(name), at, value)
        return lasts


def _next(last: _Last | None, at: float, value: float) -> _Last:
    if last is None:
        return _Last(at, value, None)
    if at == last.at:
        return last
    gain, seconds = value - last.value, at - last.at
    return _Last(at, value, gain / seconds if gain >= 0 and seconds > 0 else None)


def total(value: Any) -> float | None:
    """A number, or the sum of all numbers of a nested one; None: there is none."""
    if isinstance(value, Mapping):
        parts = [part for one in value.values() if (part := total(one)) is not None]
        return sum(parts) if parts else None
    return value if isinstance(value, (int, float)) else None
