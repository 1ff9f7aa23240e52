"""Metrics to several storages, all of them or by name."""

import logging
from collections.abc import Sequence
from typing import Annotated

from wca.abilities import ability
from wca.clock import Clock, SystemClock
from wca.config.types import Injected
from wca.errors import PLUGIN_ERRORS, FailedDeliveryException, ValidationError
from wca.metrics import Metric
from wca.storage.api import Storage

__all__ = ["FilterStorage"]

log = logging.getLogger(__name__)


class FilterStorage(Storage):
    """Passes metrics on to several storages, one after the other.

    A storage that fails does not keep the batch from the ones after it; a slow one delays them.

    Args:
        storages: where the metrics go.
        filter: names of the metrics to pass on; by default all.
        clock: measures what remains of the time to close.

    Raises:
        ValidationError: there is no storage.
    """

    def __init__(
        self,
        storages: list[Storage],
        filter: list[str] | None = None,  # noqa: A002 - public name of the first release
        *,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        if not storages:
            raise ValidationError("storages is empty: write at least one storage")
        self.storages = list(storages)
        self.filter = filter
        self._names = None if filter is None else frozenset(filter)
        self._clock = clock or SystemClock()

    @property
    def rejected(self) -> int:
        """Samples left out since start, by the storage that has left out most."""
        return max(getattr(storage, "rejected", 0) for storage in self.storages)

    def start(self) -> None:
        """Start the storages in their order; ``close`` closes them all, started or not.

        Raises:
            StartError: a storage cannot start.
        """
        for storage in self.storages:
            start = ability(storage, "start")
            if start is not None:
                start()

    def store(self, metrics: Sequence[Metric]) -> None:
        """Pass a batch on.

        Raises:
            FailedDeliveryException: says which storages failed and why; the others have it.
        """
        if self._names is not None:
            names = self._names
            metrics = [metric for metric in metrics if metric.name in names]
        failures = [
            failure
            for storage in self.storages
            if (failure := _failure(storage, metrics)) is not None
        ]
        if failures:
            reasons = "; ".join(failures)
            raise FailedDeliveryException(
                f"{len(failures)} of {len(self.storages)} storages failed: {reasons}"
            )

    def close(self, timeout: float = 5.0) -> None:
        """Close the storages in reverse order.

        Args:
            timeout: for all of them together, in seconds.
        """
        deadline = self._clock.monotonic() + timeout
        for storage in reversed(self.storages):
            close = ability(storage, "close")
            if close is None:
                continue
            try:
                close(max(0.0, deadline - self._clock.monotonic()))
            except PLUGIN_ERRORS as error:
                log.error("%s did not close: %s", _name(storage), error)  # noqa: TRY400


def _failure(storage: Storage, metrics: Sequence[Metric]) -> str | None:
    """Store and return why that failed, or None."""
    try:
        storage.store(metrics)
    except FailedDeliveryException as error:
        return f"{_name(storage)}: {error}"
    except PLUGIN_ERRORS as error:  # a plugin's defect must not reach its neighbours
        log.debug("%s raised", _name(storage), exc_info=True)
        return f"{_name(storage)}: {type(error).__name__}: {error}"
    return None


def _name(storage: Storage) -> str:
    return type(storage).__name__
