"""The books of storages, as the agent exports them."""

import pytest

from wca.runners.books import Books
from wca.storage import FilterStorage, Storage
from wca.storage.delivery import Size
from wca.storage.ledger import Ledger
from wca.testing.storage import RecordingStorage


class Keeping(Storage):
    """Keeps books, as a storage does that sends later."""

    def __init__(self):
        self.ledger = Ledger()
        self.waiting = Size(1, 4, 100, 1_700_000_000.0)

    def store(self, metrics):
        self.ledger.collect(len(metrics))


def books(**storages):
    return Books({name: (one, getattr(one, "ledger", Ledger())) for name, one in storages.items()})


@pytest.fixture
def keeping():
    storage = Keeping()
    storage.ledger.recover(2)
    storage.ledger.collect(8)
    storage.ledger.deliver(5)
    storage.ledger.drop("expired", 1)
    return storage


def test_each_account_is_a_series_of_its_own_and_they_add_up(keeping):
    assert books(metrics_storage=keeping).measurements() == {
        "wca_collected_samples": {"metrics_storage": 8},
        "wca_recovered_samples": {"metrics_storage": 2},
        "wca_delivered_samples": {"metrics_storage": 5},
        "wca_dropped_samples": {"metrics_storage": {"expired": 1}},
        "wca_waiting_samples": {"metrics_storage": 4},
        "wca_waiting_bytes": {"metrics_storage": 100},
        "wca_waiting_since": {"metrics_storage": 1_700_000_000.0},
    }


def test_every_reason_that_may_come_is_there_from_the_start():
    """``increase()`` of a counter that comes with its first loss would not show that loss."""
    storage = Keeping()
    storage.ledger.expect("queue_full", "closed")
    assert books(metrics_storage=storage).measurements()["wca_dropped_samples"] == {
        "metrics_storage": {"queue_full": 0, "closed": 0}
    }
    storage.ledger.lose("queue_full", 3)
    storage.ledger.lose("expired", 1)
    assert books(metrics_storage=storage).measurements()["wca_dropped_samples"] == {
        "metrics_storage": {"queue_full": 3, "closed": 0, "expired": 1}
    }


def test_a_storage_inside_another_one_has_books_of_its_own(keeping):
    inner = FilterStorage([keeping, RecordingStorage()])
    values = books(metrics_storage=FilterStorage([RecordingStorage(), inner])).measurements()
    path = "metrics_storage/FilterStorage/Keeping"
    assert values["wca_delivered_samples"] == {"metrics_storage": 0, path: 5}


def test_a_storage_that_is_reached_on_two_ways_is_counted_once(keeping):
    values = books(
        metrics_storage=keeping, anomalies_storage=FilterStorage([keeping])
    ).measurements()
    assert set(values["wca_delivered_samples"]) == {"metrics_storage", "anomalies_storage"}


def test_where_nothing_waits_nothing_waits_since():
    storage = Keeping()
    storage.waiting = Size(0, 0, 0, None)
    values = books(metrics_storage=storage).measurements()
    assert values["wca_waiting_bytes"] == {"metrics_storage": 0}
    assert "wca_waiting_since" not in values


def test_a_spool_that_was_damaged_is_a_number_of_its_storage():
    storage = Keeping()
    storage.damaged_spools = 2
    found = books(metrics_storage=storage, other=Keeping()).measurements()
    assert found["wca_damaged_spools"] == {"metrics_storage": 2}


def test_an_attribute_of_a_plugin_that_raises_costs_nothing():
    class Odd(Keeping):
        waiting = damaged_spools = property(lambda self: 1 / 0)

        def __init__(self):
            self.ledger = Ledger()

    assert books(metrics_storage=Odd()).measurements()["wca_waiting_samples"]


def test_a_storage_that_stands_twice_inside_others_is_counted_once(keeping):
    inner = [FilterStorage([keeping]), FilterStorage([keeping])]
    values = books(metrics_storage=FilterStorage(inner)).measurements()
    assert len(values["wca_waiting_bytes"]) == 1
