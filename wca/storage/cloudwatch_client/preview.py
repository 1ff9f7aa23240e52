"""In place of CloudWatch: what would be sent, printed."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from wca.storage.delivery.parcel import Outcome, Parcel

__all__ = ["Preview"]


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
    time = datetime.fromtimestamp(float(str(datum["Timestamp"])), UTC)
    pairs: object = datum["Dimensions"]
    dimensions = (
        ", ".join(f"{one['Name']}={one['Value']}" for one in pairs)
        if isinstance(pairs, list)
        else ""
    )
    value = datum.get("Value", datum.get("StatisticValues"))
    shown = f"{value:.6g}" if isinstance(value, float) else json.dumps(value)
    return (
        f"{time:%Y-%m-%dT%H:%M:%SZ} {datum['MetricName']}{{{dimensions}}} {shown} {datum['Unit']}"
    )
