"""Data as lines of CloudWatch's embedded metric format.

Source: "Specification: Embedded metric format" of the CloudWatch user guide.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import Any

from wca.storage.cloudwatch_client.datum import Datum

__all__ = ["MOST_METRICS", "is_free", "lines_of"]

#: Metrics in one line, and values of one of them.
MOST_METRICS = 100
_MOST_VALUES = 100
#: The member of a line that says what the others are.
_HEAD = "_aws"


def lines_of(
    namespace: str, datums: Sequence[Datum], resolution: int, most_bytes: int | None = None
) -> Iterator[bytes]:
    """One line for the data of one time and one set of dimensions, of at most 100 metrics.

    A metric whose samples are several has a list of values, of at most 100 in one line.

    Args:
        namespace: where they go.
        datums: without statistic sets, and with names that ``is_free``.
        resolution: in seconds.
        most_bytes: of a line of several metrics; None: any.
    """
    cut = [piece for one in datums for piece in _pieces(one)]
    ordered = sorted(cut, key=lambda one: (one.time, one.dimensions))
    for (time, dimensions), group in groupby(ordered, key=lambda one: (one.time, one.dimensions)):
        for some in _lines(group):
            make = partial(_line, namespace, time, dict(dimensions), resolution=resolution)
            yield from _cut(make, some, most_bytes)


def is_free(datum: Datum) -> bool:
    """Whether the name is that of nothing else in the line."""
    return datum.name != _HEAD and datum.name not in dict(datum.dimensions)


def _pieces(datum: Datum) -> Iterator[Datum]:
    """A datum, or several with at most as many values as a line takes."""
    for start in range(0, len(datum.values), _MOST_VALUES):
        yield replace(datum, values=datum.values[start : start + _MOST_VALUES])


def _lines(datums: Iterable[Datum]) -> Iterator[list[Datum]]:
    """Those that fit in one line: a name once, at most 100."""
    some: dict[str, Datum] = {}
    for one in datums:
        if len(some) == MOST_METRICS or one.name in some:
            yield list(some.values())
            some = {}
        some[one.name] = one
    if some:
        yield list(some.values())


def _cut(
    make: Callable[[Sequence[Datum]], bytes], datums: Sequence[Datum], most_bytes: int | None
) -> Iterator[bytes]:
    """A line, or several where one would be too long."""
    line = make(datums)
    if most_bytes is None or len(line) <= most_bytes or len(datums) == 1:
        yield line
        return
    middle = len(datums) // 2
    yield from _cut(make, datums[:middle], most_bytes)
    yield from _cut(make, datums[middle:], most_bytes)


def _line(
    namespace: str,
    time: float,
    dimensions: dict[str, str],
    datums: Sequence[Datum],
    resolution: int,
) -> bytes:
    definitions = [_definition(one, resolution) for one in datums]
    line: dict[str, Any] = {
        _HEAD: {
            "Timestamp": round(time * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": namespace,
                    "Dimensions": [list(dimensions)],
                    "Metrics": definitions,
                }
            ],
        },
        **dimensions,
    }
    for one in datums:
        line[one.name] = one.values[0] if len(one.values) == 1 else one.values
    return json.dumps(line, allow_nan=False).encode() + b"\n"


def _definition(datum: Datum, resolution: int) -> dict[str, Any]:
    definition: dict[str, Any] = {"Name": datum.name, "Unit": datum.unit}
    if resolution == 1:
        definition["StorageResolution"] = 1
    return definition
