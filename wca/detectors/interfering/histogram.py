"""How a number is spread: counts in bins of one relative width, so that old ones can fade."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from wca.errors import ValidationError

__all__ = ["Histogram", "Spread", "numbers_of"]

#: Relative width of a bin: a median is exact to half of it.
_STEP = math.log(1.02)
#: Numbers are taken in units of this; what is smaller is as good as nothing.
_UNIT = 1e-6
#: Bins at most; what is beyond goes into the last one.
_BINS = 6000
#: Of normal deviations, the factor from their median to their standard deviation.
_NORMAL = 1.4826
#: Counts that have faded below this are dropped.
_FADED = 0.01
_PARTS = float(1 << 20)


class Spread(NamedTuple):
    """What is known of a number.

    Args:
        median: half of all readings are below.
        deviation: the standard deviation, as the median absolute deviation has it.
        high: nineteen of twenty readings are below.
    """

    median: float
    deviation: float
    high: float


class Histogram:
    """Counts of readings, sparse."""

    def __init__(self) -> None:
        self._counts: dict[int, float] = {}
        self.weight = 0.0

    def add(self, value: float) -> None:
        """Count a reading; none is below 0."""
        key = min(int(math.log1p(value / _UNIT) / _STEP), _BINS)
        self._counts[key] = self._counts.get(key, 0.0) + 1.0
        self.weight += 1.0

    def fade(self, factor: float) -> None:
        """Let every reading count less than it did."""
        # In parts of a power of two: their sum is exact, in whatever order.
        faded = {
            key: round(count * factor * _PARTS) / _PARTS for key, count in self._counts.items()
        }
        self._counts = {key: count for key, count in faded.items() if count >= _FADED}
        self.weight = math.fsum(self._counts.values())

    @property
    def cells(self) -> int:
        """Bins in use."""
        return len(self._counts)

    def spread(self) -> Spread:
        """Median, deviation and the upper end; needs at least one reading."""
        bins = sorted(self._counts.items())
        median = _quantile([(_middle(key), count) for key, count in bins], self.weight / 2)
        away = sorted((abs(_middle(key) - median), count) for key, count in bins)
        deviation = _NORMAL * _quantile(away, self.weight / 2)
        high = _quantile([(_middle(key), count) for key, count in bins], self.weight * 0.95)
        return Spread(median, deviation, high)

    def dump(self) -> list[list[float]]:
        """The counts, as JSON can hold them."""
        return [[key, count] for key, count in sorted(self._counts.items())]

    @classmethod
    def load(cls, dumped: object) -> "Histogram":
        """What ``dump`` gave. Raises ValidationError."""
        loaded = cls()
        if not isinstance(dumped, Sequence) or isinstance(dumped, str):
            raise ValidationError("the counts of a number must be a list of pairs")
        for pair in dumped:
            key, count = numbers_of(pair, 2)
            if key != int(key) or not 0 <= key <= _BINS or count <= 0:
                raise ValidationError(f"{[key, count]} is no place and count of readings")
            loaded._counts[int(key)] = count
        loaded.weight = math.fsum(loaded._counts.values())
        return loaded


def numbers_of(dumped: Any, size: int) -> list[float]:
    """A list of so many finite numbers. Raises ValidationError for anything else."""
    if isinstance(dumped, Sequence) and not isinstance(dumped, (str, Mapping)):
        found = [one for one in dumped if isinstance(one, (int, float))]
        if len(found) == len(dumped) == size and all(-1e30 < one < 1e30 for one in found):
            return [float(one) for one in found]
    raise ValidationError(f"expected a list of {size} numbers, got {str(dumped)[:80]}")


def _middle(key: int) -> float:
    return math.expm1((key + 0.5) * _STEP) * _UNIT if key else 0.0


def _quantile(ordered: Sequence[tuple[float, float]], wanted: float) -> float:
    seen = 0.0
    for value, count in ordered:
        seen += count
        if seen >= wanted:
            return value
    return ordered[-1][0]
