"""From the bytes of one kernel file to measurements: what collectors combine."""

from collections.abc import Callable, Sequence
from functools import cache

from wca.linux.parse import KeyedNumbers, parse_limit, parse_number
from wca.linux.psi import parse_irq_pressure, parse_pressure
from wca.metrics import Measurements

__all__ = [
    "Decoder",
    "Field",
    "irq_pressure",
    "keyed",
    "limit",
    "number",
    "pressure",
    "scaled",
]

#: The measurements of one file; what is not in it is left out. May raise ``Malformed``.
Decoder = Callable[[bytes], Measurements]

#: Start of a line, name of the metric, and how many of the file's units make one of the metric's;
#: None leaves the whole number as it is.
Field = tuple[bytes, str, float | None]


# One decoder for all tasks, where it keeps nothing of a task: what a thousand tasks share stays in
# the processor's caches.
@cache
def number(name: str) -> Decoder:
    """Decoder of a file that holds one number."""
    return lambda data: {name: parse_number(data)}


@cache
def scaled(name: str, divisor: float) -> Decoder:
    """Decoder of a file that holds one number, in another unit than the metric's.

    Args:
        name: the metric.
        divisor: how many of the file's units make one of the metric's.
    """
    return lambda data: {name: parse_number(data) / divisor}


@cache
def limit(name: str) -> Decoder:
    """Decoder of a file that holds a limit; no limit is left out."""

    def decode(data: bytes) -> Measurements:
        value = parse_limit(data)
        return {} if value is None else {name: value}

    return decode


def keyed(fields: Sequence[Field]) -> Decoder:
    """Decoder of a file of lines ``key number``."""
    columns = _columns(tuple(fields))
    parser = KeyedNumbers(key for key, _, _ in fields)

    def decode(data: bytes) -> Measurements:
        values: Measurements = {}
        for (name, divisor), value in zip(columns, parser.parse(data), strict=True):
            if value is not None:
                values[name] = value if divisor is None else value / divisor
        return values

    return decode


@cache
def _columns(fields: tuple[Field, ...]) -> tuple[tuple[str, float | None], ...]:
    """Names and divisors alone, once for all tasks."""
    return tuple((name, divisor) for _, name, divisor in fields)


@cache
def pressure(some: str, full: str) -> Decoder:
    """Decoder of a pressure file; the metrics are in seconds.

    Args:
        some: metric of the time in which at least one thread was stalled.
        full: metric of the time in which all were.
    """

    def decode(data: bytes) -> Measurements:
        some_total, full_total = parse_pressure(data)
        if full_total is None:
            return {some: some_total / 1e6}
        return {some: some_total / 1e6, full: full_total / 1e6}

    return decode


@cache
def irq_pressure(full: str) -> Decoder:
    """Decoder of irq.pressure; the metric is in seconds."""
    return lambda data: {full: parse_irq_pressure(data) / 1e6}
