"""Metrics to several storages, all of them or by name and labels."""

import threading
from collections.abc import Sequence
from typing import Annotated

from wca.clock import Clock
from wca.config.types import Injected, LabelName
from wca.metrics import Metric
from wca.metrics.patterns import LabelPatterns, NamePatterns
from wca.storage.api import Storage
from wca.storage.composing.composite import CompositeStorage
from wca.storage.composing.rewriting import One, Rewriter

__all__ = ["FilterStorage"]


class FilterStorage(CompositeStorage):
    """Hands chosen metrics on to several storages, one after the other.

    A storage that fails does not keep the batch from the ones after it; a slow one delays them.
    What is left out is counted in ``filtered``.

    Args:
        storages: where the metrics go.
        filter: names of the metrics to hand on, or regular expressions that match a whole name,
            such as ``task_mem_.*``; by default all.
        exclude: names or expressions of metrics that are left out, of those that ``filter`` takes.
        labels: regular expressions by label, which the whole value must match for a metric to be
            handed on. A label that a metric does not have counts as empty.
        exclude_labels: the same for what is left out: a metric of which one label matches.
        clock: measures what remains of the time to close.

    Raises:
        ValidationError: there is no storage, or an expression is none.
    """

    def __init__(
        self,
        storages: list[Storage],
        filter: list[str] | None = None,  # noqa: A002 - public name of the first release
        exclude: list[str] | None = None,
        labels: dict[Annotated[str, LabelName()], str] | None = None,
        exclude_labels: dict[Annotated[str, LabelName()], str] | None = None,
        *,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        super().__init__(storages, clock=clock)
        self.filter = filter
        self.exclude = exclude
        self.labels = labels
        self.exclude_labels = exclude_labels
        self._wanted = None if filter is None else NamePatterns(filter, "filter")
        self._unwanted = NamePatterns(exclude or (), "exclude")
        self._labels = LabelPatterns(labels or {}, "labels")
        self._unwanted_labels = LabelPatterns(exclude_labels or {}, "exclude_labels")
        self._takes_all = filter is None and not (exclude or labels or exclude_labels)
        self._rewriter = Rewriter(self._choose)
        self._lock = threading.Lock()

    def store(self, metrics: Sequence[Metric]) -> None:
        """Hand the chosen metrics of a batch on.

        Raises:
            FailedDeliveryException: says which storages failed and why; the others have them.
        """
        chosen = metrics
        if not self._takes_all:
            with self._lock:
                chosen = self._rewriter.rewrite(metrics)
            self.count("filtered", len(metrics) - len(chosen))
        self.pass_on(chosen)

    def _choose(self, one: One) -> One | None:
        chosen = (
            (self._wanted is None or self._wanted.match(one.name))
            and not self._unwanted.match(one.name)
            and self._labels.match_all(one.labels)
            and not self._unwanted_labels.match_any(one.labels)
        )
        return one if chosen else None
