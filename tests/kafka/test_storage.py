"""KafkaStorage with a real broker: what is stored arrives, complete and once."""

import json

import pytest

from tests.http_receiver import Receiver
from tests.kafka.reading import samples, texts, wait_for_delivery
from tests.kafka.segments import heads
from wca.clock import SystemClock
from wca.metrics import Metric
from wca.storage import HTTPStorage, KafkaStorage
from wca.testing import StorageContract, check_exposition

NOW = 1_700_000_000.0


def batch(count, time=NOW, first=0):
    """A batch in which every sample can be told from every other."""
    return [
        Metric(
            f"metric_{i % 50}",
            i + 0.5,
            {"task": f"task-{i:06}", "when": f"{time:.0f}"},
            "counter" if i % 2 else "gauge",
            "Help.",
            timestamp=time,
        )
        for i in range(first, first + count)
    ]


class TestContract(StorageContract):
    """Each way to deliver, with one encoding or the other, in memory and on disk."""

    @pytest.fixture(autouse=True, params=["queued", "blocking", "json", "spool"])
    def place(self, request, broker, topic, spool_options):
        self.broker, self.topic, self.way, self.spool = broker, topic, request.param, spool_options

    def storage(self):
        return KafkaStorage(self.topic, [self.broker.address], 5, **self.options())

    def failing_storage(self):
        return KafkaStorage(self.topic, ["127.0.0.1:1"], 1, **self.options())

    def options(self):
        return {
            "queued": {},
            "blocking": {"delivery": "blocking"},
            "json": {"encoding": "json"},
            "spool": {"spool": self.spool()},
        }[self.way]


@pytest.mark.parametrize("count", [1, 5_000, 50_000])
def test_a_batch_arrives_complete_and_once(make, broker, topic, count):
    storage = make()
    storage.start()
    metrics = batch(count)
    storage.store(metrics)
    wait_for_delivery(storage)
    records = broker.read(topic)
    found = samples(records)
    assert len(found) == count
    assert found == {(m.name, m.labels["task"], m.labels["when"]): m.value for m in metrics}
    assert storage.ledger.account.delivered == count
    for text in texts(records):
        assert check_exposition(text) == []
        assert len(text.encode()) <= 900_000


@pytest.mark.parametrize("address", ["localhost", "ipv6"])
def test_brokers_are_named_by_host_or_ipv6_address(make, broker, topic, address):
    port = broker.ports["plain"]
    storage = make(
        brokers_ips=[broker.address6 if address == "ipv6" else f"{address}:{port}"],
        delivery="blocking",
        max_timeout_in_seconds=5,
    )
    storage.store(batch(3))
    assert len(samples(broker.read(topic))) == 3


def test_a_broker_that_is_gone_is_passed_over_for_the_next(make, broker, topic):
    storage = make(
        brokers_ips=["127.0.0.1:1", broker.address], delivery="blocking", max_timeout_in_seconds=5
    )
    storage.store(batch(3))
    assert len(samples(broker.read(topic))) == 3


def test_records_of_a_key_are_in_one_partition_with_the_time_of_their_samples(make, broker):
    topic = broker.create("keyed", partitions=4)
    storage = make(topic=topic, key="node-7", clock=Frozen())
    storage.start()
    for _ in range(5):
        storage.store(batch(10))
        wait_for_delivery(storage)
    records = broker.read(topic)
    assert len({record.partition for record in records}) == 1
    assert {record.key for record in records} == {b"node-7"}
    assert {record.timestamp for record in records} == {int(NOW * 1000)}


class Frozen(SystemClock):
    """The clock of this machine, except that the date is always the same."""

    def now(self):
        return NOW


@pytest.mark.parametrize(
    ("options", "compression"),
    [({}, "gzip"), ({"compression": "none"}, "none"), ({"encoding": "json"}, "gzip")],
)
def test_each_message_is_stored_with_the_number_of_its_producer_and_compressed(
    make, broker, topic, options, compression
):
    """By these a broker knows a message again that is sent a second time."""
    storage = make(**options)
    storage.start()
    for _ in range(3):
        storage.store(batch(50))
        wait_for_delivery(storage)
    found = heads(broker, topic)
    assert len({head.producer for head in found}) == 1
    assert found[0].producer >= 0
    assert [head.sequence for head in found] == list(range(len(found)))
    assert {head.records for head in found} == {1}
    assert {head.compression for head in found} == {compression}


def test_without_idempotence_there_is_no_number(make, broker, topic):
    storage = make(extra_config={"enable.idempotence": "false"})
    storage.start()
    storage.store(batch(50))
    wait_for_delivery(storage)
    assert {head.producer for head in heads(broker, topic)} == {-1}


class TestWhatAnotherConfigurationHasLeftInTheSpool:
    @pytest.fixture
    def spool(self, tmp_path):
        return {"path": str(tmp_path / "spool")}

    def leave(self, make, broker, spool, **options):
        broker.kill()
        storage = make(spool=spool, **options)
        storage.store(batch(20))
        storage.close(0.1)
        broker.start()

    def deliver(self, make, spool, **options):
        storage = make(spool=spool, queue={"first_retry": 0.05}, **options)
        storage.start()
        wait_for_delivery(storage)
        return storage.ledger.account

    def test_is_sent_in_its_own_encoding(self, make, broker, topic, spool):
        self.leave(make, broker, spool, encoding="json")
        account = self.deliver(make, spool)
        assert (account.recovered, account.delivered) == (20, 20)
        (record,) = broker.read(topic)
        assert len(json.loads(record.value)) == 20

    def test_goes_to_its_own_topic(self, make, broker, topic, spool):
        self.leave(make, broker, spool)
        other = broker.create(f"{topic}-other")
        assert self.deliver(make, spool, topic=other).delivered == 20
        assert len(samples(broker.read(topic))) == 20
        assert broker.read(other) == []

    def test_is_given_up_where_there_is_no_such_topic_any_more(self, make, broker, topic, spool):
        self.leave(make, broker, spool, topic="never-made")
        storage = make(spool=spool, queue={"first_retry": 0.05})
        storage.start()
        storage.store(batch(30))
        wait_for_delivery(storage)
        account = storage.ledger.account
        assert (account.delivered, account.dropped) == (30, {"other_kind": 20})
        assert len(samples(broker.read(topic))) == 30

    def test_is_given_up_where_it_is_nothing_for_kafka(self, make, broker, topic, spool):
        self.leave(make, broker, spool)
        with Receiver() as receiver:
            storage = HTTPStorage(receiver.url, spool=spool)
            storage.start()
            wait_for_delivery(storage)
            storage.close(1)
        assert receiver.requests == []
        assert storage.ledger.account.dropped == {"other_kind": 20}


def test_json_holds_the_same_samples(make, broker, topic):
    storage = make(encoding="json")
    storage.start()
    metrics = batch(500)
    storage.store(metrics)
    wait_for_delivery(storage)
    found = [one for record in broker.read(topic) for one in json.loads(record.value)]
    assert {one["labels"]["task"]: one["value"] for one in found} == {
        metric.labels["task"]: metric.value for metric in metrics
    }
    assert len(found) == 500


def test_names_of_prometheus_by_option(make, broker, topic):
    storage = make(names="prometheus")
    storage.start()
    storage.store([Metric("jobs", 1, {}, "counter", "Jobs.")])
    wait_for_delivery(storage)
    assert "jobs_total 1" in "".join(texts(broker.read(topic)))
