"""The order of a batch in the text: families together, series sorted, each one once."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wca.errors import ValidationError
from wca.metrics import Metric, MetricType
from wca.metrics.batch import Series
from wca.storage.encoding.series import LabelText, check_name, escape_help
from wca.storage.encoding.stencil import Stencil

__all__ = [
    "Columns",
    "Family",
    "FamilySpan",
    "Headers",
    "Layout",
    "arrange",
    "columns_of",
    "text_headers",
]

_TYPES = tuple(MetricType)


@dataclass(frozen=True, slots=True)
class Columns:
    """All of a batch that its layout depends on: everything but values and timestamps."""

    names: list[str]
    labels: list[Mapping[str, str]]
    types: list[str | None]
    helps: list[str | None]
    units: list[str | None]

    def same_as(self, other: "Columns") -> bool:
        """Whether the text around the values would be the same.

        Labels are compared by identity: nobody changes a mapping after giving it away, and two
        equal mappings cost one new layout, nothing else.
        """
        return (
            self.names == other.names
            and all(map(operator.is_, self.labels, other.labels))
            and self.types == other.types
            and self.helps == other.helps
            and self.units == other.units
        )


@dataclass(frozen=True, slots=True)
class FamilySpan:
    """Where the series of one name stand in the text.

    Args:
        name: of the metric.
        type: gauge, counter or None.
        start: position of its first series among ``heads``; it ends where the next family starts.
    """

    name: str
    type: str | None
    start: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each sample goes.

    Args:
        columns: what the layout was made from.
        in_order: puts what a batch has one of for each sample in the order of the text, without
            that of refused series.
        heads: the text before each value, in the order of the text.
        families: the families, in the order of the text.
        refused: position in the batch and reason of each series that is left out.
        stencil: the text with gaps for the values.
    """

    columns: Columns
    in_order: Callable[[Sequence[Any]], Sequence[Any]]
    heads: list[str]
    families: list[FamilySpan]
    refused: list[tuple[int, str]]
    stencil: Stencil


class Family:
    """The series of one name, and what their headers say.

    Args:
        name: of the metric.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.type: str | None = None
        self.help: str | None = None
        self.unit: str | None = None
        self.members: list[tuple[tuple[str | int, ...], int, str]] = []
        self._seen: set[str] = set()

    def add(self, index: int, labels: LabelText, type_: Any, help_: Any, unit: Any) -> None:
        """Add a series, or raise ValidationError and stay as it was."""
        if labels.identity in self._seen:
            raise ValidationError("the batch has a series with the same name and labels already")
        if type_ != self.type:
            self._check_type(type_)
        if help_ is not None and not isinstance(help_, str):
            raise ValidationError(f"the help is {type(help_).__name__}, expected text")
        self.type = self.type or type_
        self.help = self.help or help_
        self.unit = self.unit or unit
        self._seen.add(labels.identity)
        self.members.append((labels.order, index, f"{self.name}{labels.text} "))

    def _check_type(self, type_: Any) -> None:
        if type_ is not None and type_ not in _TYPES:
            raise ValidationError(f"{type_!r} is not a type: write gauge, counter or none")
        if type_ and self.type:
            raise ValidationError(f"the type is {type_}, but other series of it are {self.type}")


#: Writes what stands before the first sample of each family, families given in their order.
Headers = Callable[[Sequence[Family]], Sequence[str]]


def text_headers(families: Sequence[Family]) -> list[str]:
    """HELP and TYPE as text 0.0.4 has them, with an empty line before HELP unless it comes first.

    Source: https://prometheus.io/docs/instrumenting/exposition_formats/.
    """
    return [_text_header(family, first=family is families[0]) for family in families]


def _text_header(family: Family, *, first: bool) -> str:
    lines = "" if first or not family.help else "\n"
    if family.help:
        lines += f"# HELP {family.name} {escape_help(family.help)}\n"
    if family.type:
        lines += f"# TYPE {family.name} {str.__str__(family.type)}\n"
    return lines


def columns_of(rows: Sequence[Metric] | Sequence[Series]) -> Columns:
    """Take what a layout depends on out of a batch."""
    return Columns(
        [row.name for row in rows],
        [row.labels for row in rows],
        [row.type for row in rows],
        [row.help for row in rows],
        [row.unit for row in rows],
    )


def arrange(
    columns: Columns,
    text_of: Callable[[Mapping[str, str]], LabelText],
    headers: Headers = text_headers,
) -> Layout:
    """Lay out a batch.

    The first series of a kind wins: a later one with the same labels, or with another type than
    its family already has, is refused. The first help text of a family is the family's.

    Args:
        columns: the batch.
        text_of: gives the text of a labels mapping, or raises ValidationError.
        headers: writes what stands before each family.
    """
    families: dict[str, Family] = {}
    refused: list[tuple[int, str]] = []
    rows = zip(
        columns.names, columns.labels, columns.types, columns.helps, columns.units, strict=True
    )
    for index, (name, labels, type_, help_, unit) in enumerate(rows):
        try:
            family = _family_of(name, families)
            family.add(index, text_of(labels), type_, help_, unit)
        except ValidationError as error:
            refused.append((index, str(error)))
    # A family without members: every series of that name was refused.
    kept = [family for _, family in sorted(families.items()) if family.members]
    order, heads, spans = _lay_out(kept, headers(kept))
    return Layout(columns, _reordering(order), heads, spans, refused, Stencil(heads))


def _family_of(name: Any, families: dict[str, Family]) -> Family:
    if not isinstance(name, str) or name not in families:
        check_name(name)
        # Text of a subclass, such as a member of an enum, is written as its value.
        families[name] = Family(str.__str__(name))
    return families[name]


def _reordering(order: list[int]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    if len(order) > 1:
        return operator.itemgetter(*order)
    return lambda items: [items[position] for position in order]  # itemgetter would give no tuple


def _lay_out(
    families: Sequence[Family], headers: Sequence[str]
) -> tuple[list[int], list[str], list[FamilySpan]]:
    order: list[int] = []
    heads: list[str] = []
    spans: list[FamilySpan] = []
    for family, header in zip(families, headers, strict=True):
        spans.append(FamilySpan(family.name, family.type, len(heads)))
        before = header
        # The position makes the sort stable and keeps prefixes out of the comparison.
        for _, index, prefix in sorted(family.members):
            order.append(index)
            heads.append(before + prefix)
            before = ""
    return order, heads, spans
