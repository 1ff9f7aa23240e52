"""MultiStorage: the same batch to several storages."""

import pytest

from wca.errors import FailedDeliveryException, ValidationError
from wca.metrics import Batch, Metric, Series
from wca.storage import FilterStorage, LogStorage, MultiStorage
from wca.testing import RecordingStorage


def test_every_storage_gets_the_batch():
    storages = [RecordingStorage(), RecordingStorage()]
    MultiStorage(storages).store([Metric("a", 1)])
    assert [storage.names for storage in storages] == [["a"], ["a"]]


def test_a_storage_that_fails_does_not_keep_the_batch_from_the_others():
    storages = [RecordingStorage(FailedDeliveryException("away")), RecordingStorage()]
    with pytest.raises(FailedDeliveryException, match=r"1 of 2 storages failed: .*away"):
        MultiStorage(storages).store([Metric("a", 1)])
    assert storages[1].names == ["a"]


def test_there_must_be_a_storage():
    with pytest.raises(ValidationError, match="at least one"):
        MultiStorage([])


def test_what_was_left_out_is_what_the_worst_of_them_left_out(tmp_path):
    logs = [LogStorage(str(tmp_path / name)) for name in "ab"]
    both = MultiStorage([logs[0], FilterStorage([logs[1]], exclude=["b-.*"])])
    both.store([Metric("a-b", 1), Metric("b-c", 1), Metric("c", 1)])
    both.close()
    assert [log.rejected for log in logs] == [2, 1]
    assert both.rejected == 2


def test_storages_that_take_columns_and_others_may_stand_side_by_side(tmp_path):
    path = tmp_path / "out"
    plain = RecordingStorage()
    both = MultiStorage([LogStorage(str(path)), plain])
    batch = Batch(5.0)
    batch.add((Series("a", {"x": "y"}),), [1.0])
    both.store(batch)
    both.close()
    assert path.read_text() == 'a{x="y"} 1.0 5000\n\n'
    assert plain.batches == [[Metric("a", 1.0, {"x": "y"}, timestamp=5.0)]]
