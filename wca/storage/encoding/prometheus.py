"""A batch of metrics as Prometheus text, version 0.0.4.

Families are contiguous and sorted by name, HELP and TYPE stand once before the first sample, the
series of a family are sorted by their labels with numbers in their natural order. A series that
Prometheus would refuse is left out and reported; it never costs the others.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from wca.errors import ValidationError
from wca.metrics import Metric
from wca.storage.encoding.layout import Layout, arrange, columns_of
from wca.storage.encoding.series import LabelText, timestamp_text, value_text, write_labels

__all__ = ["Encoded", "Encoder", "Rejected"]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A sample that is not in the text, and why, in a sentence without values of labels."""

    metric: Metric
    reason: str


@dataclass(frozen=True, slots=True)
class Encoded:
    """A batch as text, empty or ending in a newline, and what had to be left out."""

    text: str
    rejected: list[Rejected]


@dataclass(slots=True)
class _Samples:
    """The samples whose value and time can be written: the batch's own, or those that remain.

    Args:
        metrics: the samples.
        values: their values as text.
        endings: what follows each value, or one text that follows all of them.
        rejected: the samples that are left out.
    """

    metrics: Sequence[Metric]
    values: list[str]
    endings: list[str] | str
    rejected: list[Rejected]


class Encoder:
    """Encodes batch after batch and keeps what they have in common.

    A batch of the same series as the one before, with the same label mappings, costs the writing
    of its values. Used by one thread.

    Args:
        timestamps: write a timestamp after each value.
        only_labels: the names of the labels to write; None: all.
    """

    def __init__(
        self, *, timestamps: bool = False, only_labels: Collection[str] | None = None
    ) -> None:
        self._timestamps = timestamps
        self._only_labels = None if only_labels is None else frozenset(only_labels)
        self._layout: Layout | None = None
        self._texts: dict[int, LabelText] = {}

    def encode(self, metrics: Sequence[Metric], now: float | None = None) -> Encoded:
        """Encode a batch.

        Args:
            metrics: the batch; the label mappings are held until the next batch.
            now: Unix time in seconds, the timestamp of metrics that have none of their own.

        Returns:
            The text, and the samples that are not in it.
        """
        samples = self._samples(metrics, now)
        layout = self._layout_of(samples.metrics)
        rejected = samples.rejected
        for index, reason in layout.refused:
            rejected.append(Rejected(samples.metrics[index], reason))
        return Encoded(_join(layout, samples), rejected)

    def _samples(self, metrics: Sequence[Metric], now: float | None) -> _Samples:
        values = [metric.value for metric in metrics]
        ending = self._common_ending(metrics, now) if _all_plain(values) else None
        if ending is None:
            return self._checked_samples(metrics, now)
        return _Samples(metrics, list(map(repr, values)), ending, [])

    def _checked_samples(self, metrics: Sequence[Metric], now: float | None) -> _Samples:
        kept: list[Metric] = []
        values: list[str] = []
        endings: list[str] = []
        rejected: list[Rejected] = []
        for metric in metrics:
            try:
                value, ending = value_text(metric.value), self._ending(metric.timestamp, now)
            except ValidationError as error:
                rejected.append(Rejected(metric, str(error)))
                continue
            kept.append(metric)
            values.append(value)
            endings.append(ending)
        return _Samples(kept, values, endings, rejected)

    def _common_ending(self, metrics: Sequence[Metric], now: float | None) -> str | None:
        """The end of every line, where all samples have one valid time; else None."""
        if not self._timestamps or not metrics:
            return "\n"
        times = [metric.timestamp for metric in metrics]
        if times.count(times[0]) != len(times):
            return None
        try:
            return self._ending(times[0], now)
        except ValidationError:
            return None

    def _ending(self, own: float | None, now: float | None) -> str:
        seconds = now if own is None else own
        if not self._timestamps or seconds is None:
            return "\n"
        return f" {timestamp_text(seconds)}\n"

    def _layout_of(self, metrics: Sequence[Metric]) -> Layout:
        columns = columns_of(metrics)
        if self._layout is None or not columns.same_as(self._layout.columns):
            known, self._texts = self._texts, {}

            def text_of(labels: Mapping[str, str]) -> LabelText:
                return self._text_of(labels, known)

            self._layout = arrange(columns, text_of)
        return self._layout

    def _text_of(self, labels: Mapping[str, str], known: Mapping[int, LabelText]) -> LabelText:
        """Labels written now or for the last layout; what is not asked for again is forgotten."""
        key = id(labels)
        text = self._texts.get(key)
        if text is None:
            # A text holds its mapping, so no other mapping can have got the same id.
            text = known.get(key) or write_labels(labels, self._only_labels)
            self._texts[key] = text
        return text


def _join(layout: Layout, samples: _Samples) -> str:
    """Put heads, values and endings together: one string operation for the whole batch."""
    common = samples.endings if isinstance(samples.endings, str) else ""
    pieces = [common] * (3 * len(layout.order))
    pieces[::3] = layout.heads
    pieces[1::3] = map(samples.values.__getitem__, layout.order)
    if not isinstance(samples.endings, str):
        pieces[2::3] = map(samples.endings.__getitem__, layout.order)
    return "".join(pieces)


def _all_plain(values: Sequence[float]) -> bool:
    """Whether ``repr`` writes every value as Prometheus reads it."""
    if not set(map(type, values)) <= {int, float}:
        return False
    try:
        return all(map(math.isfinite, values))
    except OverflowError:
        return False
