"""The fixture itself: a broker that keeps what it has taken."""


def produce(address, topic, *values):
    from kafka import KafkaProducer

    producer = KafkaProducer(bootstrap_servers=address, api_version=(2, 8))
    for value in values:
        producer.send(topic, value, key=b"k").get(10)
    producer.close(5)


def test_a_record_is_read_back_after_a_kill(broker, topic):
    produce(broker.address, topic, b"\x00 one\n", b"two")
    broker.kill()
    broker.start()
    found = broker.read(topic)
    assert [(one.offset, one.key, one.value) for one in found] == [
        (0, b"k", b"\x00 one\n"),
        (1, b"k", b"two"),
    ]
