"""Whether a broker, or the proxy before it, answers: told in time, without a broker's help."""

import socket
import threading
import time

import pytest

from wca.errors import FailedDeliveryException
from wca.metrics import Metric
from wca.storage import KafkaStorage
from wca.storage.kafka_client.probe import Probe

BATCH = [Metric("a", 1.0)]


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def in_time(seconds=10.0):
    return time.monotonic() + seconds


class Names:
    """Looks names up, and waits with the answer until it may give it."""

    def __init__(self, addresses=("127.0.0.1",)):
        self.addresses, self.asked, self.gate = addresses, [], threading.Event()

    def __call__(self, host, port, **_):
        self.asked.append(host)
        self.gate.wait(60)
        if not self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, port))
            for address in self.addresses
        ]


def test_somebody_who_answers_is_no_reason(listening, closed_port):
    assert Probe([f"127.0.0.1:{listening}"]).silence(in_time()) is None
    assert Probe([f"127.0.0.1:{closed_port}", f"localhost:{listening}"]).silence(in_time()) is None


def test_of_nobody_each_is_named_with_its_reason(closed_port):
    silence = Probe([f"127.0.0.1:{closed_port}", f"[::1]:{closed_port}"]).silence(in_time())
    assert silence == (
        f"127.0.0.1:{closed_port}: Connection refused, [::1]:{closed_port}: Connection refused"
    )


def test_all_addresses_of_a_name_are_tried(listening):
    names = Names(["127.1.2.3", "127.0.0.1"])
    names.gate.set()
    assert Probe([f"two.test:{listening}"], names).silence(in_time()) is None


def test_a_name_that_nobody_knows_is_told():
    names = Names([])
    names.gate.set()
    assert Probe(["none.test:1"], names).silence(in_time()) == (
        "none.test:1: Name or service not known"
    )


def test_a_look_up_that_takes_too_long_is_not_waited_for_and_not_begun_again(listening):
    names = Names()
    probe = Probe([f"slow.test:{listening}"], names)
    for _ in range(3):
        began = time.monotonic()
        assert "its name was not looked up within" in probe.silence(in_time(0.1))
        assert time.monotonic() - began < 5
    assert names.asked == ["slow.test"]
    names.gate.set()
    assert probe.silence(in_time()) is None


def test_the_same_name_with_another_port_is_another_place(listening, closed_port):
    names = Names()
    names.gate.set()
    probe = Probe([f"one.test:{closed_port}", f"one.test:{listening}"], names)
    assert probe.silence(in_time()) is None


def test_storing_does_not_wait_for_a_look_up_longer_than_it_may_take():
    names = Names()
    storage = KafkaStorage("t", ["slow.test:9092"], 0.2, delivery="blocking", look_up=names)
    began = time.monotonic()
    with pytest.raises(FailedDeliveryException, match=r"slow\.test:9092: its name was not looked"):
        storage.store(BATCH)
    assert time.monotonic() - began < 5
    names.gate.set()
    storage.close(1)


def test_a_proxy_that_is_away_is_told_without_its_password(closed_port):
    storage = KafkaStorage(
        "t",
        ["broker.invalid:9092"],
        5,
        {"proxy_url": f"http://user:hunter2@127.0.0.1:{closed_port}"},
        delivery="blocking",
    )
    with pytest.raises(FailedDeliveryException) as caught:
        storage.store(BATCH)
    assert str(caught.value) == f"no proxy answers: 127.0.0.1:{closed_port}: Connection refused"
    storage.close(1)
