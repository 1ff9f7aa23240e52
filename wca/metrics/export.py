"""From measurements (numbers by name) to metrics (numbers with labels and meaning)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from wca.metrics.batch import Batch, Series
from wca.metrics.catalogue import CATALOGUE
from wca.metrics.metadata import MetricMetadata
from wca.metrics.metric import Measurements

__all__ = ["Exporter", "Misshapen"]

#: What leads to one number of a nested value, outermost first; nothing for a plain number.
_Keys = tuple[str, ...]


class Misshapen(ValueError):  # noqa: N818 - named for what the value is
    """A measurement whose nesting is not that of its metric.

    Args:
        metric: its name.
        reason: what is wrong with it.
    """

    def __init__(self, metric: str, reason: str) -> None:
        self.metric = metric
        super().__init__(f"metric {metric}: {reason}")


@dataclass(slots=True)
class _Nested:
    """A measurement whose metric has levels, and the keys that its value had last."""

    position: int
    entry: MetricMetadata
    keys: list[_Keys] = field(default_factory=list)


class Exporter:
    """Exports the measurements of one target, whose labels stay the same from sample to sample.

    Series are made once: as long as a target has the same measurements, an export hands over the
    same series with other values, so that an encoder can keep their text.

    Args:
        labels: the target's labels.
        catalogue: metadata by metric name.
        rename: gives the name under which a metric is exported.
    """

    def __init__(
        self,
        labels: Mapping[str, str],
        catalogue: Mapping[str, MetricMetadata] = CATALOGUE,
        rename: Callable[[str], str] = str,
    ) -> None:
        self.labels: Mapping[str, str] = dict(labels)
        self._catalogue = catalogue
        self._rename = rename
        self._made: dict[tuple[str, _Keys], Series] = {}
        self._names: tuple[str, ...] = ()
        self._nested: list[_Nested] = []
        self._series: tuple[Series, ...] | None = None  # None: to be put together anew

    def export(self, measurements: Measurements, out: Batch) -> None:
        """Add one metric per number.

        A name that the catalogue does not know is exported without type and help; a nested value
        needs the catalogue's level names and is refused without them.

        Args:
            measurements: numbers by name.
            out: where the metrics go.

        Raises:
            Misshapen: a value is nested deeper, or less deep, than its metric has levels; nothing
                was added.
        """
        names, values = tuple(measurements), list(measurements.values())
        if names != self._names:
            self._names, self._nested, self._series = _shared(names), self._nested_of(names), None
        for nested in self._nested:  # the last one first, so that positions before it stay
            position, entry = nested.position, nested.entry
            keys, numbers = _leaves(entry.name, len(entry.levels), values[position])
            values[position : position + 1] = numbers
            if keys != nested.keys:
                nested.keys, self._series = keys, None
        if dict in map(type, values):
            raise self._misplaced(measurements)
        if self._series is None:
            self._series = self._put_together()
        out.add(self._series, values)

    def _nested_of(self, names: Iterable[str]) -> list[_Nested]:
        entries = enumerate(map(self._catalogue.get, names))
        nested = [_Nested(at, entry) for at, entry in entries if entry and entry.levels]
        return nested[::-1]

    def _put_together(self) -> tuple[Series, ...]:
        keys_by_name = {nested.entry.name: nested.keys for nested in self._nested}
        wanted = [(name, keys) for name in self._names for keys in keys_by_name.get(name, [()])]
        # What is not asked for any more is forgotten: names and keys may come and go.
        self._made = {one: self._made.get(one) or self._make(*one) for one in wanted}
        return tuple(self._made[one] for one in wanted)

    def _make(self, name: str, keys: _Keys) -> Series:
        entry = self._catalogue.get(name)
        name = self._rename(name)
        if entry is None:
            return Series(name, self.labels)
        labels = self.labels
        if keys:
            labels = {**labels, **dict(zip(entry.levels, map(str, keys), strict=True))}
        return Series(name, labels, entry.type, entry.help, entry.unit, entry.granularity)

    def _misplaced(self, measurements: Measurements) -> Misshapen:
        """What to say of a nested value where a number should be."""
        nested = {one.entry.name for one in self._nested}
        name = next(
            name
            for name, value in measurements.items()
            if type(value) is dict and name not in nested
        )
        if name in self._catalogue:
            return Misshapen(name, "the value is nested, but the metric has no levels")
        return Misshapen(name, "a nested value needs an entry with level names")


@lru_cache(maxsize=256)
def _shared(names: tuple[str, ...]) -> tuple[str, ...]:
    """One tuple for all targets: what they share stays in the processor's caches."""
    return names


def _leaves(name: str, depth: int, value: Any) -> tuple[list[_Keys], list[float]]:
    """The numbers of a nested value and the keys that lead to each."""
    if isinstance(value, dict) != bool(depth):
        raise Misshapen(name, "the value's nesting does not match its levels")
    if depth == 0:
        return [()], [value]
    if depth == 1 and dict not in map(type, value.values()):  # without a call for each number
        return list(zip(value)), list(value.values())
    keys: list[_Keys] = []
    numbers: list[float] = []
    for key, inner in value.items():
        inner_keys, inner_numbers = _leaves(name, depth - 1, inner)
        keys += [(key, *rest) for rest in inner_keys]
        numbers += inner_numbers
    return keys, numbers
