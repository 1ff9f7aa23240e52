"""From the bytes of one kernel file to measurements: what collectors combine."""

from collections.abc import Callable, Sequence

from wca.linux.parse import KeyedNumbers, parse_limit, parse_number
from wca.linux.psi import parse_pressure
from wca.metrics import Measurements

__all__ = ["Decoder", "Field", "keyed", "limit", "number", "pressure", "scaled"]

#: The measurements of one file; what is not in it is left out. May raise ``Malformed``.
Decoder = Callable[[bytes], Measurements]

#: Begin of a line, name of the metric, and how many of the file's units make one of the metric's;
#: None leaves the whole number as it is.
Field = tuple[bytes, str, float | None]


def number(name: str) -> Decoder:
    """Decoder of a file that holds one number."""
    return lambda data: {name: parse_number(data)}


def scaled(name: str, divisor: float) -> Decoder:
    """Decoder of a file that holds one number, in another unit than the metric's.

    Args:
        name: the metric.
        divisor: how many of the file's units make one of the metric's.
    """
    return lambda data: {name: parse_number(data) / divisor}


def limit(name: str) -> Decoder:
    """Decoder of a file that holds a limit; no limit is left out."""

    def decode(data: bytes) -> Measurements:
        value = parse_limit(data)
        return {} if value is None else {name: value}

    return decode


def keyed(fields: Sequence[Field]) -> Decoder:
    """Decoder of a file of lines ``key number``."""
    parser = KeyedNumbers([key for key, _, _ in fields])

    def decode(data: bytes) -> Measurements:
        values: Measurements = {}
        for (_, name, divisor), value in zip(fields, parser.parse(data), strict=True):
            if value is not None:
                values[name] = value if divisor is None else value / divisor
        return values

    return decode


def pressure(some: str, full: str) -> Decoder:
    """Decoder of a pressure file; the metrics are in seconds.

    Args:
        some: metric of the time in which at least one thread was stalled.
        full: metric of the time in which all were.
    """

    def decode(data: bytes) -> Measurements:
        some_total, full_total = parse_pressure(data)
        values: Measurements = {}
        if some_total is not None:
            values[some] = some_total / 1e6
        if full_total is not None:
            values[full] = full_total / 1e6
        return values

    return decode
