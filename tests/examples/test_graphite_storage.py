"""The example of a storage that sends to a network: queue, retries and books come with it."""

import socket
import socketserver
import sys
import threading
import time
from pathlib import Path

import pytest

from wca.metrics import Metric
from wca.testing.storage import StorageContract

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def examples(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.delitem(sys.modules, "graphite_storage", raising=False)


class Carbon(socketserver.ThreadingTCPServer):
    """Keeps the lines that it is sent."""

    allow_reuse_address = True

    def __init__(self, port=0):
        lines = self.lines = []

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                for line in self.rfile:
                    lines.append(line.decode())

        super().__init__(("127.0.0.1", port), Handler)
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self.thread.start()

    def __exit__(self, *_):
        self.shutdown()
        self.thread.join()
        self.server_close()


@pytest.fixture
def carbon():
    with Carbon() as server:
        yield server


def wait_for(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def made(port):
    from graphite_storage import GraphiteStorage

    return GraphiteStorage(port=port, timeout=1.0)


def test_metrics_arrive_as_lines_with_their_labels_and_times(carbon):
    storage = made(carbon.server_address[1])
    storage.store([Metric("a", 1.5, {"task": "x"}, timestamp=10.0), Metric("b", 2, timestamp=10.0)])
    storage.close(10.0)
    wait_for(lambda: len(carbon.lines) == 2)
    assert carbon.lines == ["a;task=x 1.5 10\n", "b 2 10\n"]
    assert storage.ledger.account.delivered == 2


def test_what_a_label_says_breaks_no_line(carbon):
    storage = made(carbon.server_address[1])
    labels = {"cpu": "Xeon (R)  @ 2", "odd": "a;b\nc", "empty": "", "home": "~x"}
    storage.store([Metric("a", 1, labels, timestamp=10.0)])
    storage.close(10.0)
    wait_for(lambda: carbon.lines)
    assert carbon.lines == ["a;cpu=Xeon_(R)_@_2;odd=a_b_c;empty=_;home=x 1 10\n"]


def test_what_was_stored_while_nobody_listened_waits():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    storage = made(port)
    storage.store([Metric("a", 1)])
    wait_for(lambda: storage.failing is not None)
    assert storage.failing.startswith("no carbon at 127.0.0.1")
    assert storage.ledger.account.waiting == 1
    with Carbon(port) as carbon:
        storage.close(10.0)
        wait_for(lambda: carbon.lines)
    assert [line.split()[0] for line in carbon.lines] == ["a"]


class TestGraphiteStorage(StorageContract):
    @pytest.fixture(autouse=True)
    def server(self):
        with socket.socket() as listening:  # the kernel takes what nobody reads
            listening.bind(("127.0.0.1", 0))
            listening.listen(100)
            self.port = listening.getsockname()[1]
            yield

    def storage(self):
        return made(self.port)
