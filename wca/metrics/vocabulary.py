"""The same metrics under other names: Prometheus' or cAdvisor's."""

import enum
import operator
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from wca.errors import ValidationError
from wca.metrics.batch import Batch, Series
from wca.metrics.conversions import Conversion, moment
from wca.metrics.metric import Metric
from wca.metrics.renaming import Renaming, Row

__all__ = ["Names", "Vocabulary"]

_HOST = frozenset({"host"})


class Names(enum.StrEnum):
    """Whose names metrics have."""

    WCA = "wca"
    PROMETHEUS = "prometheus"
    CADVISOR = "cadvisor"


@dataclass(frozen=True, slots=True)
class _Block:
    """A block of a batch and what became of it.

    Args:
        source: held, so that its ``id`` stays its own.
        series: the same series under other names, in the same order.
        converted: position in the block of each value that is another one now, and how.
    """

    source: tuple[Series, ...]
    series: tuple[Series, ...]
    converted: tuple[tuple[int, Conversion], ...]


class Vocabulary:
    """Translates batch after batch and keeps what they have in common. Used by one thread.

    A batch of the same blocks as the one before costs a copy of its values: series are translated
    once, and the encoder sees from the blocks that they are still the same.

    With names other than ``wca`` the facts of the machine (``sockets``, ``cores``, ``cpus``,
    ``cpu_model``, ``wca_version``) stay with ``wca_information`` only, and a task's series keep of
    the task's labels only those that are listed, besides those that the batch says all series have,
    such as ``extra_labels``; ``host`` always stays.

    Args:
        names: whose names.
        labels: which labels of a task stay, besides those that tell series apart; None: see
            ``TASK_LABELS``.

    Raises:
        ValidationError: ``names`` is none of them, or there are ``labels`` to choose from names
            that keep all.
    """

    def __init__(self, names: Names, labels: Collection[str] | None = None) -> None:
        if names not in tuple(Names):
            raise ValidationError(f"{names!r} are no names: write wca, prometheus or cadvisor")
        if names == Names.WCA and labels is not None:
            raise ValidationError(
                "task_labels is for names: prometheus and names: cadvisor; with names: wca every "
                "label stays: leave task_labels out"
            )
        self.names = Names(names)
        self._renaming = Renaming(labels, cadvisor=self.names is Names.CADVISOR)
        self._sources: list[tuple[Series, ...]] = []
        self._translated: list[_Block] = []
        self._converted: list[tuple[int, Conversion]] = []
        self._blocks: dict[int, _Block] = {}
        self._common = _HOST
        self._columns: _Columns | None = None
        self._rows: Sequence[Row | None] = ()

    def translate(self, metrics: Sequence[Metric]) -> Sequence[Metric]:
        """The same samples in the same order under other names.

        Args:
            metrics: a batch, or any other sequence of metrics; it stays as it is.

        Returns:
            A Batch for a Batch, and with names ``wca`` the same object.
        """
        if self.names is Names.WCA:
            return metrics
        if isinstance(metrics, Batch):
            return self._batch(metrics)
        return [_renamed(*one) for one in zip(metrics, self._rows_of(metrics), strict=True)]

    def _batch(self, batch: Batch) -> Batch:
        common = _HOST | batch.common.keys()
        if common != self._common:
            self._common, self._blocks, self._sources = common, {}, []
        if batch.blocks != self._sources:
            self._renew(batch.blocks)
        values = batch.values.copy()
        for position, convert in self._converted:
            values[position] = convert(values[position], batch.timestamp)
        translated = Batch(batch.timestamp, batch.common)
        translated.blocks = [block.series for block in self._translated]
        translated.values = values
        return translated

    def _renew(self, blocks: Iterable[tuple[Series, ...]]) -> None:
        """Translate the blocks that are new; forget those that are gone."""
        self._sources = list(blocks)
        known, self._blocks = self._blocks, {}
        self._translated, self._converted = [], []
        start = 0
        for source in self._sources:
            block = known.get(id(source)) or self._blocks.get(id(source)) or self._block(source)
            self._blocks[id(source)] = block
            self._translated.append(block)
            self._converted += [(start + place, convert) for place, convert in block.converted]
            start += len(source)

    def _rows_of(self, metrics: Sequence[Metric]) -> Sequence[Row | None]:
        """Rows of the metrics: those of last time where the metrics differ in their values only."""
        columns = _columns_of(metrics)
        if self._columns is None or not columns.same_as(self._columns):
            self._columns, self._rows = columns, self._renaming.rows_of(metrics, _HOST)
        return self._rows

    def _block(self, source: tuple[Series, ...]) -> _Block:
        series = []
        converted = []
        for place, (one, row) in enumerate(
            zip(source, self._renaming.rows_of(source, self._common), strict=True)
        ):
            if row is None:
                series.append(one)
                continue
            texts = row.type, row.help, row.unit, one.granularity
            series.append(Series(row.name, row.labels, *texts))
            if row.convert is not None:
                converted.append((place, row.convert))
        return _Block(source, tuple(series), tuple(converted))


@dataclass(frozen=True, slots=True)
class _Columns:
    """All of a list of metrics that its rows depend on."""

    labels: list[Mapping[str, str]]
    texts: list[tuple[str | None, ...]]

    def same_as(self, other: "_Columns") -> bool:
        """Whether the rows would be the same. Labels are compared by identity, as for a text."""
        return self.texts == other.texts and all(map(operator.is_, self.labels, other.labels))


def _columns_of(metrics: Sequence[Metric]) -> _Columns:
    return _Columns(
        [one.labels for one in metrics],
        [(one.name, one.type, one.help, one.unit, one.granularity) for one in metrics],
    )


def _renamed(metric: Metric, row: Row | None) -> Metric:
    # An age without the time at which it was so old stays an age, under its own name.
    if row is None or (row.convert is moment and metric.timestamp is None):
        return metric
    return Metric(
        row.name,
        metric.value if row.convert is None else row.convert(metric.value, metric.timestamp),
        row.labels,
        row.type,
        row.help,
        row.unit,
        metric.granularity,
        metric.timestamp,
        metric.start_time,
    )
