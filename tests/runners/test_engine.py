"""The engine opens each part once."""

from wca.clock import SystemClock
from wca.collectors import Collector, NotAvailable
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


def test_a_source_that_the_machine_lacks_is_a_state_and_no_error(tmp_path, caplog):
    class Missing(Collector):
        scope = "node"

        def attach(self, target):
            raise NotAvailable("no such hardware")

    engine = Engine(KernelTree(tmp_path).kernel, SystemClock())
    with caplog.at_level("INFO"):
        assert engine.node_probes({"Missing": Missing()}) == {}
    assert "Missing is not available: no such hardware" in caplog.text
    assert engine.telemetry.failures("Missing") == 0
    engine.lifecycle.close(1.0)


def test_two_collectors_of_one_class_have_names_of_their_own():
    class Twice:
        pass

    first, second, other = Twice(), Twice(), object()
    assert named([first, other, second]) == {"Twice": first, "object": other, "Twice#2": second}
