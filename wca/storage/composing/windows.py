"""One window of an aggregation: what its samples have come to so far, within bounds."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wca.errors import ValidationError
from wca.metrics import Batch, Metric, Series
from wca.storage.composing.results import Plan
from wca.storage.composing.statistics import Summary
from wca.storage.encoding import Rejected

__all__ = ["Added", "Window"]

#: Seconds for which the last value of a counter that is missing is remembered.
_MEMORY = 3600.0

_Key = tuple[Any, ...]
#: Labels as a set by the identity of their mapping, which many series share.
_Sets = dict[int, frozenset[Any]]


@dataclass(frozen=True, slots=True)
class Added:
    """What became of the samples of one batch.

    Args:
        merged: samples of series that the window had already.
        rejected: samples that are not in the window, and why.
    """

    merged: int
    rejected: list[Rejected]


@dataclass(frozen=True, slots=True)
class _Block:
    """Where the values of a block go.

    Args:
        block: the block; held, so that its ``id`` stays its own.
        summaries: one for each series.
        refused: position and reason of each series that has no summary; its values go nowhere.
        counters: position and summary of those that must not fall.
    """

    block: Sequence[Metric | Series]
    summaries: list[Summary]
    refused: list[tuple[int, str]]
    counters: list[tuple[int, Summary]]


class Window:
    """Summaries by series. Used by one thread at a time.

    Args:
        plan: says what is made of a series.
        most_series: series at most; samples of others are rejected.
        most_values: values kept for medians and percentiles at most, of all series together,
            8 bytes each; beyond that every second one of each series is given up. One of each
            series stays whatever this says.
    """

    def __init__(
        self,
        plan: Callable[[Metric | Series], Plan],
        most_series: int,
        most_values: int,
    ) -> None:
        self._plan = plan
        #: The plans of the window before, of which this one takes over those that it needs: their
        #: series stay the same objects.
        self._known: Mapping[_Key, Plan] = {}
        #: What counters had last before this window, and when that was.
        self._before: Mapping[_Key, tuple[float, float]] = {}
        self._most_series = most_series
        self._most_values = most_values
        self._kept = 0  # an upper bound of how many values are kept
        self._keeping: list[Summary] = []
        self._nowhere = Summary(keep_values=False)
        self._summaries: dict[_Key, Summary] = {}
        self._empty: list[Summary] = []
        self._blocks: dict[int, _Block] = {}
        self._plans: dict[_Key, Plan] = {}  # what is made of each series

    def following(self, time: float) -> "Window":
        """The window after this one, which begins empty.

        Args:
            time: Unix time in seconds of the last batch of this one.
        """
        window = Window(self._plan, self._most_series, self._most_values)
        window._known = self._plans
        window._before = {
            **{key: last for key, last in self._before.items() if abs(time - last[1]) < _MEMORY},
            **{
                key: (summary.last, time)
                for key, summary in self._summaries.items()
                if summary.grows and summary.count
            },
        }
        return window

    def add(self, metrics: Sequence[Metric], *, anew: bool = False) -> Added | None:
        """Take a batch.

        Args:
            metrics: the batch.
            anew: take it although a counter begins anew with it.

        Returns:
            What became of its samples. None: nothing was taken, because a counter begins anew: what
            it had counted before would be in no result.
        """
        if isinstance(metrics, Batch):
            values = metrics.values
            blocks = self._known_blocks(metrics.blocks)
        else:
            values = [metric.value for metric in metrics]
            blocks = [self._work_out(metrics)]
        plain = _all_finite(values)
        if not anew and _falls(blocks, values, plain=plain):
            return None
        rejected: list[Rejected] = []
        start = 0
        for block in blocks:
            stop = start + len(block.summaries)
            if plain:
                for summary, value in zip(block.summaries, values[start:stop], strict=True):
                    summary.add(value)
                refused = block.refused
            else:
                refused = _add_checked(block, values[start:stop])
            rejected += [Rejected(metrics[start + place], why) for place, why in refused]
            start = stop
        self._bound(len(metrics))
        return Added(len(metrics) - len(rejected) - self._filled(), rejected)

    def results(self) -> tuple[list[Series], list[float]]:
        """The series of all results and their values; series without values are left out."""
        series: list[Series] = []
        values: list[float] = []
        for key, summary in self._summaries.items():
            if not summary.count:
                continue
            for result in self._plans[key].results:
                numbers = result.statistic.of(summary)
                series += [result.series] * len(numbers)
                values += numbers
        return series, values

    def _known_blocks(self, blocks: Sequence[tuple[Series, ...]]) -> list[_Block]:
        known, self._blocks = self._blocks, {}  # what is not asked for again is forgotten
        for block in blocks:
            key = id(block)
            self._blocks[key] = known.get(key) or self._work_out(block)
        return [self._blocks[id(block)] for block in blocks]

    def _work_out(self, rows: Sequence[Metric | Series]) -> _Block:
        summaries: list[Summary] = []
        refused: list[tuple[int, str]] = []
        sets: _Sets = {}
        for place, row in enumerate(rows):
            try:
                summaries.append(self._summary_of(row, sets))
            except ValidationError as error:
                summaries.append(self._nowhere)
                refused.append((place, str(error)))
        counters = [(place, one) for place, one in enumerate(summaries) if one.grows]
        return _Block(rows, summaries, refused, counters)

    def _summary_of(self, one: Metric | Series, sets: _Sets) -> Summary:
        """The summary of a series, which may be new. Raises ValidationError."""
        key = _key(one, sets)
        summary = self._summaries.get(key)
        if summary is not None:
            return summary
        if len(self._summaries) >= self._most_series:
            raise ValidationError(f"the window has {self._most_series} series already")
        plan = self._plans[key] = self._known.get(key) or self._plan(one)
        summary = self._summaries[key] = plan.new_summary()
        if summary.grows and key in self._before:
            summary.last = self._before[key][0]
        self._empty.append(summary)
        if summary.values is not None:
            self._keeping.append(summary)
        return summary

    def _filled(self) -> int:
        """How many summaries have got their first value."""
        before = len(self._empty)
        self._empty = [summary for summary in self._empty if not summary.count]
        return before - len(self._empty)

    def _bound(self, samples: int) -> None:
        """Thin the kept values out where they have become too many."""
        if not self._keeping:
            return
        self._kept += samples
        while self._kept > self._most_values:
            self._kept = sum(len(one.values or ()) for one in self._keeping)
            if self._kept <= max(self._most_values, len(self._keeping)):
                return
            for summary in self._keeping:
                summary.thin()


def _falls(blocks: Sequence[_Block], values: Sequence[Any], *, plain: bool) -> bool:
    """Whether a counter is less than it was."""
    start = 0
    for block in blocks:
        for place, summary in block.counters:
            value = values[start + place]
            if (plain or _is_number(value)) and value < summary.last:
                return True
        start += len(block.summaries)
    return False


def _add_checked(block: _Block, values: Sequence[Any]) -> list[tuple[int, str]]:
    """Add the values that are numbers; position and reason of each sample that is left out."""
    refused = dict(block.refused)
    for place, (summary, value) in enumerate(zip(block.summaries, values, strict=True)):
        if place in refused:
            continue
        if not isinstance(value, (int, float)):
            refused[place] = f"the value is {type(value).__name__}, expected int or float"
        elif not _is_finite(value):
            refused[place] = "the value is not finite, which no statistic can be made of"
        else:
            summary.add(value)
    return list(refused.items())


def _all_finite(values: Sequence[Any]) -> bool:
    """Whether all values are plain numbers, none infinite, NaN or beyond a 64-bit float.

    A sum of finite values that is not finite costs the slower way, nothing else.
    """
    if not set(map(type, values)) <= {int, float}:
        return False
    try:
        return math.isfinite(sum(values, 0.0))  # infinities and NaN never leave a sum of floats
    except OverflowError:
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and _is_finite(value)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an int that no float can hold
        return False


def _key(one: Metric | Series, sets: _Sets) -> _Key:
    """What a series is known by. Raises ValidationError."""
    try:
        labels = sets.get(id(one.labels))
        if labels is None:
            labels = sets[id(one.labels)] = frozenset(one.labels.items())
        key = (one.name, labels)
        hash(key)
    except (TypeError, AttributeError):
        raise ValidationError("the name or the labels are not text by text") from None
    return key
