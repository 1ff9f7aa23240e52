"""What CloudWatch takes, checked here so that one bad name costs one sample and not a request.

Source: API reference of PutMetricData (MetricDatum, Dimension) and the quotas of CloudWatch.
"""

import math
import re

from wca.errors import ValidationError

__all__ = [
    "MOST_DATUMS",
    "MOST_DIMENSIONS",
    "MOST_VALUES",
    "UNITS",
    "check_dimension",
    "check_metric_name",
    "check_namespace",
    "checked_time",
    "checked_value",
]

#: Data in one request, dimensions of one datum, and different values of one.
MOST_DATUMS, MOST_DIMENSIONS, MOST_VALUES = 1000, 30, 150
#: Characters of the name of a namespace, a metric or a dimension, and of a dimension's value.
_MOST_NAME, _MOST_VALUE = 255, 1024
#: The largest value, on both sides of 0.
_MOST = 2.0**360
#: Seconds that a time may lie back, and ahead.
_OLDEST, _AHEAD = 14 * 86_400.0, 2 * 3600.0
_NAMESPACE = re.compile(r"[0-9A-Za-z.\-_/#: ]+", re.ASCII)
_PRINTABLE = re.compile(r"[\x20-\x7e]+")

#: Units of CloudWatch.
UNITS = (
    "Seconds",
    "Microseconds",
    "Milliseconds",
    *(f"{size}{what}" for what in ("bytes", "bits") for size in ("Kilo", "Mega", "Giga", "Tera")),
    "Bytes",
    "Bits",
    *(
        f"{size}{what}/Second"
        for what in ("bytes", "bits")
        for size in ("Kilo", "Mega", "Giga", "Tera")
    ),
    "Bytes/Second",
    "Bits/Second",
    "Percent",
    "Count",
    "Count/Second",
    "None",
)


def check_namespace(name: str) -> None:
    """Refuse a namespace that CloudWatch refuses, or keeps for AWS. Raises ValidationError."""
    if not _NAMESPACE.fullmatch(name) or len(name) > _MOST_NAME or not name.strip():
        raise ValidationError(
            f"{name[:80]!r} is no namespace: write at most 255 letters, digits, blanks and . - _ / "
            "# :"
        )
    if name.startswith(":"):
        raise ValidationError(f"{name!r} is no namespace: it must not begin with a colon")
    if name.startswith("AWS/"):
        raise ValidationError(f"{name!r}: namespaces with AWS/ are those of AWS: write another one")


def check_metric_name(name: str) -> None:
    """Refuse a name that CloudWatch refuses. Raises ValidationError."""
    _check_text(name, "name of a metric", _MOST_NAME)
    if name.startswith(":"):
        raise ValidationError("the name of a metric must not begin with a colon")


def check_dimension(name: str, value: str) -> None:
    """Refuse a dimension that CloudWatch refuses. Raises ValidationError."""
    _check_text(name, "name of a dimension", _MOST_NAME)
    if name.startswith(":"):
        raise ValidationError(f"the name of the dimension {name} must not begin with a colon")
    _check_text(value, f"value of the dimension {name}", _MOST_VALUE)


def checked_value(value: object) -> float:
    """A value as CloudWatch takes it. Raises ValidationError."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValidationError(f"the value is {type(value).__name__}, expected int or float")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not abs(number) <= _MOST:  # NaN, too
        raise ValidationError("the value is not finite, or beyond 2 to the power of 360")
    return number


def checked_time(time: object, now: float) -> float:
    """A time as CloudWatch takes it. Raises ValidationError.

    Args:
        time: Unix time in seconds.
        now: likewise.
    """
    if isinstance(time, bool) or not isinstance(time, (int, float)):
        raise ValidationError(f"the time is {type(time).__name__}, expected int or float")
    if not now - _OLDEST <= time <= now + _AHEAD:  # NaN, too
        raise ValidationError("the time is more than two weeks old, or two hours in the future")
    return float(time)


def _check_text(text: object, what: str, most: int) -> None:
    if not isinstance(text, str):
        raise ValidationError(f"the {what} is {type(text).__name__}, expected text")
    if not _PRINTABLE.fullmatch(text) or not text.strip():
        raise ValidationError(f"the {what} is not printable ASCII text, or blank")
    if len(text) > most:
        raise ValidationError(f"the {what} has more than {most} characters")
