"""For tests of storages, and of what feeds them."""
# ruff: noqa: S101 - a contract suite is made of asserts

import contextlib
import copy
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

from wca.abilities import ability_problems
from wca.errors import FailedDeliveryException, StartError
from wca.metrics import Batch, Metric, Series
from wca.storage.api import Storage
from wca.storage.ledger import ledger_of
from wca.testing.leaks import open_things

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


#: Samples of a huge batch, as a node with a thousand tasks and perf events may have.
_HUGE = 50_000
#: What a machine that is busy with other things may add to a time that was promised, in seconds.
_PATIENCE = 3.0


class StorageContract:
    """What every storage must do.

    Make a subclass named ``Test...`` and override ``storage``, and ``failing_storage`` where
    delivery can fail::

        class TestMyStorage(StorageContract):
            @pytest.fixture(autouse=True)
            def place(self, tmp_path):
                self.folder = tmp_path

            def storage(self):
                return MyStorage(str(self.folder / "out"))

            def failing_storage(self):
                return MyStorage(str(self.folder / "missing" / "out"))
    """

    def storage(self) -> Storage:
        """Make a storage that works here; called several times in one test."""
        raise NotImplementedError

    def failing_storage(self) -> Storage | None:
        """Make a storage whose target is away; None: there is no such state, nothing is tested."""
        return None

    def metrics(self) -> list[Metric]:
        """An ordinary batch."""
        return [
            Metric("task_up", 1, {"task_id": task}, "gauge", "1 for every task.", timestamp=1e9)
            for task in ("a", "b")
        ]

    def test_it_is_a_storage(self) -> None:
        """The configuration builds only what derives from Storage."""
        assert isinstance(self.storage(), Storage)

    def test_its_abilities_can_be_called_as_the_agent_calls_them(self) -> None:
        """A ``close`` without the parameter would fail at the worst moment."""
        assert ability_problems(self.storage()) == []

    def test_constructing_opens_nothing(self) -> None:
        """A configuration is checked on any machine: the constructor only stores and validates."""
        before = open_things()
        storage = self.storage()
        assert open_things() == before, f"{type(storage).__name__}() opened something"

    def test_check_gives_sentences(self) -> None:
        """They are printed as they are, each as one problem."""
        for storage in self._all_storages():
            check: Callable[[], object] | None = getattr(storage, "check", None)
            problems = check() if check is not None else []
            assert isinstance(problems, list)
            assert all(isinstance(problem, str) and problem for problem in problems)

    def test_close_gives_back_what_start_and_store_took(self) -> None:
        """No descriptor and no thread outlives the storage."""
        before = open_things()
        self._store(self.metrics())
        assert open_things() == before

    def test_it_stores_without_start(self) -> None:
        """Usable from plain Python, where nobody calls start."""
        with self._closing(self.storage()) as storage:
            storage.store(self.metrics())

    def test_starting_twice_is_starting_once(self) -> None:
        """Two storages may hand on to the same one, and each of them starts it."""
        with self._closing(self.storage()) as storage:
            _call(storage, "start")
            _call(storage, "start")
            storage.store(self.metrics())

    def test_an_empty_batch_is_accepted(self) -> None:
        """An interval without metrics is no failure."""
        self._store([])

    def test_a_batch_of_columns_is_taken_where_the_storage_says_so(self) -> None:
        """The loop hands over its own batch, an empty one as well."""
        for size in (0, 3):
            if self.storage().takes_batches:
                self._store(_columns(size))

    def test_a_huge_batch_is_taken(self) -> None:
        """As a list, and in columns where the storage takes them."""
        metrics = _columns(_HUGE)
        with self._started(self.storage()) as storage:
            self._try(storage, list(metrics))
            if storage.takes_batches:
                self._try(storage, metrics)

    def test_odd_labels_cost_at_most_the_delivery(self) -> None:
        """Whatever a label contains, nothing but FailedDeliveryException comes out."""
        odd: list[Any] = ["", "\n", '"', "\\", "é\u2028", "\ud800", "\0", "x" * 10_000, 5, None, []]
        with self._started(self.storage()) as storage:
            self._try(storage, [Metric("odd", 1.0, {"label": value}) for value in odd])
            for value in odd:
                labels: dict[Any, Any] = {"label": value, "a-b": "", 5: value}
                self._try(storage, [Metric("odd", 1.0, labels)])
                self._try(storage, [Metric("odd", 1.0, value), Metric(value, 1.0)])

    def test_odd_values_cost_at_most_the_delivery(self) -> None:
        """The same for values that are not finite, or no numbers."""
        odd: list[Any] = [float("nan"), float("inf"), float("-inf"), True, 10**400, None, "1", []]
        with self._started(self.storage()) as storage:
            metrics = [Metric("odd", value, {"i": str(i)}) for i, value in enumerate(odd)]
            self._try(storage, metrics)
            self._try(storage, [Metric("odd", 1, timestamp=value) for value in odd])

    def test_a_batch_is_left_as_it_was(self) -> None:
        """Other storages get the same list and the same metrics."""
        batch = self.metrics()
        expected = copy.deepcopy(batch)
        self._store(batch)
        assert batch == expected

    def test_two_threads_may_store_at_once(self) -> None:
        """Two fields of a configuration may name one storage, each with a thread of its own."""
        with self._started(self.storage()) as storage:
            _at_once(2, lambda: self._try(storage, self.metrics(), times=20))
            _assert_balanced(storage)

    def test_close_is_safe_without_start(self) -> None:
        """A runner closes all of its components when one of them cannot start."""
        for storage in self._all_storages():
            _call(storage, "close", 5.0)

    def test_close_is_safe_twice(self) -> None:
        """A storage that several fields share may be closed by each of them."""
        with self._started(self.storage()) as storage:
            _call(storage, "close", 5.0)

    def test_a_late_batch_costs_at_most_the_delivery(self) -> None:
        """What comes after the end is taken or lost, and breaks nothing."""
        with self._started(self.storage()) as storage:
            _call(storage, "close", 5.0)
            self._try(storage, self.metrics())
            _assert_balanced(storage)

    def test_a_target_that_is_away_costs_at_most_the_delivery(self) -> None:
        """Again and again; the storage says why, in words."""
        failing = self.failing_storage()
        if failing is None:
            return
        with self._started(failing) as storage:
            for _ in range(3):
                self._try(storage, self.metrics())
            reason = getattr(storage, "failing", None)
            assert reason is None or (isinstance(reason, str) and reason)

    def test_close_keeps_its_deadline_when_the_target_is_away(self) -> None:
        """The time it was given, however long delivery would take."""
        failing = self.failing_storage()
        if failing is None:
            return
        with self._started(failing) as storage:
            self._try(storage, self.metrics())
            began = time.monotonic()
            _call(storage, "close", 0.5)
            assert time.monotonic() - began < 0.5 + _PATIENCE
            _assert_balanced(storage)

    def _all_storages(self) -> list[Storage]:
        failing = self.failing_storage()
        return [self.storage(), *([] if failing is None else [failing])]

    def _store(self, metrics: Sequence[Metric]) -> None:
        with self._started(self.storage()) as storage:
            storage.store(metrics)
            _assert_balanced(storage)

    def _try(self, storage: Storage, metrics: Sequence[Metric], times: int = 1) -> None:
        for _ in range(times):
            with contextlib.suppress(FailedDeliveryException):
                storage.store(metrics)
            _assert_balanced(storage)

    @contextlib.contextmanager
    def _closing(self, storage: Storage) -> Iterator[Storage]:
        try:
            yield storage
        finally:
            _call(storage, "close", 5.0)
        _assert_balanced(storage)

    @contextlib.contextmanager
    def _started(self, storage: Storage) -> Iterator[Storage]:
        """Start, where that is possible at the moment, and close."""
        with self._closing(storage):
            with contextlib.suppress(StartError):
                _call(storage, "start")
            yield storage


