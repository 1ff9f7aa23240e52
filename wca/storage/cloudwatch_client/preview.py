"""In place of CloudWatch: what would be sent, printed."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from wca.storage.delivery.parcel import Outcome, Parcel

__all__ = ["Preview", "line_of", "subject_of"]

#: Names that are told of a request.
_MOST_NAMES = 5


class Preview:
    """A target that prints, and connects to nothing.

    Args:
        write: takes each line.
    """

    window = 1

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write

    def start(self) -> None:
        """Nothing to do."""

    def open(self, timeout: float) -> None:
        """Nothing to do."""

    def send(self, parcels: Sequence[Parcel], timeout: float) -> Sequence[Outcome]:
        """Print one line for each datum."""
        del timeout
        for parcel in parcels:
            request = json.loads(parcel.body)
            for datum in request["MetricData"]:
                self._write(f"{request['Namespace']} {line_of(datum)}")
        return [None] * len(parcels)

    def close(self, timeout: float) -> None:
        """Nothing to do."""


def line_of(datum: dict[str, object]) -> str:
    """A datum for a person: ``12:00:00 CPUUtilization{ServiceName=web} 35.2 Percent``."""
    pairs: object = datum["Dimensions"]
    dimensions = (
        ", ".join(f"{one['Name']}={one['Value']}" for one in pairs)
        if isinstance(pairs, list)
        else ""
    )
    several = {kind: datum[kind] for kind in ("Values", "Counts") if kind in datum}
    value = datum.get("Value", datum.get("StatisticValues", several))
    shown = f"{value:.6g}" if isinstance(value, float) else json.dumps(value)
    time = _time(datum["Timestamp"])
    return f"{time} {datum['MetricName']}{{{dimensions}}} {shown} {datum['Unit']}"


def subject_of(body: bytes) -> str:
    """What a request is about: ``CPUUtilization, MemoryUtilization of 2026-11-30T12:00:00Z``."""
    data = json.loads(body)["MetricData"]
    names = sorted({datum["MetricName"] for datum in data})
    times = sorted({datum["Timestamp"] for datum in data})
    told = ", ".join(names[:_MOST_NAMES])
    if len(names) > _MOST_NAMES:
        told += f" and {len(names) - _MOST_NAMES} others"
    return f"{told} of {' to '.join(_time(one) for one in dict.fromkeys((times[0], times[-1])))}"


def _time(seconds: object) -> str:
    return f"{datetime.fromtimestamp(float(str(seconds)), UTC):%Y-%m-%dT%H:%M:%SZ}"
