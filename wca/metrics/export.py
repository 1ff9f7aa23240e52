"""From measurements (numbers by name) to metrics (numbers with labels and meaning)."""

from collections.abc import Mapping
from typing import Any

from wca.metrics.catalogue import CATALOGUE
from wca.metrics.metadata import MetricMetadata
from wca.metrics.metric import Measurements, Metric

__all__ = ["Exporter"]


#: What a metric without levels takes from its entry, in the order of ``Metric``'s fields.
_Meaning = tuple[str, str, str, str]


class Exporter:
    """Exports the measurements of one target, whose labels stay the same from sample to sample.

    Labels are built once: every metric of the target shares one mapping, and so does every metric
    with the same level values, so that an encoder can keep their text.

    Args:
        labels: the target's labels.
        catalogue: metadata by metric name.
    """

    def __init__(
        self, labels: Mapping[str, str], catalogue: Mapping[str, MetricMetadata] = CATALOGUE
    ) -> None:
        self.labels: Mapping[str, str] = dict(labels)
        self._catalogue = catalogue
        self._plain: dict[str, _Meaning | tuple[None, None, None, None]] = {}
        self._leveled: dict[tuple[str, tuple[str, ...]], Mapping[str, str]] = {}

    def export(self, measurements: Measurements, timestamp: float, out: list[Metric]) -> None:
        """Append one metric per number.

        A name that the catalogue does not know is exported without type and help; a nested value
        needs the catalogue's level names and is refused without them.

        Args:
            measurements: numbers by name.
            timestamp: Unix time in seconds at which they were read.
            out: where the metrics go.

        Raises:
            ValueError: a value is nested deeper, or less deep, than its metric has levels.
        """
        labels, plain, append = self.labels, self._plain, out.append
        for name, value in measurements.items():
            meaning = plain.get(name)
            if meaning is None or value.__class__ is dict:
                self._export_other(name, value, timestamp, out)
                continue
            type_, help_, unit, granularity = meaning
            append(Metric(name, value, labels, type_, help_, unit, granularity, timestamp))

    def _export_other(self, name: str, value: Any, timestamp: float, out: list[Metric]) -> None:
        """Export what has levels, or what has none and is seen for the first time."""
        entry = self._catalogue.get(name)
        if entry is None:
            if isinstance(value, dict):
                raise ValueError(f"metric {name}: a nested value needs an entry with level names")
            self._plain[name] = (None, None, None, None)
            out.append(Metric(name, value, self.labels, timestamp=timestamp))
            return
        meaning = (entry.type, entry.help, entry.unit, entry.granularity)
        for keys, number in _leaves(name, len(entry.levels), value):
            labels = self._labels_of(name, entry.levels, keys)
            out.append(Metric(name, number, labels, *meaning, timestamp))
        if not entry.levels:
            self._plain[name] = meaning

    def _labels_of(
        self, name: str, levels: tuple[str, ...], keys: tuple[str, ...]
    ) -> Mapping[str, str]:
        if not keys:
            return self.labels
        labels = self._leveled.get((name, keys))
        if labels is None:
            labels = {**self.labels, **dict(zip(levels, map(str, keys), strict=True))}
            self._leveled[name, keys] = labels
        return labels


def _leaves(name: str, depth: int, value: Any) -> list[tuple[tuple[str, ...], float]]:
    """Every number of a nested value with the keys that lead to it."""
    if isinstance(value, dict) != bool(depth):
        raise ValueError(f"metric {name}: the value's nesting does not match its levels")
    if depth == 0:
        return [((), value)]
    if depth == 1:  # the usual case, without a call for each number
        if any(isinstance(number, dict) for number in value.values()):
            raise ValueError(f"metric {name}: the value's nesting does not match its levels")
        return [((key,), number) for key, number in value.items()]
    return [
        ((key, *keys), number)
        for key, inner in value.items()
        for keys, number in _leaves(name, depth - 1, inner)
    ]
