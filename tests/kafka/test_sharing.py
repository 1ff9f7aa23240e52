"""One storage in several places, and the agent as a whole."""

import pytest

from tests.kafka.reading import texts
from tests.kafka.test_faults import batch
from tests.main.agent import Agent, wait_until, write_config
from wca.clock import SystemClock
from wca.components import load_registry
from wca.config import load_config
from wca.runners import Runner
from wca.runners.engine import Engine
from wca.storage import Storage
from wca.testing import check_exposition
from wca.testing.kernel import KernelTree

FIELDS = ("metrics_storage", "anomalies_storage", "allocations_storage")
SHARED = """
runner: !ThreeStorages
  metrics_storage: &kafka_storage_instance !KafkaStorage
    topic: {topic}
    broker_ips:
      - {address}
    max_timeout_in_seconds: 5.
  anomalies_storage: *kafka_storage_instance
  allocations_storage: *kafka_storage_instance
"""
APART = SHARED.replace(
    "*kafka_storage_instance", "!KafkaStorage {{topic: {topic}, brokers_ips: [{address}]}}"
)
AGENT = """
runner: !MeasurementRunner
  node: !StaticNode
    tasks: []
  interval: 0.2
  metrics_storage: !KafkaStorage
    topic: {topic}
    brokers_ips: [{address}]
    extra_config: {{queue.buffering.max.ms: "5"}}
"""


class ThreeStorages(Runner):
    def __init__(
        self, metrics_storage: Storage, anomalies_storage: Storage, allocations_storage: Storage
    ) -> None:
        self.storages = (metrics_storage, anomalies_storage, allocations_storage)

    def run(self):
        return 0


@pytest.fixture
def load(broker, topic, tmp_path):
    def load(text):
        registry = load_registry()
        registry.add(ThreeStorages, "this test")
        path = write_config(tmp_path, text.format(topic=topic, address=broker.address))
        return load_config(str(path), registry).runner

    return load


@pytest.mark.parametrize(("text", "connections"), [(SHARED, 1), (APART, 3)])
def test_fields_with_one_anchor_are_one_connection_seen_on_the_broker(
    load, broker, topic, tmp_path, text, connections
):
    """The broker's own sockets are counted, of storages as an agent has them."""
    runner = load(text)
    engine = Engine(KernelTree(tmp_path).kernel, SystemClock())
    assert broker.connections() == 0
    try:
        outlets = [
            engine.outlet(storage, name)
            for name, storage in zip(FIELDS, runner.storages, strict=True)
        ]
        assert len(set(map(id, outlets))) == connections
        for round_ in range(2):
            for place, outlet in enumerate(outlets):
                outlet.put(batch(10 * round_ + place))
        wait_until(
            lambda: sum(one.ledger.account.delivered for one in set(outlets)) == 1200, "delivery"
        )
        wait_until(lambda: broker.connections() == connections, f"{connections} connections")
    finally:
        engine.lifecycle.close(5.0)
    wait_until(lambda: broker.connections() == 0, "the end of the connections")
    assert sum(text.count("when=") for text in texts(broker.read(topic))) == 1200


def test_the_agent_sends_every_interval_and_survives_a_broker_that_goes(broker, topic, tmp_path):
    config = write_config(tmp_path, AGENT.format(topic=topic, address=broker.address))
    with Agent("-c", config) as agent:
        wait_until(lambda: len(broker.read(topic)) > 2, "records")
        broker.kill()
        broker.start()
        before = len(broker.read(topic))
        wait_until(lambda: len(broker.read(topic)) > before + 2, "further records")
        agent.end()
    assert agent.process.returncode == 0
    assert "Traceback" not in agent.err
    assert "kafka." not in agent.err.replace("wca.storage.kafka", "")
    found = texts(broker.read(topic))
    assert all(check_exposition(text) == [] for text in found)
    assert any("wca_up{" in text for text in found)
