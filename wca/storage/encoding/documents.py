"""Metrics as JSON: the values by name, or every series with all that is known of it.

What is written is strict JSON (RFC 8259) in ASCII, so that every parser reads it.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wca.errors import ValidationError
from wca.metrics import Metric
from wca.metrics.batch import Batch, Series
from wca.storage.delivery.parcel import Parcel
from wca.storage.encoding.prometheus import Rejected
from wca.storage.encoding.series import clean_text, timestamp_text, value_text
from wca.storage.network import Encoding

__all__ = ["SeriesDocuments", "ValueDocuments"]

#: What may be known of a series beside its name and labels.
_FACTS = ("type", "unit", "help", "granularity")
_SHADOWED = (
    "a document of values holds one series of a name, the last one; a document of series holds all"
)


class ValueDocuments:
    """``{name: value}``: one number for each name, that of the last series that has the name.

    JSON has no number for infinities and NaN: they are left out, as are the other series of a name.
    A message has no time, and says what its target shall know from now on.

    Args:
        max_size: greatest length of a message in bytes; what is longer is split.
    """

    def __init__(self, max_size: int) -> None:
        self._max_size = max_size

    def encode(self, metrics: Sequence[Metric], now: float) -> Encoding:
        """Make the messages of a batch.

        Args:
            metrics: the batch.
            now: Unix time in seconds.
        """
        keys: dict[Any, str] = {}
        positions: dict[str, int] = {}
        texts: dict[int, str] = {}
        refused: list[tuple[int, str]] = []
        for position, (name, value) in enumerate(_names_and_values(metrics)):
            try:
                key = keys.get(name) or keys.setdefault(name, _text(name, "the metric name"))
                texts[position] = f"{key}:{_finite(value)}"
            except (ValidationError, TypeError) as error:
                unknown = f"the metric name is {type(name).__name__}, expected text"
                refused.append((position, unknown if isinstance(error, TypeError) else str(error)))
                continue
            before = positions.get(key)
            if before is not None:
                del texts[before]
                refused.append((before, _SHADOWED))
            positions[key] = position
        bodies = _cut(texts, self._max_size, "{}", refused)
        time = _time_of(metrics, now)
        parcels = [
            Parcel(body, samples, time, supersedes=f"values {number}")
            for number, (body, samples) in enumerate(bodies)
        ]
        return Encoding(parcels, [Rejected(metrics[at], reason) for at, reason in refused])


class SeriesDocuments:
    """A list of objects, one for each sample, that lack nothing.

    Each has ``name``, ``labels``, ``value`` and ``timestamp`` (Unix time in seconds), and ``type``,
    ``unit``, ``help``, ``granularity`` and ``start_time`` where they are known. A value is a
    number, or one of the texts ``NaN``, ``+Inf`` and ``-Inf``.

    What stays the same from batch to batch is written once. Used by one thread.

    Args:
        max_size: greatest length of a message in bytes; what is longer is split.
    """

    def __init__(self, max_size: int) -> None:
        self._most = max_size
        #: Length of a message in bytes from which on the next one begins; may be made smaller
        #: between two batches. What is longer by itself is a message all the same.
        self.max_size = max_size
        self._heads: list[_Head] = []
        self._known: dict[tuple[Any, ...], _Head] = {}
        self._blocks: list[tuple[Series, ...]] | None = None

    def encode(self, metrics: Sequence[Metric], now: float) -> Encoding:
        """Make the messages of a batch.

        Args:
            metrics: the batch; its label mappings are held until the next one.
            now: Unix time in seconds, the time of metrics that have none of their own.
        """
        texts: dict[int, str] = {}
        refused: list[tuple[int, str]] = []
        ending = _Ending(now)
        samples = zip(self._heads_of(metrics), *_values_and_times(metrics), strict=True)
        for position, (head, value, times) in enumerate(samples):
            try:
                if times != ending.times:
                    ending.write(times)
                texts[position] = f"{head.text or head.refuse()}{_number(value)}{ending.text}"
            except ValidationError as error:
                refused.append((position, str(error)))
        bodies = _cut(texts, self._most, "[]", refused, self.max_size)
        time = _time_of(metrics, now)
        parcels = [Parcel(body, samples, time) for body, samples in bodies]
        return Encoding(parcels, [Rejected(metrics[at], reason) for at, reason in refused])

    def _heads_of(self, metrics: Sequence[Metric]) -> "list[_Head]":
        """What stands before each value; that of the batch before, where the series are its."""
        if not isinstance(metrics, Batch):
            self._blocks = None
            self._heads = self._heads_for(metrics)
        elif metrics.blocks != self._blocks:
            self._heads = self._heads_for(metrics.series())
            self._blocks = metrics.blocks.copy()
        return self._heads

    def _heads_for(self, rows: Iterable[Metric] | Iterable[Series]) -> "list[_Head]":
        known, self._known = self._known, {}
        heads = []
        for row in rows:
            # A head holds its mapping, so no other mapping can have got the same id.
            facts = (row.type, row.unit, row.help, row.granularity)
            key = (row.name, id(row.labels), facts)
            try:
                head = self._known.get(key) or known.get(key) or _Head.write(row)
            except TypeError:  # something that is no text, and cannot be looked up either
                heads.append(_Head.write(row))
                continue
            self._known[key] = head
            heads.append(head)
        return heads


@dataclass(frozen=True, slots=True)
class _Head:
    """An object up to its value.

    Args:
        labels: held, so that its ``id`` stays its own.
        text: empty where the series cannot be written.
        reason: why it cannot.
    """

    labels: Mapping[str, str]
    text: str
    reason: str = ""

    @staticmethod
    def write(row: Metric | Series) -> "_Head":
        """Write what is known of a series."""
        try:
            name, labels = _text(row.name, "the metric name"), _labels(row.labels)
            facts = [
                f'"{fact}":{_text(value, f"the {fact}")},'
                for fact in _FACTS
                if (value := getattr(row, fact)) is not None
            ]
        except ValidationError as error:
            return _Head(row.labels, "", str(error))
        return _Head(row.labels, f'{{"name":{name},"labels":{labels},{"".join(facts)}"value":')

    def refuse(self) -> str:
        """What is asked for instead of the text where there is none.

        Raises:
            ValidationError: the series cannot be written.
        """
        raise ValidationError(self.reason)


class _Ending:
    """What follows a value; most of a batch have the same time.

    Args:
        now: Unix time in seconds of values that have none of their own.
    """

    def __init__(self, now: float) -> None:
        self._now = now
        #: When the value was read and when its counter began, as the metric says it.
        self.times: tuple[Any, Any] | None = None
        self.text = ""

    def write(self, times: tuple[Any, Any]) -> None:
        """Write the end of an object. Raises ValidationError where one of the times is none."""
        read, began = times
        start = "" if began is None else f',"start_time":{_seconds(began)}'
        self.text = f',"timestamp":{_seconds(self._now if read is None else read)}{start}}}'
        self.times = times


def _names_and_values(metrics: Sequence[Metric]) -> Iterable[tuple[Any, Any]]:
    if isinstance(metrics, Batch):
        return zip((one.name for one in metrics.series()), metrics.values, strict=True)
    return ((metric.name, metric.value) for metric in metrics)


def _values_and_times(
    metrics: Sequence[Metric],
) -> tuple[Iterable[Any], Iterable[tuple[Any, Any]]]:
    if isinstance(metrics, Batch):
        return metrics.values, [(metrics.timestamp, None)] * len(metrics)
    times = [(metric.timestamp, metric.start_time) for metric in metrics]
    return [metric.value for metric in metrics], times


def _time_of(metrics: Sequence[Metric], now: float) -> float:
    return metrics.timestamp if isinstance(metrics, Batch) else now


def _cut(
    texts: dict[int, str],
    max_size: int,
    brackets: str,
    refused: list[tuple[int, str]],
    usual_size: int | None = None,
) -> list[tuple[bytes, int]]:
    """Join texts to documents that are not too long.

    Args:
        texts: by position in the batch.
        max_size: of a document, in bytes.
        brackets: what a document begins and ends with.
        refused: gets the positions of texts that no document has room for.
        usual_size: of a document, where that is less; a single text may be longer.

    Returns:
        Documents, and how many texts are in each.
    """
    begin, end = brackets[0], brackets[1]
    documents: list[list[str]] = [[]]
    size = len(brackets)
    for position, text in texts.items():
        if len(text) + len(brackets) > max_size:
            refused.append((position, f"it takes more than the {max_size} bytes of a message"))
            continue
        if size + len(text) > (usual_size or max_size) and documents[-1]:
            documents.append([])
            size = len(brackets)
        documents[-1].append(text)
        size += len(text) + 1  # the comma that may follow
    return [
        (f"{begin}{','.join(document)}{end}".encode(), len(document))
        for document in documents
        if document
    ]


def _number(value: Any) -> str:
    if type(value) is float and math.isfinite(value):
        return repr(value)
    text = value_text(value)
    return text if text[-1].isdigit() else f'"{text}"'


def _finite(value: Any) -> str:
    text = _number(value)
    if text[0] == '"':
        raise ValidationError(f"JSON has no number {text.strip(chr(34))}")
    return text


def _seconds(time: Any) -> str:
    timestamp_text(time)  # raises where it is no time
    return repr(float(time))


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise ValidationError(f"{what} is {type(value).__name__}, expected text")
    return json.dumps(clean_text(value))


def _labels(labels: Any) -> str:
    if not isinstance(labels, Mapping):
        raise ValidationError(f"labels are {type(labels).__name__}, expected a mapping")
    pairs = [(_text(key, "a label name"), value) for key, value in labels.items()]
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValidationError("two label names are the same but for what UTF-8 cannot say")
    texts = (f"{key}:{_text(value, f'the value of label {key}')}" for key, value in pairs)
    return f"{{{','.join(texts)}}}"
