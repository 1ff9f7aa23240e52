"""KafkaStorage when brokers, topics or messages are not as they should be: nothing is lost."""

import itertools
import json
import logging
import time

import pytest

from tests.kafka.proxy import Proxy
from tests.kafka.reading import counted, samples, texts, wait_for_delivery
from tests.main.agent import wait_until
from wca.errors import FailedDeliveryException, StartError
from wca.metrics import Metric
from wca.storage.kafka_client.log import Complaints
from wca.testing import check_exposition

NUMBERS = itertools.count()
PATIENCE = {"first_retry": 0.1, "longest_retry": 0.2}


def batch(time, count=200):
    return [
        Metric(f"m_{i % 7}", i, {"task": f"{i}", "when": f"{time}"}, "gauge", timestamp=float(time))
        for i in range(count)
    ]


def expected(*times, count=200):
    return {(f"m_{i % 7}", f"{i}", f"{when}"): i for when in times for i in range(count)}


def failing(storage, *words):
    wait_until(lambda: storage.failing, "a reason")
    wait_until(lambda: all(word in storage.failing for word in words), f"{words} in the reason")


def test_a_broker_that_is_away_at_start_delays_nothing_but_the_delivery(make, broker, topic):
    broker.kill()
    storage = make(queue=PATIENCE)
    began = time.monotonic()
    storage.start()
    storage.store(batch(1))
    assert time.monotonic() - began < 1
    failing(storage, "no broker answers", broker.address, "Connection refused")
    broker.start()
    wait_for_delivery(storage)
    assert samples(broker.read(topic)) == expected(1)
    assert storage.failing is None


def test_a_broker_killed_in_between_costs_no_sample(make, broker, topic):
    storage = make(queue=PATIENCE)
    storage.start()
    for when in range(6):
        storage.store(batch(when))
        if when == 1:
            wait_for_delivery(storage)
        if when == 2:
            broker.kill()
        if when == 4:
            time.sleep(0.5)
            broker.start()
    wait_for_delivery(storage)
    found = counted(broker.read(topic))
    assert {key[:3]: key[3] for key in found} == expected(*range(6))
    account = storage.ledger.account
    assert account.delivered == account.collected == 1200


def test_a_broker_that_stops_answering_is_waited_for_and_named(make, broker, topic):
    storage = make(delivery="blocking", max_timeout_in_seconds=1)
    storage.store(batch(1))
    broker.freeze()
    try:
        began = time.monotonic()
        with pytest.raises(
            FailedDeliveryException, match=r"^Maximum timeout 1 for sending message"
        ):
            storage.store(batch(2))
        assert time.monotonic() - began < 3
    finally:
        broker.thaw()
    found = counted(broker.read(topic))
    assert {key[:3] for key in found} >= expected(1).keys()


def test_a_topic_that_is_missing_is_named_and_found_later(make, broker):
    storage = make(topic="comes-later", queue=PATIENCE)
    storage.start()
    storage.store(batch(1))
    failing(storage, "there is no topic comes-later: create it")
    broker.create("comes-later")
    wait_for_delivery(storage)
    assert samples(broker.read("comes-later")) == expected(1)


