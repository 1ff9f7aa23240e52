"""Changing or leaving out series of batch after batch, each block of columns worked out once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Protocol, TypeVar

from wca.metrics import Batch, Metric, Series

__all__ = ["Change", "One", "Rewriter"]

One = TypeVar("One", Metric, Series)


class Change(Protocol):
    """Says what becomes of a series; it depends on nothing that changes from sample to sample."""

    def __call__(self, one: One, /) -> One | None:
        """The series or metric as it goes on: the same object, a changed copy; None: left out."""


@dataclass(frozen=True, slots=True)
class _Rewritten:
    """What became of a block.

    Args:
        block: the block; held, so that its ``id`` stays its own.
        series: what goes on; the same object for every batch.
        passing: for each series of the block whether it goes on; None: all do.
    """

    block: tuple[Series, ...]
    series: tuple[Series, ...]
    passing: tuple[bool, ...] | None


class Rewriter:
    """Applies one change to every batch. Used by one thread at a time.

    A ``Batch`` gives a ``Batch``, whose blocks stay the same objects as long as those that come in
    do: an encoder behind it works as it would without it.

    Args:
        change: what to do with each series.
        change_labels: what becomes of the labels that all series have; None: they stay.
    """

    def __init__(
        self,
        change: Change,
        change_labels: Callable[[Mapping[str, str]], Mapping[str, str]] | None = None,
    ) -> None:
        self._change = change
        self._change_labels = change_labels
        self._known: dict[int, _Rewritten] = {}

    def rewrite(self, metrics: Sequence[Metric]) -> Sequence[Metric]:
        """The batch as it goes on; what came in stays as it was."""
        if not isinstance(metrics, Batch):
            return [new for one in metrics if (new := self._change(one)) is not None]
        known, self._known = self._known, {}  # what is not asked for again is forgotten
        common = metrics.common
        out = Batch(
            metrics.timestamp, self._change_labels(common) if self._change_labels else common
        )
        start = 0
        for block in metrics.blocks:
            stop = start + len(block)
            key = id(block)
            done = self._known[key] = known.get(key) or self._work_out(block)
            if done.series:
                values = metrics.values[start:stop]
                passing = done.passing
                out.add(done.series, list(compress(values, passing)) if passing else values)
            start = stop
        return out

    def _work_out(self, block: tuple[Series, ...]) -> _Rewritten:
        changed = [self._change(one) for one in block]
        series = tuple(one for one in changed if one is not None)
        if series == block:  # two series are equal only if they are one
            return _Rewritten(block, block, None)
        if len(series) == len(block):
            return _Rewritten(block, series, None)
        return _Rewritten(block, series, tuple(one is not None for one in changed))
