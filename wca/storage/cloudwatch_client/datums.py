"""Samples as data of PutMetricData."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wca.errors import ValidationError
from wca.metrics import Metric, MetricType, MetricUnit
from wca.storage.cloudwatch_client.datum import Datum, Dimensions, MergedInto, within_limits
from wca.storage.cloudwatch_client.limits import (
    MOST_DIMENSIONS,
    check_dimension,
    check_metric_name,
    checked_time,
    checked_value,
)
from wca.storage.encoding import Rejected

__all__ = ["Datums", "Naming"]

#: Units of the catalogue; what is not here has no unit there.
_UNITS: dict[str | None, str] = {
    MetricUnit.BYTES: "Bytes",
    MetricUnit.BYTES_PER_SECOND: "Bytes/Second",
    MetricUnit.SECONDS: "Seconds",
}
#: Ends of the names of the four metrics that make a statistic set.
_SET = {"_count": "SampleCount", "_sum": "Sum", "_min": "Minimum", "_max": "Maximum"}


@dataclass(frozen=True)
class Naming:
    """What metrics are called there.

    Args:
        names: other names, by name of the metric.
        units: units of CloudWatch, by name there.
        factors: what values are multiplied by, by name of the metric.
        dimensions: of every metric.
        labels: labels that become dimensions, and what those are called.
        statistic_sets: names there of which ``NAME_count``, ``_sum``, ``_min`` and ``_max`` are
            sent as one statistic set.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    factors: Mapping[str, float] = field(default_factory=dict)
    dimensions: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    statistic_sets: Sequence[str] = ()


class Datums:
    """Makes data of batch after batch.

    Samples of one batch that are the same metric there, such as those of several tasks none of
    whose labels is a dimension, are one datum, or several where a datum has no room for so many
    values. Of a counter its growth since the batch before is sent; the first reading has none.

    Args:
        naming: what metrics are called there.
        merged_into: what several samples of one metric become.
    """

    def __init__(self, naming: Naming, merged_into: MergedInto = MergedInto.STATISTICS) -> None:
        self._naming = naming
        self._merged_into = merged_into
        self._totals: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}

    def of(self, metrics: Sequence[Metric], now: float) -> tuple[list[Datum], list[Rejected]]:
        """The data of a batch, and what has no place there.

        Args:
            metrics: the batch.
            now: Unix time in seconds, of samples that have none.
        """
        found: dict[tuple[Any, ...], Datum] = {}
        rejected: list[Rejected] = []
        before, self._totals = self._totals, {}
        first_readings = 0
        for metric in metrics:
            try:
                _check_shape(metric)
                value = self._value(metric, before)
                if value is None:
                    first_readings += 1
                else:
                    self._add(found, metric, value, now)
            except ValidationError as error:
                rejected.append(Rejected(metric, str(error)))
        whole: list[Datum] = []
        for datum in found.values():
            try:
                _check_whole(datum)
            except ValidationError as error:
                rejected += [Rejected(metric, str(error)) for metric in datum.metrics]
            else:
                whole.append(datum)
        if whole:  # a first reading is neither lost nor refused: it is in the growth to come
            whole[0].firsts = first_readings
        if self._merged_into is MergedInto.VALUES:
            whole = [piece for one in whole for piece in within_limits(one)]
        return whole, rejected

    def _value(self, metric: Metric, before: Mapping[Any, float]) -> float | None:
        factor = self._naming.factors.get(metric.name, 1.0)
        value = checked_value(checked_value(metric.value) * factor)
        if metric.type != MetricType.COUNTER:
            return value
        try:
            key = (metric.name, frozenset(metric.labels.items()))
        except TypeError:
            raise ValidationError("its labels are not text by text") from None
        self._totals[key] = value
        last = before.get(key)
        if last is None:
            return None
        return value - last if value >= last else value  # one that fell began anew

    def _add(
        self, found: dict[tuple[Any, ...], Datum], metric: Metric, value: float, now: float
    ) -> None:
        name = self._naming.names.get(metric.name, metric.name)
        check_metric_name(name)
        time = now if metric.timestamp is None else checked_time(metric.timestamp, now)
        dimensions = self._dimensions(metric)
        base, part = self._part(name)
        key = (base, dimensions, time, part is None)
        datum = found.get(key)
        if datum is None:
            unit = self._unit(base, metric)
            datum = found[key] = Datum(base, dimensions, time, unit, merged_into=self._merged_into)
        if part is None:
            datum.values.append(value)
        else:
            datum.statistics[part] = value
        datum.metrics.append(metric)

    def _part(self, name: str) -> tuple[str, str | None]:
        """The metric, and which part of its statistic set this is."""
        for end, part in _SET.items():
            base = name.removesuffix(end)
            if base != name and base in self._naming.statistic_sets:
                return base, part
        return name, None

    def _dimensions(self, metric: Metric) -> Dimensions:
        dimensions = dict(self._naming.dimensions)
        for label, name in self._naming.labels.items():
            value = metric.labels.get(label)
            if value:  # CloudWatch has no empty ones
                check_dimension(name, value)
                dimensions[name] = value
        if len(dimensions) > MOST_DIMENSIONS:
            raise ValidationError(f"it has more than {MOST_DIMENSIONS} dimensions")
        return tuple(sorted(dimensions.items()))

    def _unit(self, name: str, metric: Metric) -> str:
        known = self._naming.units.get(name)
        if known is not None:
            return known
        if metric.type == MetricType.COUNTER and metric.unit == MetricUnit.NUMERIC:
            return "Count"
        return _UNITS.get(metric.unit, "None")


def _check_shape(metric: Metric) -> None:
    """Refuse what a plugin has made of other types. Raises ValidationError."""
    if not isinstance(metric.name, str) or not isinstance(metric.labels, Mapping):
        raise ValidationError("its name is no text, or its labels are no mapping")


def _check_whole(datum: Datum) -> None:
    """Refuse what CloudWatch would not take of all samples together. Raises ValidationError."""
    if len(datum.statistics) not in (0, len(_SET)):
        raise ValidationError(f"of the statistic set {datum.name} parts are missing")
    if datum.merged_into is MergedInto.STATISTICS:
        try:
            checked_value(sum(datum.values))
        except ValidationError:
            raise ValidationError(
                f"the sum of the values of {datum.name} is beyond 2 to the power of 360"
            ) from None
