"""The engine opens each part once."""

import time

from wca.clock import SystemClock
from wca.metrics import Metric
from wca.naming import named
from wca.runners.engine import Engine
from wca.storage import AggregatingStorage, FilterStorage, Storage
from wca.testing.kernel import KernelTree
from wca.testing.storage import RecordingStorage


def test_one_storage_in_two_fields_has_one_queue(tmp_path):
    engine, storage = Engine(KernelTree(tmp_path).kernel, SystemClock()), RecordingStorage()
    first = engine.outlet(storage, "metrics_storage")
    assert engine.outlet(storage, "anomalies_storage") is first
    assert engine.outlet(RecordingStorage(), "other") is not first
    engine.lifecycle.close(1.0)
    assert (storage.started, storage.closed) == (1, 1)


def test_two_collectors_of_one_class_have_names_of_their_own():
    class Twice:
        pass

    first, second, other = Twice(), Twice(), object()
    assert named([first, other, second]) == {"Twice": first, "object": other, "Twice#2": second}


class Late(Storage):
    """Takes its time, so that batches wait for it at the end."""

    def __init__(self):
        self.batches, self.closed = [], False

    def store(self, metrics):
        assert not self.closed
        time.sleep(0.05)
        self.batches.append(metrics)

    def close(self, timeout):
        self.closed = True


def test_a_storage_stays_open_until_those_before_it_have_handed_on_everything(tmp_path):
    engine, shared = Engine(KernelTree(tmp_path).kernel, SystemClock()), Late()
    windows = AggregatingStorage([shared], window=3600.0)
    metrics = engine.outlet(FilterStorage([windows]), "metrics_storage")
    anomalies = engine.outlet(shared, "anomalies_storage")
    metrics.put([Metric("a", 1.0, type="gauge", timestamp=1e9)])
    for _ in range(3):
        anomalies.put([Metric("b", 1.0)])
    engine.lifecycle.close(10.0)
    assert sorted(metric.name for batch in shared.batches for metric in batch) == ["a", *"bbb"]