def _call(storage: Storage, ability: str, *arguments: float) -> None:
    method: Callable[..., object] | None = getattr(storage, ability, None)
    if method is not None:
        method(*arguments)


def _columns(size: int) -> Batch:
    """A batch as the loop makes it, of some series for each of many tasks."""
    batch = Batch(1e9)
    labels = {"host": "h", "task_id": "t"}
    for start in range(0, size, 50):
        own = {**labels, "task_id": f"task{start}"}
        numbers = range(start, min(start + 50, size))
        series = tuple(Series(f"m{n % 50}", own, "gauge", "A number.") for n in numbers)
        batch.add(series, [float(number) for number in numbers])
    return batch


def _assert_balanced(storage: Storage) -> None:
    """Every sample that the storage, or one inside it, has taken is in one place."""
    ledger = ledger_of(storage)
    if ledger is not None:
        books = ledger.account
        counted = books.delivered + sum(books.dropped.values()) + books.waiting
        assert books.collected + books.recovered == counted, f"the ledger does not balance: {books}"
        assert books.waiting >= 0
    for inside in getattr(storage, "storages", ()):
        _assert_balanced(inside)


def _at_once(count: int, work: Callable[[], object]) -> None:
    """Do something on several threads; what one of them raises comes out here."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors:
        raise error
