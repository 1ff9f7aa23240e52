"""The engine opens each part once."""

from wca.clock import SystemClock
from wca.runners.engine import Engine, named
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
