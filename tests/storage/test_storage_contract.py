"""The shipped contract suite, on the storages of our own, and on ones that break it."""

import threading

import pytest

from wca.metrics import Metric
from wca.storage import FilterStorage, LogStorage, Storage
from wca.testing import RecordingStorage, StorageContract


class InAFolder(StorageContract):
    __test__ = False

    @pytest.fixture(autouse=True)
    def place(self, tmp_path):
        self.path = str(tmp_path / "metrics.prom")


class TestLogStorageOnStandardOutput(StorageContract):
    def storage(self):
        return LogStorage()


class TestLogStorageThatAppends(InAFolder):
    __test__ = True

    def storage(self):
        return LogStorage(self.path)


class TestLogStorageThatOverwrites(InAFolder):
    __test__ = True

    def storage(self):
        return LogStorage(self.path, overwrite=True)


class TestFilterStorage(InAFolder):
    __test__ = True

    def storage(self):
        return FilterStorage([LogStorage(self.path), RecordingStorage()], filter=["task_up"])


class TestRecordingStorage(StorageContract):
    def storage(self):
        return RecordingStorage()


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


BROKEN = [
    "test_constructing_opens_nothing",
    "test_an_empty_batch_is_accepted",
    "test_odd_labels_cost_at_most_the_delivery",
    "test_a_batch_is_left_as_it_was",
    "test_close_is_safe_twice",
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


def test_a_recording_storage_keeps_batches_apart():
    storage = RecordingStorage()
    assert storage.names == []
    batch = [Metric("a", 1), Metric("b", 1)]
    storage.store(batch)
    batch.clear()
    storage.store([Metric("c", 1)])
    assert [len(stored) for stored in storage.batches] == [2, 1]
    assert storage.names == ["c"]
