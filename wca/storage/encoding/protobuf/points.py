"""A batch as series, values and times in milliseconds, checked; what all binary formats share."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wca.errors import ValidationError
from wca.metrics import Metric
from wca.metrics.batch import Batch, Series
from wca.storage.encoding.prometheus import Rejected
from wca.storage.encoding.protobuf.roster import (
    LabelSet,
    Roster,
    Row,
    enrol,
    make_labels,
    make_row,
    milliseconds,
)
from wca.storage.encoding.series import value_text

__all__ = ["PointReader", "Points"]

#: Rosters that are kept: a storage may stand in several places, each with series of its own.
_ROSTERS = 3


@dataclass(frozen=True, slots=True)
class Points:
    """A batch that can be written.

    Args:
        roster: its series, the same object as for the batch before while they are the same.
        values: one int or float for each, none of them too large for a float.
        times: Unix time in milliseconds of all of them, or of each.
        rejected: the samples that are not in it.
    """

    roster: Roster
    values: Sequence[float]
    times: int | Sequence[int]
    rejected: list[Rejected]

    @property
    def latest(self) -> int:
        """The latest time; 0 where there is none."""
        return self.times if isinstance(self.times, int) else max(self.times, default=0)


@dataclass(frozen=True, slots=True)
class _Known:
    """The roster of an earlier batch.

    Args:
        keys: equal for batches with the same series.
        labels: what the keys are about; held.
        roster: of that batch.
    """

    keys: list[Any]
    labels: list[Mapping[str, str]]
    roster: Roster


class PointReader:
    """Reads batch after batch and keeps what they have in common. Used by one thread."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Row] = {}
        self._labels: dict[int, LabelSet] = {}
        self._recent: list[_Known] = []

    def read(self, metrics: Sequence[Metric], now: float) -> Points:
        """Check a batch.

        Args:
            metrics: the batch; the label mappings are held until the next batches.
            now: Unix time in seconds of metrics that have none of their own.
        """
        values = _values(metrics)
        time = _common_time(metrics, now)
        rejected: list[Rejected] = []
        if values is not None and time is not None:
            roster = self._roster_of(metrics)
            times: int | Sequence[int] = time
        else:
            metrics, values, each, rejected = _one_by_one(metrics, now)
            roster = self._roster_of(metrics)
            times = roster.in_order(each)
        rejected += [Rejected(_metric(metrics, index), why) for index, why in roster.refused]
        return Points(roster, roster.in_order(values), times, rejected)

    def _roster_of(self, metrics: Sequence[Metric]) -> Roster:
        """The roster of an earlier batch where that fits, else a new one."""
        keys: list[Any] = metrics.blocks if isinstance(metrics, Batch) else _keys(metrics)
        for known in self._recent:
            if known.keys == keys:
                return known.roster
        held: list[Mapping[str, str]] = []
        if isinstance(metrics, Batch):
            series = metrics.series()
            roster = self._enrol(series, series)
        else:
            # An id is one's own only as long as one lives.
            held = [one.labels for one in metrics]
            roster = self._enrol(_usable(keys), metrics)
        known = _Known(keys.copy(), held, roster)
        self._recent = [known, *self._recent[: _ROSTERS - 1]]
        return roster

    def _enrol(self, keys: Sequence[Hashable], sources: Sequence[Metric | Series]) -> Roster:
        known, self._known = self._known, {}
        labels, self._labels = self._labels, {}
        rows: list[Row | str] = []
        for key, source in zip(keys, sources, strict=True):
            try:
                row = known.get(key) or make_row(source, self._labels_of(source.labels, labels))
            except ValidationError as error:
                rows.append(str(error))
                continue
            self._known[key] = row
            self._labels[id(source.labels)] = row.labels
            rows.append(row)
        return enrol(rows)

    def _labels_of(self, mapping: Mapping[str, str], known: Mapping[int, LabelSet]) -> LabelSet:
        """Labels checked for this batch or the last one; a set holds its mapping, and so its id."""
        key = id(mapping)
        return self._labels.get(key) or known.get(key) or make_labels(mapping)


def _metric(metrics: Sequence[Metric], index: int) -> Metric:
    """One of the metrics, without making all of a batch that is kept in columns."""
    if isinstance(metrics, Batch):
        return metrics.series()[index].at(metrics.values[index], metrics.timestamp)
    return metrics[index]


def _keys(metrics: Sequence[Metric]) -> list[Hashable]:
    """What tells the series of metrics apart, without looking into their labels."""
    return [
        (one.name, id(one.labels), one.type, one.help, one.unit, one.start_time) for one in metrics
    ]


def _usable(keys: Sequence[Hashable]) -> Sequence[Hashable]:
    """The keys, or ones that are never known: what a plugin takes for a name may be anything."""
    try:
        hash(tuple(keys))
    except TypeError:
        return [object() for _ in keys]
    return keys


def _values(metrics: Sequence[Metric]) -> Sequence[float] | None:
    """The values, where every one is an ordinary number; else None."""
    values = metrics.values if isinstance(metrics, Batch) else [one.value for one in metrics]
    if not set(map(type, values)) <= {int, float}:
        return None
    try:
        sum(values, 0.0)  # an int that no float can hold raises
    except OverflowError:
        return None
    return values


def _common_time(metrics: Sequence[Metric], now: float) -> int | None:
    """The one valid time of all metrics in milliseconds, or None."""
    if isinstance(metrics, Batch):
        time: float | None = metrics.timestamp
    else:
        times = [metric.timestamp for metric in metrics]
        time = times[0] if times else None
        if times.count(time) != len(times):
            return None
    try:
        return milliseconds(now if time is None else time)
    except ValidationError:
        return None


def _one_by_one(
    metrics: Sequence[Metric], now: float
) -> tuple[list[Metric], list[float], list[int], list[Rejected]]:
    """Metrics, values and times in milliseconds of what can be written, and the rest."""
    kept: list[Metric] = []
    values: list[float] = []
    times: list[int] = []
    rejected: list[Rejected] = []
    for metric in metrics:
        try:
            value_text(metric.value)
            time = milliseconds(now if metric.timestamp is None else metric.timestamp)
        except ValidationError as error:
            rejected.append(Rejected(metric, str(error)))
            continue
        kept.append(metric)
        # bool and the numbers of libraries are subclasses; those two are what all formats know.
        values.append(int(metric.value) if isinstance(metric.value, int) else float(metric.value))
        times.append(time)
    return kept, values, times, rejected
