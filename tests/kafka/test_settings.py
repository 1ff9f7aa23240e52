"""What KafkaStorage takes, refuses and makes of its fields, without a broker."""

import pytest

from wca.errors import ValidationError
from wca.storage import KafkaStorage
from wca.storage.kafka_client.settings import producer_settings


def refused(**options):
    with pytest.raises(ValidationError) as caught:
        KafkaStorage(**{"topic": "t", **options})
    return str(caught.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"linger_ms": "5"}, {"linger_ms": 5}),
        ({"linger.ms": "5"}, {"linger_ms": 5}),
        ({"queue.buffering.max.ms": "5"}, {"linger_ms": 5}),
        ({"socket.timeout.ms": 900}, {"request_timeout_ms": 900}),
        ({"client.id": "node-7"}, {"client_id": "node-7"}),
        ({"enable.idempotence": "false"}, {"enable_idempotence": False}),
        ({"enable.idempotence": True}, {"enable_idempotence": True}),
        ({"api_version": "2.8"}, {"api_version": (2, 8)}),
        ({"proxy.url": "socks5h://u:p@proxy:1080"}, {"proxy_url": "socks5h://u:p@proxy:1080"}),
        (None, {}),
    ],
)
def test_settings_of_old_and_new_names(given, expected):
    assert producer_settings(given) == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"linger.mss": "5"}, "no setting linger.mss: did you mean linger_ms?"),
        ({"nothing.like.it": "5"}, "no setting nothing.like.it: leave it out"),
        ({"linger.ms": "soon"}, "linger.ms: expected a whole number, got 'soon'"),
        ({"linger.ms": "-1"}, "expected a whole number"),
        ({"enable.idempotence": "maybe"}, "expected true or false"),
        ({"linger.ms": "1", "queue.buffering.max.ms": "1"}, "says linger_ms a second time"),
        ({"bootstrap.servers": "x:1"}, "write brokers_ips"),
        ({"compression.codec": "gzip"}, "write compression"),
        ({"queue.buffering.max.messages": "9"}, "write queue: {max_messages: ...}"),
        ({"sasl.password": "hunter2"}, "write sasl:"),
        ({"ssl.ca.location": "/ca"}, "write ssl: !SSL"),
        ({"value_serializer": "str"}, "write encoding"),
        ({"acks": "1"}, "acknowledged by all replicas"),
        ({"retries": "0"}, "needs enable.idempotence: 'false'"),
        ({"max.in.flight": "9"}, "more than 5 requests in flight"),
        ({"proxy_url": "proxy:3128"}, "expected a URL such as http://proxy:3128"),
        ({"proxy_url": "https://u:hunter2@proxy:1"}, "with a port, got another one"),
        ({"proxy_url": "http://u:hunter2@proxy"}, "with a port, got another one"),
        ({"proxy_url": "http://u:hunter2@proxy:99999"}, "with a port, got another one"),
    ],
)
def test_what_cannot_be_a_setting_is_told_with_what_to_write(given, words):
    message = refused(extra_config=given)
    assert words in message
    assert "hunter2" not in message


def test_every_setting_is_one_of_kafka_pythons():
    from kafka import KafkaProducer

    from wca.storage.kafka_client import settings as kafka_settings

    assert kafka_settings._KINDS.keys() <= KafkaProducer.DEFAULT_CONFIG.keys()
    assert set(kafka_settings._LIBRDKAFKA.values()) <= kafka_settings._KINDS.keys()
    assert not kafka_settings._KINDS.keys() & kafka_settings._OWN.keys()


def test_a_mapping_of_the_user_stays_as_it_was():
    given = {"linger.ms": "5"}
    KafkaStorage("t", extra_config=given)
    assert given == {"linger.ms": "5"}


@pytest.mark.parametrize("topic", ["", "a b", "ä", ".", "..", "x" * 250, "a/b"])
def test_a_topic_has_a_name_that_kafka_takes(topic):
    assert "is no topic" in refused(topic=topic)


def test_brokers_have_one_name_and_an_old_one():
    assert KafkaStorage("t").brokers_ips == ["127.0.0.1:9092"]
    assert KafkaStorage("t", broker_ips=["a:1"]).brokers_ips == ["a:1"]
    assert "leave out broker_ips" in refused(brokers_ips=["a:1"], broker_ips=["b:1"])
    assert "brokers_ips is empty" in refused(brokers_ips=[])


def test_blocking_needs_time():
    assert "leaves delivery: blocking no time" in refused(
        delivery="blocking", max_timeout_in_seconds=0
    )


@pytest.mark.parametrize("value", ["brief", "zip"])
def test_choices_are_choices(value):
    for field in ("delivery", "encoding", "compression", "names"):
        with pytest.raises(ValueError, match=value):
            KafkaStorage("t", **{field: value})


def test_a_password_on_an_open_network_is_told(caplog):
    sasl = {"mechanism": "PLAIN", "username": "u", "password": "hunter2"}
    KafkaStorage("t", sasl=sasl)
    assert "the password can be read on the network" in caplog.text
    assert "hunter2" not in caplog.text
