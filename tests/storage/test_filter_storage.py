"""FilterStorage: several storages behind one face."""

import pytest

from wca.errors import FailedDeliveryException, StartError, ValidationError
from wca.metrics import Metric
from wca.storage import FilterStorage, Storage
from wca.testing import FakeClock, RecordingStorage

BATCH = [Metric("a", 1), Metric("b", 2), Metric("a", 3, {"x": "y"})]


class Minimal(Storage):
    """A storage as a plugin writes it: without any optional ability."""

    def __init__(self):
        self.stored = 0

    def store(self, metrics):
        self.stored += 1


def test_every_storage_gets_every_metric_without_a_filter():
    storages = [RecordingStorage(), RecordingStorage()]
    FilterStorage(storages).store(BATCH)
    assert [storage.batches for storage in storages] == [[BATCH], [BATCH]]


def test_only_the_named_metrics_pass():
    storage = RecordingStorage()
    FilterStorage([storage], filter=["a", "unknown"]).store(BATCH)
    assert storage.batches == [[BATCH[0], BATCH[2]]]


def test_an_empty_filter_lets_nothing_pass():
    storage = RecordingStorage()
    FilterStorage([storage], filter=[]).store(BATCH)
    assert storage.batches == [[]]


def test_a_storage_that_fails_does_not_keep_the_batch_from_the_others():
    storages = [
        RecordingStorage(error=FailedDeliveryException("no broker")),
        RecordingStorage(),
        RecordingStorage(error=TypeError("a defect")),
        RecordingStorage(),
    ]
    with pytest.raises(FailedDeliveryException) as raised:
        FilterStorage(storages).store(BATCH)
    assert [len(storage.batches) for storage in storages] == [1, 1, 1, 1]
    assert str(raised.value) == (
        "2 of 4 storages failed: RecordingStorage: no broker; RecordingStorage: TypeError: a defect"
    )


def test_start_and_close_reach_every_storage():
    storages = [RecordingStorage(), Minimal(), RecordingStorage()]
    both = FilterStorage(storages)
    both.start()
    both.store(BATCH)
    both.close(1.0)
    assert [storages[0].started, storages[2].started] == [1, 1]
    assert [storages[0].closed, storages[2].closed] == [1, 1]
    assert storages[1].stored == 1


def test_storages_are_closed_in_reverse_within_one_timeout():
    clock = FakeClock()
    closed = []

    class Slow(RecordingStorage):
        def close(self, timeout):
            closed.append((self, timeout))
            clock.advance(2.0)

    storages = [Slow(), Slow(), Slow()]
    FilterStorage(storages, clock=clock).close(3.0)
    assert closed == list(zip(reversed(storages), [3.0, 1.0, 0.0], strict=True))


def test_a_storage_that_does_not_close_keeps_no_other_open(caplog):
    class Broken(RecordingStorage):
        def close(self, timeout):
            raise ValueError("cannot")

    other = RecordingStorage()
    FilterStorage([other, Broken()]).close(1.0)
    assert other.closed == 1
    assert "Broken did not close" in caplog.text


def test_when_one_cannot_start_those_before_it_are_closed():
    class Broken(RecordingStorage):
        def start(self):
            raise StartError("write a broker's address")

    first, last = RecordingStorage(), RecordingStorage()
    with pytest.raises(StartError, match="a broker's address"):
        FilterStorage([first, Broken(), last]).start()
    assert (first.started, first.closed) == (1, 1)
    assert (last.started, last.closed) == (0, 0)


def test_check_names_the_storage_of_each_problem():
    class Picky(RecordingStorage):
        def check(self):
            return ["no folder"]

    assert FilterStorage([Minimal(), Picky()]).check() == ["Picky: no folder"]


def test_there_must_be_a_storage():
    with pytest.raises(ValidationError, match="at least one"):
        FilterStorage([])
