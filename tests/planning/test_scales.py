"""Storages that weigh, in the place of those that would pass metrics on."""

from wca.metrics import Metric
from wca.planning.scales import Scales
from wca.runners.books import Books
from wca.storage import FilterStorage, LogStorage, MultiStorage, PrometheusStorage
from wca.storage.aggregating import AggregatingStorage
from wca.storage.composing.composite import CompositeStorage
from wca.storage.http import HTTPStorage
from wca.storage.outlet import Outlet
from wca.telemetry import Telemetry
from wca.testing.clock import FakeClock
from wca.testing.storage import RecordingStorage


def batch(*names, at=1000.0):
    return [Metric(name, 1, {"host": "h"}, "gauge", timestamp=at) for name in names]


def put_in(storage):
    scales = Scales(FakeClock())
    return scales, scales.put_in(storage, "metrics_storage")


def test_what_would_be_written_is_weighed_and_not_written(tmp_path):
    path = tmp_path / "out"
    scales, instead = put_in(LogStorage(str(path)))
    instead.store(batch("a", "b"))
    (one,) = scales.weighed
    assert (one.name, one.weight.samples, one.window) == ("metrics_storage", 2, 0)
    assert not path.exists()


def test_filters_and_windows_before_a_storage_stay(tmp_path):
    tree = MultiStorage(
        [
            FilterStorage([LogStorage(str(tmp_path / "one"))], filter=["a"]),
            AggregatingStorage([LogStorage(str(tmp_path / "two"))], window=60),
        ]
    )
    scales, instead = put_in(tree)
    instead.store(batch("a", "b"))
    filtered, collected = scales.weighed
    assert filtered.name == "metrics_storage/FilterStorage/LogStorage"
    assert (filtered.weight.samples, collected.weight) == (1, None)
    scales.flush()
    assert (collected.weight.samples, collected.window) == (2, 60)
    assert list(tmp_path.iterdir()) == []


def test_a_storage_in_two_places_is_weighed_once():
    shared = RecordingStorage()
    scales, _ = put_in(MultiStorage([shared, FilterStorage([shared], filter=["a"])]))
    assert len(scales.weighed) == 1


def test_one_that_cannot_weigh_is_taken_for_text_and_never_called():
    storage = RecordingStorage()
    scales, instead = put_in(storage)
    instead.store(batch("a"))
    (one,) = scales.weighed
    assert one.weight.form == "it cannot weigh: as Prometheus text"
    assert (one.weight.samples, storage.batches) == (1, [])


def test_a_plugin_that_starts_something_itself_is_not_gone_into():
    class Starts(CompositeStorage):
        def start(self):
            raise AssertionError

        def store(self, metrics):
            raise AssertionError

    scales, instead = put_in(Starts([RecordingStorage()]))
    instead.store(batch("a"))
    assert [one.name for one in scales.weighed] == ["metrics_storage"]


def test_a_storage_that_fails_to_weigh_is_told():
    class Failing(RecordingStorage):
        def weigh(self, metrics):
            raise ValueError("too heavy")

    scales, instead = put_in(Failing())
    instead.store(batch("a"))
    assert scales.weighed[0].problem == "ValueError: too heavy"


def test_there_are_as_many_series_about_it_as_about_the_storage(tmp_path):
    def about(storage, waits):
        outlet = Outlet(storage, "s", Telemetry())
        if waits:
            outlet.ledger.expect("queue_full", "closed")
        return Books({"s": (storage, outlet.ledger)}).measurements()

    log = LogStorage(str(tmp_path / "out"))
    http = HTTPStorage("http://127.0.0.1:1", "series")
    for real in (log, http, MultiStorage([log, http]), PrometheusStorage()):
        waits = real.blocking
        expected = shape(about(real, waits))
        assert shape(about(put_in(real)[1], waits)) == expected, real


def shape(values):
    """How many series each metric has."""
    return {name: leaves(value) for name, value in values.items()}


def leaves(value):
    return sum(map(leaves, value.values())) if isinstance(value, dict) else 1
