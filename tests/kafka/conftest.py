"""One broker for all tests of this folder."""

import gc
import itertools

import pytest

from tests.kafka.broker import Broker
from wca.storage import KafkaStorage

_numbers = itertools.count()


@pytest.fixture(scope="session")
def session_broker(tmp_path_factory, certificates):
    broker = Broker(tmp_path_factory.mktemp("kafka"), certificates)
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


@pytest.fixture
def broker(session_broker):
    """The broker, running; a test may kill it."""
    yield session_broker
    if session_broker.process.poll() is not None:
        session_broker.start()


@pytest.fixture
def topic(broker):
    """A topic of one partition that nobody else uses."""
    return broker.create(f"wca-{next(_numbers)}")


@pytest.fixture
def make(broker, topic):
    """Makes storages that are closed at the end."""
    made = []

    def make(**options):
        storage = KafkaStorage(**{"topic": topic, "brokers_ips": [broker.address], **options})
        made.append(storage)
        return storage

    yield make
    for storage in made:
        storage.close(1)


def pytest_collection_modifyitems(items):
    """What holds for all tests of this folder."""
    for item in items:
        if "tests/kafka/" not in item.nodeid:
            continue
        # kafka-python leaves it to the garbage collector to close a socket that did not connect.
        for kind in ("socket.socket", "ssl.SSLSocket"):
            ignored = (
                f"ignore:Exception ignored in. <{kind}:pytest.PytestUnraisableExceptionWarning"
            )
            item.add_marker(pytest.mark.filterwarnings(ignored))
        # The limit is for the test itself: before the first of them Kafka has to be fetched.
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(120, func_only=True))


@pytest.fixture(autouse=True)
def _collect_sockets():
    yield
    gc.collect()
