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


def test_close_after_a_failed_start_reaches_all():
    class Broken(RecordingStorage):
        def start(self):
            raise StartError("write a broker's address")

    first, last = RecordingStorage(), RecordingStorage()
    storage = FilterStorage([first, Broken(), last])
    with pytest.raises(StartError, match="a broker's address"):
        storage.start()
    storage.close()
    assert (first.started, last.started) == (1, 0)
    assert (first.closed, last.closed) == (1, 1)


def test_a_child_that_exits_does_not_keep_the_batch_from_its_neighbours():
    class Exiting(RecordingStorage):
        def store(self, metrics):
            raise SystemExit(3)

    first, last = RecordingStorage(), RecordingStorage()
    with pytest.raises(FailedDeliveryException, match="Exiting: SystemExit: 3"):
        FilterStorage([first, Exiting(), last]).store([Metric("a", 1)])
    assert first.names == last.names == ["a"]


def test_an_attribute_that_happens_to_be_called_start_is_no_ability():
    class Odd(RecordingStorage):
        start = 5.0

    FilterStorage([Odd()]).start()


def test_there_must_be_a_storage():
    with pytest.raises(ValidationError, match="at least one"):
        FilterStorage([])
