"""Numbers as text of few characters. Pure functions; what is not known is ``-``."""

import math
from collections.abc import Callable, Sequence

__all__ = ["NOT_MEASURED", "WIDEST", "Figure", "amount", "count", "percent", "precise", "ratio"]

NOT_MEASURED = "-"
#: Characters of the longest text of a number that is not negative.
WIDEST = 5

Figure = Callable[[float | None], str]

_BINARY = ("", "K", "M", "G", "T", "P", "E")
_DECIMAL = ("", "k", "M", "G", "T", "P", "E")
#: From here on a number would be rounded to one digit more.
_TWO_DIGITS, _FOUR_DIGITS = 9.95, 999.5
_HUNDRED_PERCENT = 99.95
_MOST_PERCENT = 99_999.5


def percent(share: float | None) -> str:
    """A share of 1 in percent: ``3.4``, ``100``, ``1600``."""
    if share is None or not math.isfinite(share):
        return NOT_MEASURED
    value = 100 * share
    if abs(value) >= _MOST_PERCENT:
        return count(value)
    return f"{value:.1f}" if abs(value) < _HUNDRED_PERCENT else f"{value:.0f}"


def amount(value: float | None) -> str:
    """Bytes: ``512``, ``1.5K``, ``23M``, with units of 1024."""
    return _scaled(value, 1024, _BINARY)


def count(value: float | None) -> str:
    """How many: ``7``, ``1.5k``, ``23M``, with units of 1000."""
    return _scaled(value, 1000, _DECIMAL)


def ratio(value: float | None) -> str:
    """Something of the size of one: ``0.87``, ``12.5``."""
    if value is None or not math.isfinite(value):
        return NOT_MEASURED
    if abs(value) >= _FOUR_DIGITS:
        return count(value)
    return f"{value:.2f}" if abs(value) < _TWO_DIGITS else f"{value:.1f}"


def precise(value: float) -> str:
    """A number with all its digits, at most six of them after the point."""
    if not math.isfinite(value):
        return NOT_MEASURED
    whole = value == int(value)
    return str(int(value)) if whole else f"{value:.6f}".rstrip("0").rstrip(".")


def _scaled(value: float | None, base: int, units: Sequence[str]) -> str:
    if value is None or not math.isfinite(value):
        return NOT_MEASURED
    for unit in units:
        if abs(value) < _FOUR_DIGITS:
            return f"{_digits(value, whole=not unit)}{unit}"
        value /= base
    return f"{value * base:.0e}".replace("e+", "e") + units[-1] if abs(value) < base else "huge"


def _digits(value: float, *, whole: bool) -> str:
    """At most three of them; of what is counted in ones a fraction is shown where there is one."""
    fraction = abs(value) < _TWO_DIGITS and not (whole and value == int(value))
    return f"{value:.1f}" if fraction else f"{value:.0f}"
