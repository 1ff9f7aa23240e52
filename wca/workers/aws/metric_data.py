"""Points of metrics, five hundred metrics at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from wca.workers.aws.apis import GET_METRIC_DATA
from wca.workers.aws.calls import Calls
from wca.workers.aws.errors import AwsError, Kind, place
from wca.workers.aws.windows import Window
from wca.workers.model import MetricQuery, Shard

__all__ = ["Dimensions", "Series", "Wanted", "read_points"]

#: Names and values, ordered by name.
Dimensions = tuple[tuple[str, str], ...]

_FORBIDDEN = "Forbidden"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One metric of one instance.

    Args:
        instance_id: of which.
        dimensions: all that the metric has there: CloudWatch matches exact sets only.
        part: what of the instance it is about, such as a disk; empty: all of it.
    """

    instance_id: str
    dimensions: Dimensions
    part: str = ""


@dataclass(slots=True)
class Series:
    """What CloudWatch answered about one metric.

    Args:
        points: begin of the period and value, in no order.
        code: Complete, PartialData, InternalError or Forbidden; empty: there is no answer.
    """

    points: list[tuple[float, float]] = field(default_factory=list)
    code: str = ""

    @property
    def known(self) -> bool:
        """Whether what it has can be judged; if not, the lack of points says nothing."""
        return bool(self.points) or self.code == "Complete"


def read_points(
    calls: Calls, shard: Shard, query: MetricQuery, wanted: Sequence[Wanted], window: Window
) -> list[Series]:
    """The points of at most 500 metrics, in the order of ``wanted``.

    An answer in pages is read to its end: of a metric with PartialData the rest is on a later
    page, and one with InternalError is tried again there.

    Raises:
        AwsError: CloudWatch does not answer.
    """
    series = [Series() for _ in wanted]
    calls.counters.metrics(len(wanted))
    for page in calls.pages(
        shard,
        GET_METRIC_DATA,
        MetricDataQueries=_queries(query, wanted),
        StartTime=datetime.fromtimestamp(window.start, UTC),
        EndTime=datetime.fromtimestamp(window.end, UTC),
        ScanBy="TimestampDescending",
    ):
        for result in page.get("MetricDataResults", ()):
            _take(result, series)
    if any(one.code == _FORBIDDEN for one in series):
        raise AwsError(
            f"{place(shard, GET_METRIC_DATA)}: CloudWatch forbids {query.metric} of "
            f"{query.namespace}; allow cloudwatch:GetMetricData",
            Kind.DENIED,
            _FORBIDDEN,
        )
    return series


def _queries(query: MetricQuery, wanted: Sequence[Wanted]) -> list[dict[str, Any]]:
    return [
        {
            "Id": f"q{index}",
            "MetricStat": {
                "Metric": {
                    "Namespace": query.namespace,
                    "MetricName": query.metric,
                    "Dimensions": [
                        {"Name": name, "Value": value} for name, value in one.dimensions
                    ],
                },
                "Period": query.period,
                "Stat": query.stat,
            },
        }
        for index, one in enumerate(wanted)
    ]


def _take(result: Mapping[str, Any], series: Sequence[Series]) -> None:
    one = series[int(result["Id"][1:])]
    one.code = result.get("StatusCode", one.code)
    times = (time.timestamp() for time in result.get("Timestamps", ()))
    one.points += zip(times, result.get("Values", ()), strict=False)
