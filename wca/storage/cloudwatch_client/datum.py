"""One datum of PutMetricData."""

import enum
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from wca.metrics import Metric
from wca.storage.cloudwatch_client.limits import MOST_VALUES

__all__ = ["Datum", "Dimensions", "MergedInto", "within_limits"]

Dimensions = tuple[tuple[str, str], ...]


class MergedInto(enum.StrEnum):
    """What several samples of one metric and one time become.

    ``statistics``: a statistic set; ``values``: their values, and how often each came, of which
    CloudWatch can tell percentiles.
    """

    STATISTICS = "statistics"
    VALUES = "values"


@dataclass
class Datum:
    """One datum.

    Args:
        name: of the metric.
        dimensions: ordered by name.
        time: Unix time in seconds.
        unit: of CloudWatch.
        values: of the samples that are in it.
        statistics: parts of a statistic set by their names there; empty: there is none.
        metrics: the samples that are in it.
        firsts: first readings of counters that are counted with it.
        merged_into: what its values are sent as where they are several.
    """

    name: str
    dimensions: Dimensions
    time: float
    unit: str
    values: list[float] = field(default_factory=list)
    statistics: dict[str, float] = field(default_factory=dict)
    metrics: list[Metric] = field(default_factory=list)
    firsts: int = 0
    merged_into: MergedInto = MergedInto.STATISTICS

    @property
    def samples(self) -> int:
        """How many samples are in it."""
        return len(self.metrics) + self.firsts

    def as_json(self, resolution: int) -> dict[str, Any]:
        """As PutMetricData has it, the time as a number."""
        data: dict[str, Any] = {
            "MetricName": self.name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in self.dimensions],
            "Timestamp": self.time,
            "Unit": self.unit,
            "StorageResolution": resolution,
        }
        if self.statistics:
            data["StatisticValues"] = self.statistics
        elif len(self.values) == 1:
            data["Value"] = self.values[0]
        elif self.merged_into is MergedInto.VALUES:
            counts = Counter(self.values)
            data["Values"] = list(counts)
            data["Counts"] = [float(count) for count in counts.values()]
        else:
            data["StatisticValues"] = {
                "SampleCount": float(len(self.values)),
                "Sum": sum(self.values),
                "Minimum": min(self.values),
                "Maximum": max(self.values),
            }
        return data


def within_limits(datum: Datum) -> Iterator[Datum]:
    """A datum, or several of at most 150 different values each, with the samples that are in it."""
    if len(datum.values) <= MOST_VALUES:
        yield datum
        return
    order = sorted(range(len(datum.values)), key=datum.values.__getitem__)
    places: list[int] = []
    firsts, different = datum.firsts, 0
    for number, place in enumerate(order):
        if number == 0 or datum.values[place] != datum.values[order[number - 1]]:
            different += 1
        if different > MOST_VALUES:
            yield _piece(datum, places, firsts)
            places, firsts, different = [], 0, 1
        places.append(place)
    yield _piece(datum, places, firsts)


def _piece(datum: Datum, places: Sequence[int], firsts: int) -> Datum:
    return replace(
        datum,
        values=[datum.values[place] for place in places],
        metrics=[datum.metrics[place] for place in places],
        firsts=firsts,
    )
