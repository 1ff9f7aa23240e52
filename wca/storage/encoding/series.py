"""The text of one series and one sample, and what Prometheus accepts in them.

Source: the text format 0.0.4 of Prometheus, https://prometheus.io/docs/instrumenting/exposition_formats/
and its data model, https://prometheus.io/docs/concepts/data_model/.
"""

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from wca.errors import ValidationError

__all__ = [
    "LabelText",
    "check_name",
    "clean_text",
    "escape_help",
    "natural_key",
    "timestamp_text",
    "value_text",
    "write_labels",
]

_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")
#: Longer runs of digits are identifiers, not numbers; int() refuses very long ones.
_LONGEST_NUMBER = 20
_INT64 = 2**63


@dataclass(frozen=True, slots=True)
class LabelText:
    """Labels as they stand between a name and a value.

    Args:
        labels: the mapping the text was made from; held, so that its ``id`` stays its own.
        text: ``{key="value",...}``, or nothing where there are no labels.
        identity: equal for two mappings that Prometheus would take for one.
        order: sorts the series of one family.
    """

    labels: Mapping[str, str]
    text: str
    identity: str
    order: tuple[str | int, ...]


def write_labels(labels: Mapping[str, str], only: Collection[str] | None) -> LabelText:
    """Check labels and write them.

    Args:
        labels: label names to values.
        only: the label names to write; None: all.

    Raises:
        ValidationError: Prometheus would refuse a name or a value.
    """
    if not isinstance(labels, Mapping):
        raise ValidationError(f"labels are {_type(labels)}, expected a mapping of text to text")
    kept = {key: value for key, value in labels.items() if only is None or key in only}
    for key, value in kept.items():
        _check_label(key, value)
    pairs = sorted((str.__str__(key), clean_text(value)) for key, value in kept.items())
    written = [(value, f'{key}="{_escape_label(value)}"') for key, value in pairs]
    return LabelText(
        labels=labels,
        text=_in_braces([text for _, text in written]),
        # To Prometheus a label with an empty value is the same as no label.
        identity=_in_braces([text for value, text in written if value]),
        order=tuple(part for key, value in pairs for part in (key, *natural_key(value))),
    )


def check_name(name: Any) -> None:
    """Check a metric name.

    Raises:
        ValidationError: Prometheus would refuse it.
    """
    if not isinstance(name, str):
        raise ValidationError(f"the metric name is {_type(name)}, expected text")
    if not _METRIC_NAME.fullmatch(name):
        raise ValidationError(
            f"{name!r} is not a metric name: write letters, digits, '_' and ':', no digit first"
        )


def natural_key(value: str) -> tuple[int, int | str]:
    """Sort key that puts ``9`` before ``10`` and numbers before other text. ASCII digits only."""
    if len(value) <= _LONGEST_NUMBER and value.isascii() and value.isdigit():
        return 0, int(value)
    return 1, value


def value_text(value: Any) -> str:
    """Write a sample's value.

    Raises:
        ValidationError: it is not a number, or greater than a 64-bit float can be.
    """
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int):
        return _int_text(value)
    if not isinstance(value, float):
        raise ValidationError(f"the value is {_type(value)}, expected int or float")
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    # The repr of a subclass may say its type, as numpy's does.
    return float.__repr__(value)


def timestamp_text(seconds: Any) -> str:
    """Write a Unix time in seconds as integer milliseconds.

    Raises:
        ValidationError: it is not a number, or not a time in 64 bits.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise ValidationError(f"the timestamp is {_type(seconds)}, expected Unix time in seconds")
    try:
        milliseconds = round(seconds * 1000)
    except (OverflowError, ValueError):  # infinite, or not a number
        milliseconds = _INT64
    if not -_INT64 <= milliseconds < _INT64:
        raise ValidationError("the timestamp is out of range, expected Unix time in seconds")
    return str(milliseconds)


def escape_help(text: str) -> str:
    """Write a HELP text on one line."""
    return clean_text(text).replace("\\", r"\\").replace("\n", r"\n")


def clean_text(text: str) -> str:
    """The text with what UTF-8 cannot say, a lone surrogate, replaced by U+FFFD."""
    text = str.__str__(text)
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def _int_text(value: int) -> str:
    try:
        float(value)
    except OverflowError:
        raise ValidationError("the value is greater than a 64-bit float can be") from None
    return int.__repr__(value)


def _check_label(key: Any, value: Any) -> None:
    if not isinstance(key, str):
        raise ValidationError(f"a label name is {_type(key)}, expected text")
    if not _LABEL_NAME.fullmatch(key):
        raise ValidationError(
            f"{key!r} is not a label name: write letters, digits and '_', no digit first"
        )
    if key.startswith("__"):
        raise ValidationError(
            f"the label name {key!r} is reserved: two leading '_' are Prometheus'"
        )
    if not isinstance(value, str):
        raise ValidationError(f"the value of label {key!r} is {_type(value)}, expected text")


def _escape_label(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _in_braces(pairs: list[str]) -> str:
    return f"{{{','.join(pairs)}}}" if pairs else ""


def _type(value: Any) -> str:
    return type(value).__name__
