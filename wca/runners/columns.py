"""Metrics that a runner stores beside those of tasks and machine, as series that stay."""

from collections.abc import Mapping, Sequence

from wca.metrics import CATALOGUE, Metric
from wca.metrics.batch import Batch, Series

__all__ = ["Columns", "catalogued"]


class Columns:
    """Metrics to series; those that are the same as the last time are the same objects."""

    def __init__(self) -> None:
        self._heads: list[tuple[object, ...]] = []
        self._series: tuple[Series, ...] = ()

    def add(self, metrics: Sequence[Metric], common: Mapping[str, str], out: Batch) -> None:
        """Add metrics to a batch.

        Args:
            metrics: of this interval.
            common: labels that win over theirs.
            out: takes them.
        """
        heads = [
            (one.name, {**one.labels, **common}, one.type, one.help, one.unit, one.granularity)
            for one in metrics
        ]
        if heads != self._heads:
            self._heads = list(heads)
            self._series = tuple(Series(*head) for head in heads)
        out.add(self._series, [one.value for one in metrics])


def catalogued(name: str, value: float, labels: Mapping[str, str] | None = None) -> Metric:
    """A metric of the catalogue."""
    entry = CATALOGUE[name]
    return Metric(
        name, value, dict(labels or {}), entry.type, entry.help, entry.unit, entry.granularity
    )
