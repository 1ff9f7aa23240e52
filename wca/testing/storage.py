"""For tests of storages, and of what feeds them."""
# ruff: noqa: S101 - a contract suite is made of asserts

import copy
import gc
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from wca.errors import FailedDeliveryException
from wca.metrics import Metric
from wca.storage.api import Storage

__all__ = ["RecordingStorage", "StorageContract"]


class RecordingStorage(Storage):
    """Keeps every batch in memory.

    Args:
        error: raised by every ``store``, after the batch was recorded.
    """

    blocking: ClassVar[bool] = False

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.batches: list[list[Metric]] = []
        self.started = 0
        self.closed = 0

    def start(self) -> None:
        """Count the call."""
        self.started += 1

    def store(self, metrics: Sequence[Metric]) -> None:
        """Record a batch."""
        self.batches.append(list(metrics))
        if self.error is not None:
            raise self.error

    def close(self, timeout: float = 0.0) -> None:  # noqa: ARG002 - the contract's parameter
        """Count the call."""
        self.closed += 1

    @property
    def names(self) -> list[str]:
        """Metric names of the last batch, in order; empty before the first."""
        return [metric.name for metric in self.batches[-1]] if self.batches else []


class StorageContract:
    """What every storage must do.

    Make a subclass named ``Test...`` and override ``storage``::

    class TestMyStorage(StorageContract):
        @pytest.fixture(autouse=True)
        def place(self, tmp_path):
            self.path = tmp_path / "out"

        def storage(self):
            return MyStorage(str(self.path))
    """

    def storage(self) -> Storage:
        """Make a storage that works here; called several times in one test."""
        raise NotImplementedError

    def metrics(self) -> list[Metric]:
        """An ordinary batch."""
        return [
            Metric("task_up", 1, {"task_id": task}, "gauge", "1 for every task.", timestamp=1e9)
            for task in ("a", "b")
        ]

    def test_it_is_a_storage(self) -> None:
        """The configuration builds only what derives from Storage."""
        assert isinstance(self.storage(), Storage)

    def test_constructing_opens_nothing(self) -> None:
        """A configuration is checked on any machine: the constructor only stores and validates."""
        before = _open_things()
        storage = self.storage()
        assert _open_things() == before, f"{type(storage).__name__}() opened something"

    def test_close_gives_back_what_start_and_store_took(self) -> None:
        """No descriptor and no thread outlives the storage."""
        before = _open_things()
        storage = self.storage()
        _call(storage, "start")
        storage.store(self.metrics())
        _call(storage, "close", 5.0)
        gc.collect()
        assert _open_things() == before

    def test_it_stores_without_start(self) -> None:
        """Usable from plain Python, where nobody calls start."""
        storage = self.storage()
        storage.store(self.metrics())
        _call(storage, "close", 5.0)

    def test_an_empty_batch_is_accepted(self) -> None:
        """An interval without metrics is no failure."""
        self._store([])

    def test_odd_labels_cost_at_most_the_delivery(self) -> None:
        """Whatever a label contains, nothing but FailedDeliveryException comes out."""
        odd: list[Any] = ["", "\n", '"', "\\", "é\u2028", "\ud800", "\0", "x" * 10_000, 5, None]
        try:
            self._store([Metric("odd", 1.0, {"label": value}) for value in odd])
        except FailedDeliveryException:
            return

    def test_odd_values_cost_at_most_the_delivery(self) -> None:
        """The same for values that are not finite, or no numbers."""
        odd: list[Any] = [float("nan"), float("inf"), float("-inf"), True, 10**400, None, "1"]
        try:
            self._store([Metric("odd", value, {"i": str(i)}) for i, value in enumerate(odd)])
        except FailedDeliveryException:
            return

    def test_a_batch_is_left_as_it_was(self) -> None:
        """Other storages get the same list and the same metrics."""
        batch = self.metrics()
        expected = copy.deepcopy(batch)
        self._store(batch)
        assert batch == expected

    def test_close_is_safe_without_start(self) -> None:
        """A runner closes all of its components when one of them cannot start."""
        _call(self.storage(), "close", 5.0)

    def test_close_is_safe_twice(self) -> None:
        """A storage that several fields share may be closed by each of them."""
        storage = self.storage()
        _call(storage, "start")
        _call(storage, "close", 5.0)
        _call(storage, "close", 5.0)

    def _store(self, metrics: list[Metric]) -> None:
        storage = self.storage()
        _call(storage, "start")
        try:
            storage.store(metrics)
        finally:
            _call(storage, "close", 5.0)


def _call(storage: Storage, ability: str, *arguments: float) -> None:
    method: Callable[..., object] | None = getattr(storage, ability, None)
    if method is not None:
        method(*arguments)


def _open_things() -> tuple[list[str], int]:
    return sorted(os.listdir("/proc/self/fd")), threading.active_count()
