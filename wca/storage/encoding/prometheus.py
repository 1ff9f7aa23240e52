"""A batch of metrics as Prometheus text, version 0.0.4.

Families are contiguous and sorted by name, HELP and TYPE stand once before the first sample, the
series of a family are sorted by their labels with numbers in their natural order. A series that
Prometheus would refuse is left out and reported; it never costs the others.
"""

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from wca.errors import ValidationError
from wca.metrics import Metric
from wca.metrics.batch import Batch, Series
from wca.storage.encoding.layout import (
    Columns,
    FamilySpan,
    Headers,
    Layout,
    arrange,
    columns_of,
    text_headers,
)
from wca.storage.encoding.series import LabelText, timestamp_text, value_text, write_labels
from wca.storage.encoding.stencil import Stencil

__all__ = ["Encoded", "Encoder", "Rejected", "in_one_piece"]

_LINES_PER_CHUNK = 128


@dataclass(frozen=True, slots=True)
class Rejected:
    """A sample that is not in the text, and why, in a sentence without values of labels."""

    metric: Metric
    reason: str


@dataclass(frozen=True, slots=True)
class Encoded:
    """A batch as text, empty or ending in a newline, and what had to be left out.

    Args:
        heads: what stands before each value: name and labels, with the lines before them.
        families: where each family begins among ``heads``.
        values: the values.
        write: gives the text of a value.
        endings: what follows each value, or one text that follows all of them.
        rejected: the samples that are not in the text.
        starts: Unix time in seconds at which each counter began, where one is known.
        stencil: the text with gaps for values that ``repr`` writes.
    """

    heads: Sequence[str]
    families: Sequence[FamilySpan]
    values: Sequence[float] | Sequence[str]
    write: Callable[[Any], str]
    endings: Sequence[str] | str
    rejected: list[Rejected]
    starts: Sequence[float | None] | None = None
    stencil: Stencil | None = field(default=None, compare=False, repr=False)

    @property
    def text(self) -> str:
        """The whole text."""
        return b"".join(self.chunks()).decode()

    def chunks(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The text in UTF-8, some lines at a time, or that of some of its series.

        Args:
            start: the first series, as a position among ``heads``.
            stop: the first one that is not wanted any more; None: all to the end.

        A text of megabytes in one piece, or the texts of all its values, would be memory that the
        kernel has to hand out anew for every batch, which takes longer than writing the text.
        """
        whole = start == 0 and stop is None
        if self.stencil is not None and whole and isinstance(self.endings, str):
            return self.stencil.fill(self.values, self.endings)
        return self._joined(start, len(self.heads) if stop is None else stop)

    def _joined(self, start: int, end: int) -> Iterator[bytes]:
        for first in range(start, end, _LINES_PER_CHUNK):
            part = slice(first, min(first + _LINES_PER_CHUNK, end))
            heads = self.heads[part]
            common = self.endings if isinstance(self.endings, str) else ""
            pieces = [common] * (3 * len(heads))
            pieces[::3] = heads
            pieces[1::3] = map(self.write, self.values[part])
            if not isinstance(self.endings, str):
                pieces[2::3] = self.endings[part]
            yield "".join(pieces).encode()


@dataclass(slots=True)
class _Samples:
    """The samples whose value and time can be written: the batch's own, or those that remain.

    Args:
        metrics: the samples.
        values: their values.
        write: gives the text of a value.
        endings: what follows each value, or one text that follows all of them.
        rejected: the samples that are left out.
    """

    metrics: Sequence[Metric]
    values: Sequence[float] | Sequence[str]
    write: Callable[[Any], str]
    endings: list[str] | str
    rejected: list[Rejected]


class Encoder:
    """Encodes batch after batch and keeps what they have in common.

    A batch of the same series as the one before, with the same label mappings, costs the writing
    of its values. Used by one thread.

    Args:
        timestamps: write a timestamp after each value.
        only_labels: the names of the labels to write; None: all.
        headers: writes what stands before each family.
    """

    def __init__(
        self,
        *,
        timestamps: bool = False,
        only_labels: Collection[str] | None = None,
        headers: Headers = text_headers,
    ) -> None:
        self._timestamps = timestamps
        self._headers = headers
        self._only_labels = None if only_labels is None else frozenset(only_labels)
        self._layout: Layout | None = None
        self._blocks: list[tuple[Series, ...]] | None = None
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
        endings = samples.endings
        return Encoded(
            layout.heads,
            layout.families,
            layout.in_order(samples.values),
            samples.write,
            endings if isinstance(endings, str) else layout.in_order(endings),
            rejected,
            _starts(samples.metrics, layout),
            layout.stencil if samples.write is repr else None,
        )

    def forget(self) -> None:
        """Lay the next batch out anew, headers included."""
        self._layout = None

    def _samples(self, metrics: Sequence[Metric], now: float | None) -> _Samples:
        if isinstance(metrics, Batch):
            values = metrics.values
        else:
            values = [metric.value for metric in metrics]
        ending = self._common_ending(metrics, now) if _all_plain(values) else None
        if ending is None:
            return self._checked_samples(metrics, now)
        return _Samples(metrics, values, repr, ending, [])

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
        return _Samples(kept, values, str, endings, rejected)

    def _common_ending(self, metrics: Sequence[Metric], now: float | None) -> str | None:
        """The end of every line, where all samples have one valid time; else None."""
        if not self._timestamps or not metrics:
            return "\n"
        if isinstance(metrics, Batch):
            time: float | None = metrics.timestamp
        else:
            times = [metric.timestamp for metric in metrics]
            time = times[0]
            if times.count(time) != len(times):
                return None
        try:
            return self._ending(time, now)
        except ValidationError:
            return None

    def _ending(self, own: float | None, now: float | None) -> str:
        seconds = now if own is None else own
        if not self._timestamps or seconds is None:
            return "\n"
        return f" {timestamp_text(seconds)}\n"

    def _layout_of(self, metrics: Sequence[Metric]) -> Layout:
        """The layout of the last batch where that fits, else a new one."""
        if not isinstance(metrics, Batch):
            self._blocks = None
            return self._layout_for(columns_of(metrics))
        if self._layout is None or metrics.blocks != self._blocks:
            self._layout = self._layout_for(columns_of(metrics.series()))
            self._blocks = metrics.blocks.copy()
        return self._layout

    def _layout_for(self, columns: Columns) -> Layout:
        if self._layout is None or not columns.same_as(self._layout.columns):
            known, self._texts = self._texts, {}

            def text_of(labels: Mapping[str, str]) -> LabelText:
                return self._text_of(labels, known)

            self._layout = arrange(columns, text_of, self._headers)
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


def in_one_piece(chunks: Iterable[bytes]) -> bytes:
    """A text that is wanted as a whole.

    ``join`` would hold all chunks beside what it makes of them: twice the memory, which the kernel
    hands out anew each time, and a third more time for a text of 20 MB.
    """
    text = BytesIO()
    text.writelines(chunks)
    return text.getvalue()


def _starts(metrics: Sequence[Metric], layout: Layout) -> Sequence[float | None] | None:
    """When each counter began, in the order of the text; None where no time is known."""
    if isinstance(metrics, Batch):
        return None  # its series have none
    starts = [metric.start_time for metric in metrics]
    return layout.in_order(starts) if any(start is not None for start in starts) else None


def _all_plain(values: Sequence[float]) -> bool:
    """Whether ``repr`` writes every value as Prometheus reads it."""
    if not set(map(type, values)) <= {int, float}:
        return False
    try:
        # Infinities and NaN never leave a sum of floats, and an int that no float can hold raises.
        return math.isfinite(sum(values, 0.0))
    except OverflowError:
        return False
