"""Metrics to several storages."""

from collections.abc import Sequence

from wca.metrics import Metric
from wca.storage.composing.composite import CompositeStorage

__all__ = ["MultiStorage"]


class MultiStorage(CompositeStorage):
    """Hands every batch to several storages.

    A storage that fails does not keep the batch from the ones after it; a slow one delays them.

    Args:
        storages: where the metrics go.
        clock: measures what remains of the time to close.

    Raises:
        ValidationError: there is no storage.
    """

    def store(self, metrics: Sequence[Metric]) -> None:
        """Hand a batch on.

        Raises:
            FailedDeliveryException: says which storages failed and why; the others have it.
        """
        self.pass_on(metrics)
