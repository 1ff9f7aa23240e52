"""The shipped contract suite, on the storages of our own, and on ones that break it."""

import threading
import time

import pytest

from tests.storage.delivery_parts import ScriptedTarget
from wca.errors import FailedDeliveryException
from wca.metrics import Metric
from wca.storage import (
    AggregatingStorage,
    FilterStorage,
    LogStorage,
    MultiStorage,
    RelabelStorage,
    Storage,
)
from wca.storage.delivery import Parcel
from wca.storage.ledger import Ledger
from wca.storage.network import Encoding, NetworkStorage
from wca.testing import RecordingStorage, StorageContract


class InAFolder(StorageContract):
    """One storage in front of a file, which in the failing case has no folder."""

    __test__ = False

    @pytest.fixture(autouse=True)
    def place(self, tmp_path):
        self.path = str(tmp_path / "metrics.prom")
        self.missing = str(tmp_path / "missing" / "metrics.prom")

    def storage(self):
        return self.before([LogStorage(self.path), RecordingStorage()])

    def failing_storage(self):
        return self.before([LogStorage(self.missing), Away()])

    def before(self, storages):
        raise NotImplementedError


class Away(RecordingStorage):
    """A storage of a plugin whose target is away, and which takes all the time it gets."""

    failing = "nobody there"

    def store(self, metrics):
        raise FailedDeliveryException("nobody there")

    def close(self, timeout=5.0):
        time.sleep(timeout if timeout < 1 else 0)


class TestLogStorageOnStandardOutput(StorageContract):
    def storage(self):
        return LogStorage()


class TestLogStorageThatAppends(InAFolder):
    __test__ = True

    def storage(self):
        return LogStorage(self.path)

    def failing_storage(self):
        return LogStorage(self.missing)


class TestLogStorageThatOverwrites(InAFolder):
    __test__ = True

    def storage(self):
        return LogStorage(self.path, overwrite=True)

    def failing_storage(self):
        return LogStorage(self.missing, overwrite=True)


class TestFilterStorage(InAFolder):
    __test__ = True

    def before(self, storages):
        return FilterStorage(storages, filter=["task_.*", "odd", "m1.*"], labels={"task_id": ".*"})


class TestRelabelStorage(InAFolder):
    __test__ = True

    def before(self, storages):
        return RelabelStorage(
            storages,
            drop_metrics=["m2.*"],
            rename_metrics={"task_(.*)": r"t_\1"},
            replace_values=[
                {"label": "label", "regexp": "(.)", "value": r"\1\1"},
                {"label": "task_id", "regexp": "task(.*)", "value": r"\1", "into": "number"},
            ],
            drop_labels=["a-.*"],
            rename_labels={"task_id": "task"},
            add_labels={"env": "test"},
        )


class TestMultiStorage(InAFolder):
    __test__ = True

    def before(self, storages):
        return MultiStorage(storages)


class TestAggregatingStorage(InAFolder):
    __test__ = True

    def before(self, storages):
        return AggregatingStorage(
            storages, 60.0, {"task_up": ["median", "max"], "odd": "p99.9", "m1.*": "mean"}
        )


class TestStoragesInsideStorages(InAFolder):
    __test__ = True

    def before(self, storages):
        aggregating = AggregatingStorage(storages, 1.0, max_series=100, max_values=10)
        relabelling = RelabelStorage([aggregating], add_labels={"env": "test"})
        return MultiStorage([FilterStorage([relabelling], exclude=["m3.*"]), *storages])


def network(absent=None):
    """A storage with a queue and a ledger, whose target takes everything, or is away."""

    def encode(metrics, now):
        return Encoding([Parcel(b"body", len(metrics), now)] if metrics else [], [])

    target = ScriptedTarget()
    target.absent = absent
    return NetworkStorage(target, encode, name="network", timeout=0.5)


class TestANetworkBehindOthers(StorageContract):
    def storage(self):
        return self.before(network())

    def failing_storage(self):
        return self.before(network("nobody there"))

    def before(self, storage):
        aggregating = AggregatingStorage([storage], 1.0)
        return MultiStorage([FilterStorage([storage], exclude=["b"]), aggregating])


class TestRecordingStorage(StorageContract):
    def storage(self):
        return RecordingStorage()

    def failing_storage(self):
        return Away()


class Careless(Storage):
    """Breaks everything that the contract asks for."""

    def __init__(self):
        self.file = open("/dev/null", "w")  # noqa: SIM115 - that is the point
        self.thread = threading.Timer(0.2, print)
        self.thread.start()

    def store(self, metrics):
        metrics[0].labels["host"] = "h"
        "".join(label for metric in metrics for label in metric.labels.values())

    def close(self, timeout):
        self.thread.cancel()
        self.thread.join()
        self.file.close()
        self.thread = None

    def check(self):
        return "nothing to say"


class CarelessWithBooks(Storage):
    """Counts what it has been given and not what became of it, and waits for ever."""

    def __init__(self):
        self.ledger = Ledger()
        self.closed = False

    def store(self, metrics):
        if self.closed:
            raise RuntimeError("closed")
        self.ledger.collect(len(metrics))
        self.ledger.deliver(len(metrics) + 1)

    def close(self):
        self.closed = True


BROKEN = [
    "test_constructing_opens_nothing",
    "test_check_gives_sentences",
    "test_an_empty_batch_is_accepted",
    "test_odd_labels_cost_at_most_the_delivery",
    "test_a_batch_is_left_as_it_was",
    "test_close_is_safe_twice",
]
BROKEN_BOOKS = [
    "test_its_abilities_can_be_called_as_the_agent_calls_them",
    "test_a_huge_batch_is_taken",
    "test_two_threads_may_store_at_once",
    "test_a_late_batch_costs_at_most_the_delivery",
    "test_a_target_that_is_away_costs_at_most_the_delivery",
    "test_close_keeps_its_deadline_when_the_target_is_away",
]


@pytest.mark.parametrize("test", BROKEN)
def test_the_contract_suite_finds_what_a_careless_storage_does(test):
    made = []

    class Suite(StorageContract):
        __test__ = False

        def storage(self):
            made.append(Careless())
            return made[-1]

    with pytest.raises((AssertionError, IndexError, TypeError, AttributeError)):
        getattr(Suite(), test)()
    for storage in made:
        if storage.thread is not None:
            storage.close(0.0)


@pytest.mark.parametrize("test", BROKEN_BOOKS)
def test_the_contract_suite_finds_books_that_do_not_balance(test):
    class Suite(StorageContract):
        __test__ = False

        def storage(self):
            return CarelessWithBooks()

        failing_storage = storage

    with pytest.raises((AssertionError, RuntimeError, TypeError)):
        getattr(Suite(), test)()


def test_the_contract_suite_finds_a_close_that_takes_too_long(monkeypatch):
    monkeypatch.setattr("wca.testing.storage._PATIENCE", 0.0)

    class Slow(RecordingStorage):
        def close(self, timeout=5.0):
            time.sleep(0.6)

    class Suite(StorageContract):
        __test__ = False

        def failing_storage(self):
            return Slow()

    with pytest.raises(AssertionError):
        Suite().test_close_keeps_its_deadline_when_the_target_is_away()


def test_a_recording_storage_keeps_batches_apart():
    storage = RecordingStorage()
    assert storage.names == []
    batch = [Metric("a", 1), Metric("b", 1)]
    storage.store(batch)
    batch.clear()
    storage.store([Metric("c", 1)])
    assert [len(stored) for stored in storage.batches] == [2, 1]
    assert storage.names == ["c"]
