"""Reads of CloudWatch, answered as AWS does and moto does not.

moto ignores the namespace, matches sets of dimensions in one order only, begins periods at
StartTime, has no pages and no PartialData, and repeats metrics in lists. This keeps what was
written, and takes namespace and dimensions exactly.
"""

from collections import defaultdict
from dataclasses import dataclass, field

#: Points in one answer, and metrics on one page of a list.
MOST_POINTS, MOST_METRICS = 100_800, 500


@dataclass
class CloudWatch:
    """Metrics by region, namespace, name and dimensions.

    Args:
        points_on_page: points in one answer; beyond them a metric has PartialData.
        broken: names of metrics that are answered with InternalError.
    """

    points_on_page: int = MOST_POINTS
    broken: set = field(default_factory=set)
    forbidden: set = field(default_factory=set)

    def __post_init__(self):
        self._data = defaultdict(list)

    def put(self, region, namespace, datum, now):
        """Keep a datum of PutMetricData."""
        dimensions = frozenset((d["Name"], d["Value"]) for d in datum.get("Dimensions", ()))
        key = (region, namespace, datum["MetricName"], dimensions)
        self._data[key].append((float(datum.get("Timestamp", now)), *_statistics(datum)))

    def seed(self, region, namespace, metric, dimensions, points, anew=False):
        """Keep values of a metric, pairs of Unix time and value; ``anew``: in place of all."""
        key = (region, namespace, metric, frozenset(dimensions.items()))
        kept = [] if anew else self._data[key]
        self._data[key] = kept + [(at, value, 1, value, value) for at, value in points]

    def get_metric_data(self, region, arguments):
        """The answer of GetMetricData."""
        left, token = self.points_on_page, arguments.get("NextToken")
        begin = int(token or 0)
        results, position = [], 0
        for query in arguments["MetricDataQueries"]:
            stat = query["MetricStat"]
            name = stat["Metric"]["MetricName"]
            points = (
                []
                if name in self.broken | self.forbidden
                else self._points(region, stat, arguments)
            )
            mine = points[max(0, begin - position) :]
            first_time = token is None or position + len(points) > begin or not points
            position += len(points)
            given, left = mine[:left], left - min(left, len(mine))
            code = "Complete" if len(given) == len(mine) else "PartialData"
            code = "InternalError" if name in self.broken else code
            code = "Forbidden" if name in self.forbidden else code
            if first_time:
                results.append(_result(query["Id"], given, code))
        answer = {"MetricDataResults": results, "Messages": []}
        if position > begin + self.points_on_page:
            answer["NextToken"] = str(begin + self.points_on_page)
        return answer

    def list_metrics(self, region, arguments):
        """The answer of ListMetrics."""
        wanted = arguments.get("Dimensions", ())
        found = [
            {
                "Namespace": namespace,
                "MetricName": name,
                "Dimensions": [{"Name": n, "Value": v} for n, v in sorted(dimensions)],
            }
            for (where, namespace, name, dimensions) in self._data
            if where == region
            and arguments.get("Namespace", namespace) == namespace
            and arguments.get("MetricName", name) == name
            and all(_has(dimensions, one) for one in wanted)
        ]
        begin = int(arguments.get("NextToken") or 0)
        answer = {"Metrics": found[begin : begin + MOST_METRICS]}
        if len(found) > begin + MOST_METRICS:
            answer["NextToken"] = str(begin + MOST_METRICS)
        return answer

    def _points(self, region, stat, arguments):
        """Values of whole periods, the newest first."""
        metric, period = stat["Metric"], stat["Period"]
        dimensions = frozenset((d["Name"], d["Value"]) for d in metric.get("Dimensions", ()))
        key = (region, metric["Namespace"], metric["MetricName"], dimensions)
        periods = defaultdict(list)
        for at, *statistics in self._data.get(key, ()):
            begin = at // period * period
            if arguments["StartTime"] <= begin < arguments["EndTime"]:
                periods[begin].append(statistics)
        return sorted(
            ((at, _value(stat["Stat"], parts)) for at, parts in periods.items()), reverse=True
        )


def _statistics(datum):
    """Sum, number, least and greatest of a datum."""
    if "StatisticValues" in datum:
        kept = datum["StatisticValues"]
        return kept["Sum"], kept["SampleCount"], kept["Minimum"], kept["Maximum"]
    values = datum.get("Values") or [datum["Value"]]
    counts = datum.get("Counts") or [1] * len(values)
    total = sum(value * count for value, count in zip(values, counts, strict=True))
    return total, sum(counts), min(values), max(values)


def _value(statistic, parts):
    sums, counts, least, greatest = zip(*parts, strict=True)
    return {
        "Average": sum(sums) / sum(counts),
        "Sum": sum(sums),
        "SampleCount": sum(counts),
        "Minimum": min(least),
        "Maximum": max(greatest),
    }[statistic]


def _result(id_, points, code):
    times, values = [at for at, _ in points], [value for _, value in points]
    return {"Id": id_, "Label": id_, "Timestamps": times, "Values": values, "StatusCode": code}


def _has(dimensions, wanted):
    return any(
        name == wanted["Name"] and wanted.get("Value", value) == value for name, value in dimensions
    )
