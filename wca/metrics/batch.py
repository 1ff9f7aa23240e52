"""The metrics of one sample, kept as columns."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import overload

from wca.metrics.metric import Metric

__all__ = ["Batch", "Series"]


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """All of a metric that stays the same from sample to sample. Two are never equal.

    Args:
        name: see ``Metric``, here and below.
        labels: see ``Metric``.
        type: see ``Metric``.
        help: see ``Metric``.
        unit: see ``Metric``.
        granularity: see ``Metric``.
    """

    name: str
    labels: Mapping[str, str]
    type: str | None = None
    help: str | None = None
    unit: str | None = None
    granularity: str | None = None

    def at(self, value: float, timestamp: float) -> Metric:
        """A sample of this series."""
        return Metric(
            self.name,
            value,
            self.labels,
            self.type,
            self.help,
            self.unit,
            self.granularity,
            timestamp,
        )


class Batch(Sequence[Metric]):
    """A sequence of metrics that share one timestamp; nobody changes it after giving it away.

    A thousand tasks have some twenty thousand series, and from sample to sample only their values
    change. So the loop keeps series and values apart, and ``Metric`` objects are made for a
    storage that asks for them; one that understands batches takes ``values`` as they are, and
    sees from ``blocks`` whether the series are still those of the batch before.

    Args:
        timestamp: Unix time in seconds.
        common: labels that every series has, such as ``host`` and the user's ``extra_labels``.
    """

    def __init__(self, timestamp: float, common: Mapping[str, str] = MappingProxyType({})) -> None:
        self.timestamp = timestamp
        self.common = common
        self.blocks: list[tuple[Series, ...]] = []
        self.values: list[float] = []
        self._metrics: list[Metric] = []

    def add(self, series: tuple[Series, ...], values: Sequence[float]) -> None:
        """Add the samples of one target.

        Args:
            series: the same object as in the batch before, as long as the series are the same.
            values: one value for each.

        Raises:
            ValueError: there are more of one than of the other.
        """
        if len(series) != len(values):
            raise ValueError(f"{len(series)} series and {len(values)} values do not match")
        self.blocks.append(series)
        self.values += values

    def extend(self, other: "Batch") -> None:
        """Add all samples of another batch of the same time."""
        self.blocks += other.blocks
        self.values += other.values

    def series(self) -> list[Series]:
        """The series of all values, in their order."""
        return [one for block in self.blocks for one in block]

    def __repr__(self) -> str:
        return repr(self._made())

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Metric]:
        return iter(self._made())

    @overload
    def __getitem__(self, index: int) -> Metric: ...

    @overload
    def __getitem__(self, index: slice) -> list[Metric]: ...

    def __getitem__(self, index: int | slice) -> Metric | list[Metric]:
        return self._made()[index]

    def _made(self) -> list[Metric]:
        """All metrics, made once: whoever asks again gets the same objects."""
        if len(self._metrics) != len(self.values):
            self._metrics = [
                one.at(value, self.timestamp)
                for one, value in zip(self.series(), self.values, strict=True)
            ]
        return self._metrics