class TestATopicThatTakesSmallMessagesOnly:
    """``max.message.bytes`` is the topic's, and nobody tells a producer what it is."""

    @pytest.fixture
    def small(self, broker):
        return broker.create(f"small-{next(NUMBERS)}", max_message_bytes=2000)

    @pytest.mark.parametrize("compression", ["none", "gzip"])
    def test_gets_the_same_samples_in_pieces(self, make, broker, small, compression):
        storage = make(topic=small, compression=compression)
        storage.start()
        storage.store(batch(1, count=2000))
        storage.store(batch(2, count=10))
        wait_for_delivery(storage)
        account = storage.ledger.account
        assert (account.delivered, account.dropped) == (2010, {})
        found = broker.read(small)
        assert samples(found) == {**expected(1, count=2000), **expected(2, count=10)}
        assert all(check_exposition(text) == [] for text in texts(found))

    def test_gets_messages_of_its_size_from_then_on(self, make, broker, small, caplog):
        storage = make(topic=small, compression="none")
        storage.start()
        with caplog.at_level(logging.INFO):
            storage.store(batch(1, count=500))
            wait_for_delivery(storage)
            learned = [one for one in caplog.messages if "at most from now on" in one]
            assert learned
            storage.store(batch(2, count=500))
            wait_for_delivery(storage)
            assert [one for one in caplog.messages if "at most from now on" in one] == learned
        assert samples(broker.read(small)) == {**expected(1, count=500), **expected(2, count=500)}

    def test_does_not_get_a_single_series_that_is_too_large(self, make, broker, small, caplog):
        storage = make(topic=small, compression="none")
        storage.start()
        long = Metric("m_0", 1, {"task": "x" * 3000, "when": "1"}, "gauge", timestamp=1.0)
        storage.store([*batch(1, count=50), long])
        wait_for_delivery(storage)
        account = storage.ledger.account
        assert (account.delivered, account.dropped) == (50, {"too_large": 1})
        assert samples(broker.read(small)) == expected(1, count=50)
        assert f"a message is larger than topic {small} takes" in caplog.text

    def test_gets_json_in_pieces_as_well(self, make, broker, small):
        storage = make(topic=small, compression="none", encoding="json")
        storage.start()
        storage.store(batch(1, count=200))
        wait_for_delivery(storage)
        assert storage.ledger.account.delivered == 200
        found = [one for record in broker.read(small) for one in json.loads(record.value)]
        assert sorted(one["value"] for one in found) == list(range(200))

    def test_gets_it_with_a_storage_that_waits_for_the_answer(self, make, broker, small):
        storage = make(topic=small, delivery="blocking", max_timeout_in_seconds=5)
        storage.store(batch(1, count=500))
        assert samples(broker.read(small)) == expected(1, count=500)

    def test_gets_what_an_earlier_run_has_left(self, make, broker, small, tmp_path):
        spool = {"path": str(tmp_path / "spool")}
        broker.kill()
        first = make(topic=small, spool=spool, queue=PATIENCE)
        for when in range(3):
            first.store(batch(when, count=500))
        first.close(0.1)
        broker.start()
        second = make(topic=small, spool=spool, queue=PATIENCE)
        second.start()
        wait_for_delivery(second)
        account = second.ledger.account
        assert (account.recovered, account.delivered) == (1500, 1500)
        assert samples(broker.read(small)) == expected(*range(3), count=500)


def test_a_smaller_bound_makes_smaller_messages(make, broker):
    topic = broker.create("smaller-messages", max_message_bytes=2000)
    storage = make(topic=topic, compression="none", extra_config={"message.max.bytes": "1500"})
    storage.start()
    storage.store(batch(1, count=500))
    wait_for_delivery(storage)
    assert samples(broker.read(topic)) == expected(1, count=500)


def test_blocking_without_a_broker_raises_within_the_time(make, broker):
    broker.kill()
    storage = make(delivery="blocking")
    for _ in range(2):
        began = time.monotonic()
        with pytest.raises(FailedDeliveryException, match="no broker answers"):
            storage.store(batch(1))
        assert time.monotonic() - began < 2
    broker.start()
    wait_until(lambda: stored(storage), "a delivery")


def stored(storage):
    try:
        storage.store(batch(1))
    except FailedDeliveryException:
        return False
    return True


@pytest.mark.parametrize("delivery", ["queued", "blocking"])
def test_a_broker_that_only_a_proxy_can_reach_is_reached(make, broker, topic, delivery):
    port = broker.ports["plain"]
    with Proxy({"broker.invalid": "127.0.0.1"}) as proxy:
        storage = make(
            brokers_ips=[f"broker.invalid:{port}"],
            extra_config={"proxy_url": proxy.url},
            delivery=delivery,
            max_timeout_in_seconds=5,
        )
        storage.start()
        storage.store(batch(1))
        wait_for_delivery(storage)
        storage.close(2)
    assert proxy.asked[0] == f"broker.invalid:{port}"
    assert samples(broker.read(topic)) == expected(1)


def test_kafkas_own_lines_stay_out_of_the_log(make, broker, caplog):
    broker.kill()
    storage = make(brokers_ips=["localhost:1", broker.address], queue=PATIENCE)
    storage.start()
    storage.store(batch(1))
    failing(storage, "no broker answers")
    broker.start()
    wait_for_delivery(storage)
    broker.kill()
    time.sleep(0.5)
    assert not [one for one in caplog.records if one.name.startswith("kafka")]
    storage.close(1)
    assert logging.getLogger("kafka").propagate
    assert not any(isinstance(one, Complaints) for one in logging.getLogger("kafka").handlers)


def test_close_keeps_its_time_with_a_broker_away(make, broker):
    storage = make()
    storage.start()
    storage.store(batch(1))
    wait_for_delivery(storage)
    broker.kill()
    storage.store(batch(2))
    began = time.monotonic()
    storage.close(1)
    assert time.monotonic() - began < 1.5
    account = storage.ledger.account
    assert (account.delivered, account.waiting) == (200, 0)
    assert sum(account.dropped.values()) == 200


def test_a_compression_without_its_package_says_what_to_install(make):
    storage = make(compression="snappy")
    (problem,) = storage.check()
    assert "needs the Python package python-snappy" in problem
    with pytest.raises(StartError, match="python-snappy"):
        storage.start()
