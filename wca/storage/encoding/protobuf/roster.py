"""The series of a batch, checked, for formats that write them one by one."""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wca.errors import ValidationError
from wca.metrics import Metric, MetricType
from wca.metrics.batch import Series
from wca.storage.encoding.series import check_name, clean_text, timestamp_text, write_labels

__all__ = [
    "Family",
    "LabelSet",
    "Roster",
    "Row",
    "enrol",
    "make_labels",
    "make_row",
    "milliseconds",
]

_TYPES = tuple(MetricType)
#: The year 2527: any time before it fits into 64 bits as nanoseconds too.
_MOST_MILLISECONDS = 2**44


@dataclass(frozen=True, slots=True, eq=False)
class LabelSet:
    """The labels of many series, fit to be written. Two sets are never equal.

    Args:
        pairs: names and values, sorted by name, without empty values.
        identity: equal for two sets that a receiver would take for one.
        mapping: what they were made from; held, so that its ``id`` stays its own.
    """

    pairs: tuple[tuple[str, str], ...]
    identity: str
    mapping: Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One series, fit to be written. Two rows are never equal.

    Args:
        name: of the metric.
        labels: of the series; shared with others.
        identity: equal for two rows that a receiver would take for one series.
        type: gauge, counter or None.
        help: one sentence, or nothing.
        unit: see ``Metric``, or nothing.
        start: Unix time in milliseconds at which a counter began at zero; None: not known.
    """

    name: str
    labels: LabelSet
    identity: str
    type: str | None
    help: str
    unit: str
    start: int | None


@dataclass(slots=True)
class Family:
    """The series of one name.

    Args:
        name: of the metric.
        type: of all its series.
        help: the first one that a series has.
        unit: the first one that a series has.
        members: its series, each with its position in the batch.
    """

    name: str
    type: str | None = None
    help: str = ""
    unit: str = ""
    members: list[tuple[int, Row]] = field(default_factory=list)

    def add(self, index: int, row: Row) -> None:
        """Add a series. Raises ValidationError where its type is not the family's."""
        if row.type and self.type and row.type != self.type:
            raise ValidationError(f"the type is {row.type}, but other series of it are {self.type}")
        self.type = self.type or row.type
        self.help = self.help or row.help
        self.unit = self.unit or row.unit
        self.members.append((index, row))

    @property
    def is_counter(self) -> bool:
        """Whether its values only grow."""
        return self.type == MetricType.COUNTER


@dataclass(frozen=True, slots=True, eq=False)
class Roster:
    """The series of a batch, those of one name together. Two rosters are never equal.

    Args:
        rows: the series, those of counters first.
        families: the families, in the order of ``rows``.
        counters: identities of those that are counters, which come first.
        by_identity: the same series by identity.
        in_order: puts what a batch has one of for each sample in the order of ``rows``, without
            that of refused series.
        refused: position in the batch and reason of each series that is left out.
    """

    rows: list[Row]
    families: list[Family]
    counters: list[str]
    by_identity: dict[str, Row]
    in_order: Callable[[Sequence[Any]], Sequence[Any]]
    refused: list[tuple[int, str]]

    @property
    def parts(self) -> list[list[Family]]:
        """The families of counters, and the others."""
        return [
            [family for family in self.families if family.is_counter == counters]
            for counters in (True, False)
        ]


def make_labels(mapping: Mapping[str, str]) -> LabelSet:
    """Check labels.

    Raises:
        ValidationError: a name or a value is wrong.
    """
    identity = write_labels(mapping, None).identity
    pairs = ((str.__str__(key), clean_text(value)) for key, value in mapping.items())
    return LabelSet(tuple(sorted(pair for pair in pairs if pair[1])), identity, mapping)


def make_row(source: Metric | Series, labels: LabelSet) -> Row:
    """Check a series.

    Args:
        source: the series.
        labels: its labels.

    Raises:
        ValidationError: the name, the type, the help or the start time is wrong.
    """
    check_name(source.name)
    if source.type is not None and source.type not in _TYPES:
        raise ValidationError(f"{source.type!r} is not a type: write gauge, counter or none")
    if source.help is not None and not isinstance(source.help, str):
        raise ValidationError(f"the help is {type(source.help).__name__}, expected text")
    name = str.__str__(source.name)
    start = getattr(source, "start_time", None)
    return Row(
        name,
        labels,
        name + labels.identity,
        None if source.type is None else str.__str__(source.type),
        clean_text(source.help or ""),
        clean_text(source.unit) if isinstance(source.unit, str) else "",
        None if start is None else milliseconds(start),
    )


def milliseconds(seconds: Any) -> int:
    """A Unix time in whole milliseconds.

    Raises:
        ValidationError: it is no time after 1970 that fits into 64 bits as nanoseconds.
    """
    time = int(timestamp_text(seconds))
    if not 0 <= time < _MOST_MILLISECONDS:
        raise ValidationError("the timestamp is out of range, expected Unix time in seconds")
    return time


def enrol(rows: Iterable[Row | str]) -> Roster:
    """Put the series of a batch in order; the first of two that are the same is kept.

    Args:
        rows: for each sample of the batch its series, or why that cannot be written.
    """
    families: dict[str, Family] = {}
    by_identity: dict[str, Row] = {}
    refused: list[tuple[int, str]] = []
    for index, row in enumerate(rows):
        if isinstance(row, str):
            refused.append((index, row))
        elif row.identity in by_identity:
            refused.append((index, "the batch has a series with the same name and labels already"))
        else:
            try:
                families.setdefault(row.name, Family(row.name)).add(index, row)
            except ValidationError as error:
                refused.append((index, str(error)))
            else:
                by_identity[row.identity] = row
    kept = [family for family in families.values() if family.members]
    kept.sort(key=lambda family: not family.is_counter)
    members = [member for family in kept for member in family.members]
    return Roster(
        [row for _, row in members],
        kept,
        [row.identity for family in kept if family.is_counter for _, row in family.members],
        by_identity,
        _reordering([index for index, _ in members]),
        refused,
    )


def _reordering(order: list[int]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    if len(order) > 1:
        return operator.itemgetter(*order)
    return lambda items: [items[position] for position in order]  # itemgetter would give no tuple
