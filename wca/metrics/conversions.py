"""What becomes of a value under another name: the same amount in other words."""

from collections.abc import Callable
from functools import cache
from typing import Any

__all__ = ["Conversion", "divided", "in_whole_units", "moment"]

#: From a value, and the Unix time of its sample where it is known, to the value under another name.
#: What is no number stays as it is, for the encoder to refuse.
Conversion = Callable[[Any, float | None], Any]


@cache
def divided(divisor: float) -> Conversion:
    """A value in a larger unit.

    Args:
        divisor: how many of the old units make one of the new.
    """

    def convert(value: Any, _timestamp: float | None) -> Any:
        try:
            return value / divisor
        except (TypeError, OverflowError):
            return value

    return convert


@cache
def in_whole_units(parts: float) -> Conversion:
    """A value as a whole number of smaller units.

    Args:
        parts: how many of the new units make one of the old.
    """

    def convert(value: Any, _timestamp: float | None) -> Any:
        try:
            return round(value * parts)
        except (TypeError, ValueError, OverflowError):
            return value

    return convert


def moment(value: Any, timestamp: float | None) -> Any:
    """Instead of an age the Unix time, to the millisecond, at which something happened."""
    if timestamp is None:
        return value
    try:
        return round(timestamp - value, 3)
    except (TypeError, OverflowError):
        return value
