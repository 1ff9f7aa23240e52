"""Metrics to several storages, under other names and with other labels."""

import dataclasses
import threading
from collections.abc import Mapping, Sequence
from typing import Annotated

from wca.clock import Clock
from wca.config.types import Injected, LabelName
from wca.metrics import Metric
from wca.metrics.patterns import NamePatterns
from wca.storage.api import Storage
from wca.storage.composing.composite import CompositeStorage
from wca.storage.composing.relabelling import LabelRules, NameRules, Replacement
from wca.storage.composing.rewriting import One, Rewriter

__all__ = ["RelabelStorage"]


class RelabelStorage(CompositeStorage):
    r"""Hands metrics on with changed names and labels.

    The rules are applied in the order in which they stand here. Names in lists may be regular
    expressions that match a whole name. A sample that ``drop_metrics`` leaves out is counted in
    ``filtered``. Series that become equal stay two, of which most storages refuse the second.

    Args:
        storages: where the metrics go.
        drop_metrics: names of metrics that are left out.
        rename_metrics: new names by old ones; ``\1`` is the first group of an expression. The
            first rule that matches is taken.
        replace_values: values of labels made from others, one after the other. Where ``regexp``
            matches the whole value of ``label``, ``value`` is written to it, or to the label that
            ``into`` names; ``\1`` is the first group. An empty value takes the label away.
        keep_labels: names of the labels that stay; by default all.
        drop_labels: names of labels that go.
        rename_labels: new names by old ones.
        add_labels: labels of every series, in place of one of the same name.
        clock: measures what remains of the time to close.

    Raises:
        ValidationError: there is no storage, or an expression is none.
    """

    def __init__(
        self,
        storages: list[Storage],
        drop_metrics: list[str] | None = None,
        rename_metrics: dict[str, str] | None = None,
        replace_values: list[Replacement] | None = None,
        keep_labels: list[str] | None = None,
        drop_labels: list[str] | None = None,
        rename_labels: dict[str, Annotated[str, LabelName()]] | None = None,
        add_labels: dict[Annotated[str, LabelName()], str] | None = None,
        *,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        super().__init__(storages, clock=clock)
        self._dropped = NamePatterns(drop_metrics or (), "drop_metrics")
        self._names = NameRules(rename_metrics or {})
        self._labels = LabelRules(
            replace_values or (),
            keep_labels,
            drop_labels or (),
            rename_labels or {},
            add_labels or {},
        )
        self._rewriter = Rewriter(self._change, self._labels.apply)
        self._changed: dict[int, Mapping[str, str]] = {}
        self._lock = threading.Lock()

    def store(self, metrics: Sequence[Metric]) -> None:
        """Hand a changed batch on.

        Raises:
            FailedDeliveryException: says which storages failed and why; the others have it.
        """
        with self._lock:
            changed = self._rewriter.rewrite(metrics)
            self._changed.clear()
        self.count("filtered", len(metrics) - len(changed))
        self.pass_on(changed)

    def _change(self, one: One) -> One | None:
        if not isinstance(one.name, str) or not isinstance(one.labels, Mapping):
            return one  # the storage behind refuses it and says why
        if self._dropped.match(one.name):
            return None
        name = self._names.apply(one.name)
        labels = self._labels_of(one.labels)
        if name == one.name and labels is one.labels:
            return one
        return dataclasses.replace(one, name=name, labels=labels)

    def _labels_of(self, labels: Mapping[str, str]) -> Mapping[str, str]:
        """What many series of a batch share stays shared: an encoder writes it once."""
        key = id(labels)  # of the batch's own mappings, which live as long as the cache
        changed = self._changed.get(key)
        if changed is None:
            changed = self._changed[key] = self._labels.apply(labels)
        return changed
