"""Which numbers an aggregation makes of a series, and what they are called."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from wca.errors import ValidationError
from wca.metrics import Metric, MetricType, MetricUnit, Series
from wca.metrics.patterns import compile_pattern
from wca.storage.composing.statistics import LAST, MEAN, Latest, Statistic, Summary, parse_statistic

__all__ = ["Plan", "Result", "Results"]

#: What a result is called, with and without a name of its own: that name or None, and a suffix.
_Named = tuple[str | None, str]
_KEPT: _Named = (None, "")
_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """One number that is made of a series.

    Args:
        series: what it is stored as.
        statistic: what is made of the values.
    """

    series: Series
    statistic: Statistic


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """All numbers that are made of a series.

    Args:
        results: in their order.
    """

    results: tuple[Result, ...]

    def new_summary(self) -> Summary:
        """What keeps of the values what the results need."""
        statistics = [result.statistic for result in self.results]
        grows = any(
            result.statistic is LAST and result.series.type == MetricType.COUNTER
            for result in self.results
        )
        if all(statistic is LAST for statistic in statistics):
            return Latest(grows=grows)
        keep_values = any(statistic.needs_values for statistic in statistics)
        return Summary(keep_values=keep_values, grows=grows)


@dataclasses.dataclass(frozen=True, slots=True)
class _Rule:
    """What one line of the configuration says.

    Args:
        pattern: matches a whole name.
        asked: the numbers to make.
    """

    pattern: re.Pattern[str]
    asked: tuple[tuple[_Named, Statistic], ...]


class Results:
    """Plans by the name of the metric.

    Args:
        aggregate: name, or expression that matches a whole name, to one statistic (the metric
            keeps its name), to several (each is a suffix), or to statistics by name of the result.
        window: how long a window is, as text for the help.

    Raises:
        ValidationError: an expression, a statistic or the name of a result is none; or a metric has
            no result, or the same one twice.
    """

    def __init__(
        self, aggregate: Mapping[str, str | Sequence[str] | Mapping[str, str]], window: str
    ) -> None:
        self._window = window
        self._rules = [
            _Rule(compile_pattern(name, "aggregate"), _asked_by(name, asked))
            for name, asked in aggregate.items()
        ]

    def plan(self, one: Metric | Series) -> Plan:
        """What is made of a series: by the first rule that matches its name, else the default."""
        series = one if isinstance(one, Series) else _series_of(one)
        results = tuple(
            Result(self._series(series, name, statistic), statistic)
            for name, statistic in self._asked(series)
        )
        return Plan(results)

    def _asked(self, series: Series) -> tuple[tuple[_Named, Statistic], ...]:
        for rule in self._rules:
            if isinstance(series.name, str) and rule.pattern.fullmatch(series.name):
                return rule.asked
        averaged = series.type == MetricType.GAUGE and series.unit != MetricUnit.TIMESTAMP
        return ((_KEPT, MEAN if averaged else LAST),)

    def _series(self, series: Series, named: _Named, statistic: Statistic) -> Series:
        own, suffix = named
        name = f"{series.name if own is None else own}{suffix}"
        if statistic is LAST:
            return series if named == _KEPT else dataclasses.replace(series, name=name)
        return dataclasses.replace(
            series,
            name=name,
            type=MetricType.GAUGE,
            help=self._help(series.help, statistic),
            unit=MetricUnit.NUMERIC if statistic.name == "count" else series.unit,
        )

    def _help(self, text: Any, statistic: Statistic) -> str | None:
        if not isinstance(text, str):
            return None
        return f"{text} ({statistic.name} over {self._window})"


def _asked_by(
    metric: str, asked: str | Sequence[str] | Mapping[str, str]
) -> tuple[tuple[_Named, Statistic], ...]:
    if isinstance(asked, str):
        return ((_KEPT, parse_statistic(asked)),)
    if not asked:
        raise ValidationError(
            f"aggregate.{metric} is empty: write a statistic; what shall not be stored is for a "
            "FilterStorage in front of this one"
        )
    if isinstance(asked, Mapping):
        for name in asked:
            if not _METRIC_NAME.fullmatch(name):
                raise ValidationError(
                    f"aggregate.{metric}: {name!r} is not a metric name: write letters, digits, "
                    "'_' and ':', no digit first"
                )
        return tuple(((name, ""), parse_statistic(one)) for name, one in asked.items())
    if len(set(asked)) < len(asked):
        raise ValidationError(f"aggregate.{metric}: a statistic is listed twice, write it once")
    statistics = [parse_statistic(one) for one in asked]
    return tuple(((None, f"_{one.suffix}"), one) for one in statistics)


def _series_of(metric: Metric) -> Series:
    return Series(
        metric.name, metric.labels, metric.type, metric.help, metric.unit, metric.granularity
    )
