"""One number that stands for the values of a series over a window."""

import math
import re
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from wca.config.types import Constraint
from wca.errors import ValidationError

__all__ = ["LAST", "MEAN", "Latest", "Statistic", "StatisticName", "Summary", "parse_statistic"]

_PERCENTILE = re.compile(r"p([0-9]{1,2}(?:\.[0-9]{1,3})?|100)", re.ASCII)
_WORDS = "last, mean, median, min, max, sum, count, each, or a percentile such as p90 or p99.9"


class Summary:
    """What is kept of the values of one series.

    Args:
        keep_values: keep the values themselves, as 64-bit floats, for median and percentiles.
        grows: the last value is asked for, and says nothing of what was before a fall.
    """

    __slots__ = ("_stride", "count", "grows", "last", "max", "min", "total", "values")

    def __init__(self, *, keep_values: bool, grows: bool = False) -> None:
        self.grows = grows
        self.count = 0
        self.total = 0.0
        self.min: float = math.inf
        self.max: float = -math.inf
        self.last: float = -math.inf
        self.values = array("d") if keep_values else None
        self._stride = 1

    def add(self, value: float) -> None:
        """Take one value, which is finite."""
        if self.values is not None and self.count % self._stride == 0:
            self.values.append(value)
        self.count += 1
        self.total += value
        self.last = value
        if value < self.min:
            self.min = value
        if value > self.max:
            self.max = value

    def thin(self) -> None:
        """Keep every second of the kept values, and as few of those that come."""
        if self.values is not None:
            self.values = self.values[::2]
            self._stride *= 2

    def percentile(self, percent: float) -> float:
        """The value below which so many percent of the kept values lie.

        Between two values it is interpolated, as PERCENTILE_CONT of SQL and numpy's default do.
        """
        ordered = sorted(self.values or ())
        place = percent / 100 * (len(ordered) - 1)
        below = ordered[math.floor(place)]
        above = ordered[math.ceil(place)]
        part = place - math.floor(place)
        between = below * (1 - part) + above * part
        return min(max(between, below), above)  # rounding must not lead out of the values


class Latest(Summary):
    """A summary of which nothing but the last value is asked, as of most counters."""

    __slots__ = ()

    def __init__(self, *, grows: bool = False) -> None:
        super().__init__(keep_values=False, grows=grows)

    def add(self, value: float) -> None:
        """Take one value."""
        self.count += 1
        self.last = value


@dataclass(frozen=True, slots=True)
class Statistic:
    """A way to make one number of many, or to keep them all.

    Args:
        name: as a configuration writes it.
        needs_values: whether it is made from the values themselves.
        of: makes the numbers, of a summary that has some.
    """

    name: str
    needs_values: bool
    of: Callable[[Summary], Sequence[float]]

    @property
    def suffix(self) -> str:
        """The name as a part of the name of a metric: ``p99_9`` for ``p99.9``."""
        return self.name.replace(".", "_")


def _one(name: str, of: Callable[[Summary], float], *, needs_values: bool = False) -> Statistic:
    """A statistic that is one number."""
    return Statistic(name, needs_values, lambda summary: (of(summary),))


LAST = _one("last", lambda summary: summary.last)
MEAN = _one("mean", lambda summary: summary.total / summary.count)

_STATISTICS = {
    one.name: one
    for one in (
        LAST,
        MEAN,
        _one("median", lambda summary: summary.percentile(50), needs_values=True),
        _one("min", lambda summary: summary.min),
        _one("max", lambda summary: summary.max),
        _one("sum", lambda summary: summary.total),
        _one("count", lambda summary: summary.count),
        Statistic("each", needs_values=True, of=lambda summary: summary.values or ()),
    )
}


def parse_statistic(name: str) -> Statistic:
    """The statistic of a name.

    Raises:
        ValidationError: there is none; says which there are.
    """
    known = _STATISTICS.get(name)
    if known is not None:
        return known
    found = _PERCENTILE.fullmatch(name)
    if not found:
        raise ValidationError(f"{name!r} is no statistic: write {_WORDS}")
    percent = float(found[1])
    return _one(name, lambda summary: summary.percentile(percent), needs_values=True)


@dataclass(frozen=True)
class StatisticName(Constraint):
    """The name of a statistic: ``median``, ``max``, ``p99.9``."""

    base: ClassVar[Any] = str

    def check(self, value: Any) -> None:
        """Refuse what is no statistic."""
        if not isinstance(value, str):
            raise ValidationError(f"expected {self.expected()}, got {type(value).__name__}")
        parse_statistic(value)

    def expected(self) -> str:
        """A sentence part for messages and documents."""
        return f"a statistic ({_WORDS})"
