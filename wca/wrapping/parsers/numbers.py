"""Numbers in text."""

from math import isfinite

from wca.metrics import Metric, MetricType

__all__ = ["NUMBER", "gauge", "gauges", "to_number"]

#: A regular expression for a number; there is one way to match it, however many digits it has.
NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"


def to_number(text: str) -> float | None:
    """The finite number that a text is, thousands separated by commas or not; None for others."""
    try:
        number = float(text.replace(",", ""))
    except ValueError:
        return None
    return number if isfinite(number) else None


def gauge(name: str, text: str) -> list[Metric]:
    """A gauge of the number that a text is; nothing where it is none."""
    number = to_number(text)
    return [] if number is None else [Metric(name, number, type=MetricType.GAUGE)]


def gauges(names: dict[str, str]) -> list[Metric]:
    """A gauge for each name whose text is a number."""
    return [metric for name, text in names.items() for metric in gauge(name, text)]
