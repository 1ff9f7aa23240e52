"""A batch of metrics as OpenMetrics text, version 1.0.0.

The samples are those of text 0.0.4, except that the end of the text is marked. Other is what stands
around them: a counter's family has the name without ``_total``, a metric named ``*_info`` is an
info, and units are told. What breaks the rules of its type, such as a counter below zero or one
without ``_total``, is shown with the type ``unknown``: its name and values stay what they are in
the other format.

Source: the OpenMetrics specification 1.0,
https://prometheus.io/docs/specs/om/open_metrics_spec/.
"""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

from wca.metrics import Metric, MetricType
from wca.metrics.metric import MetricUnit
from wca.storage.encoding.layout import Family, FamilySpan
from wca.storage.encoding.prometheus import Encoded, Encoder
from wca.storage.encoding.series import escape_help, value_text

__all__ = ["OpenMetricsEncoder", "openmetrics_chunks"]

_END = b"# EOF\n"
_TOTAL, _CREATED, _INFO = "_total", "_created", "_info"


def openmetrics_chunks(encoded: Encoded) -> Iterator[bytes]:
    """The whole text in UTF-8, some lines at a time, with its end marked."""
    yield from encoded.chunks()
    yield _END


class OpenMetricsEncoder:
    """Encodes batch after batch and keeps what they have in common, as ``Encoder`` does.

    Used by one thread.

    Args:
        only_labels: the names of the labels to write; None: all.
    """

    def __init__(self, *, only_labels: Collection[str] | None = None) -> None:
        self._encoder = Encoder(only_labels=only_labels, headers=self._headers)
        #: Types of families by the names of their samples, as the headers say them.
        self._types: dict[str, str] = {}
        #: Names whose values have broken the rules of their type. They stay here: a type that
        #: comes and goes would be worse than one that is not known.
        self._unknown: set[str] = set()

    def encode(self, metrics: Sequence[Metric]) -> Encoded:
        """Encode a batch, without timestamps.

        Args:
            metrics: the batch; the label mappings are held until the next batch.

        Returns:
            The text up to the mark of its end, see ``openmetrics_chunks``.
        """
        encoded = self._encoder.encode(metrics)
        # Again and again: a name that one family gives up may make another one a counter.
        while broken := {span.name for span in self._spans_that_break_rules(encoded)}:
            self._unknown |= broken
            self._encoder.forget()
            encoded = self._encoder.encode(metrics)
        return encoded if encoded.starts is None else self._with_created(encoded)

    def _spans_that_break_rules(self, encoded: Encoded) -> Iterator[FamilySpan]:
        for span, stop in _with_stops(encoded):
            type_ = self._types[span.name]
            if type_ in _RULES:
                values: Sequence[float | str] = encoded.values[span.start : stop]
                if encoded.write is not repr:  # the batch has odd values: they are texts already
                    values = [float(value) for value in values]
                if not _RULES[type_](values):
                    yield span

    def _with_created(self, encoded: Encoded) -> Encoded:
        """The text with the time at which each counter began on a line after its value."""
        starts, endings = encoded.starts or (), ["\n"] * len(encoded.heads)
        for span, stop in _with_stops(encoded):
            if self._types[span.name] != "counter":
                continue
            for position in range(span.start, stop):
                start = starts[position]
                if isinstance(start, (int, float)) and math.isfinite(start):
                    series = encoded.heads[position].rpartition("\n")[2].removeprefix(span.name)
                    name = span.name.removesuffix(_TOTAL) + _CREATED
                    endings[position] = f"\n{name}{series}{value_text(start)}\n"
        return replace(encoded, endings=endings)

    def _headers(self, families: Sequence[Family]) -> list[str]:
        # No name may stand for two things: those of samples, and those that come with a type.
        taken = {family.name for family in families}
        self._types = {}
        for family in families:
            type_, claimed = _type_of(family)
            if family.name in self._unknown or not taken.isdisjoint(claimed):
                type_, claimed = _plain_type(family), set()
            taken |= claimed
            self._types[family.name] = type_
        return [_header(family, self._types[family.name]) for family in families]


def _type_of(family: Family) -> tuple[str, set[str]]:
    """The type of a family by its name, and the further names that come with it."""
    name = family.name
    if family.type == MetricType.COUNTER and name.endswith(_TOTAL) and name != _TOTAL:
        base = name.removesuffix(_TOTAL)
        return "counter", {base, base + _CREATED}
    if family.type == MetricType.GAUGE and name.endswith(_INFO) and name != _INFO:
        return "info", {name.removesuffix(_INFO)}
    return _plain_type(family), set()


def _plain_type(family: Family) -> str:
    return "gauge" if family.type == MetricType.GAUGE else "unknown"


def _counts(values: Sequence[float]) -> bool:
    return bool(min(values) >= 0) and not any(map(math.isnan, values))


def _is_one(values: Sequence[float]) -> bool:
    return all(value == 1 for value in values)


#: What the values of a type must be like.
_RULES: dict[str, Callable[[Sequence[Any]], bool]] = {"counter": _counts, "info": _is_one}


def _with_stops(encoded: Encoded) -> Iterator[tuple[FamilySpan, int]]:
    """Each family, and where among the heads the next one starts."""
    families = encoded.families
    stops = [*(span.start for span in families[1:]), len(encoded.heads)]
    return zip(families, stops, strict=False)  # without families there is one stop too many


def _header(family: Family, type_: str) -> str:
    """TYPE, UNIT and HELP, in this order."""
    suffix = {"counter": _TOTAL, "info": _INFO}.get(type_, "")
    name = family.name.removesuffix(suffix)
    lines = f"# TYPE {name} {type_}\n"
    unit = _unit(family)
    if unit and type_ != "info" and name.endswith(f"_{unit}"):
        lines += f"# UNIT {name} {unit}\n"
    if family.help:
        # A quotation mark is escaped here, unlike in text 0.0.4.
        escaped = escape_help(family.help).replace('"', r"\"")
        lines += f"# HELP {name} {escaped}\n"
    return lines


def _unit(family: Family) -> str:
    if family.unit == MetricUnit.TIMESTAMP:
        return "seconds"
    return str.__str__(family.unit) if isinstance(family.unit, str) else ""
