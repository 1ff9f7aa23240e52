"""EmfStorage: lines that CloudWatch makes metrics of."""

import io
import json
import socket
import time

import pytest

from wca.errors import FailedDeliveryException, ValidationError
from wca.metrics import Metric
from wca.storage import EmfStorage

NOW = round(time.time())


def gauge(name="cpu", value=1.0, *, timestamp=NOW, **labels):
    return Metric(name, value, labels, "gauge", timestamp=timestamp)


def lines_of(samples, **options):
    stream = io.BytesIO()
    storage = EmfStorage("Test", stream=stream, **options)
    storage.start()
    storage.store(samples)
    storage.close()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_the_metrics_of_one_time_and_one_set_of_dimensions():
    (line,) = lines_of(
        [gauge(value=0.5), gauge("mem", 3)],
        dimensions={"ServiceName": "web"},
        metrics={"cpu": {"name": "CPUUtilization", "unit": "Percent", "factor": 100}},
        resolution=1,
    )
    assert line == {
        "_aws": {
            "Timestamp": NOW * 1000,
            "CloudWatchMetrics": [
                {
                    "Namespace": "Test",
                    "Dimensions": [["ServiceName"]],
                    "Metrics": [
                        {"Name": "CPUUtilization", "Unit": "Percent", "StorageResolution": 1},
                        {"Name": "mem", "Unit": "None", "StorageResolution": 1},
                    ],
                }
            ],
        },
        "ServiceName": "web",
        "CPUUtilization": 50,
        "mem": 3,
    }


def test_other_dimensions_and_other_times_have_lines_of_their_own():
    metrics = [gauge(task_name="a"), gauge(task_name="b"), gauge("x", timestamp=NOW - 1)]
    found = lines_of(metrics, label_dimensions={"task_name": "Task"})
    assert [line.get("Task") for line in found] == [None, "a", "b"]


def test_samples_of_one_metric_are_a_list_and_a_line_takes_a_hundred_of_everything():
    found = lines_of([gauge(value=n, task_id=str(n)) for n in range(150)])
    assert [len(line["cpu"]) for line in found] == [100, 50]
    found = lines_of([gauge(f"m{n}") for n in range(250)])
    assert [len(line["_aws"]["CloudWatchMetrics"][0]["Metrics"]) for line in found] == [100] * 2 + [
        50
    ]


def test_a_name_that_the_line_needs_for_itself_is_refused():
    stream = io.BytesIO()
    storage = EmfStorage("Test", dimensions={"cpu": "x"}, stream=stream)
    storage.store([gauge("cpu"), gauge("_aws"), gauge("good")])
    assert storage.rejected == 2
    assert [name for name in json.loads(stream.getvalue()) if name != "_aws"] == ["cpu", "good"]


def test_lines_go_to_standard_output(capfdbinary):
    storage = EmfStorage("Test")
    storage.start()
    storage.store([gauge(value=4.0)])
    storage.close()
    assert json.loads(capfdbinary.readouterr().out)["cpu"] == 4


def test_lines_are_appended_to_a_file(tmp_path):
    path = tmp_path / "emf.log"
    storage = EmfStorage("Test", output=str(path))
    storage.start()
    storage.store([gauge()])
    storage.store([])
    storage.store([gauge()])
    storage.close()
    assert len(path.read_text().splitlines()) == 2
    assert EmfStorage("Test", output=str(tmp_path / "no" / "file")).check()


def test_on_tcp_it_connects_again_after_the_agent_was_away():
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    storage = EmfStorage("Test", output=f"tcp://127.0.0.1:{port}")
    storage.store([gauge()])
    peer, _ = server.accept()
    assert json.loads(peer.makefile().readline())["cpu"] == 1
    peer.close()
    server.close()
    with pytest.raises(FailedDeliveryException, match="cannot write to tcp"):
        store_three(storage)  # the first write after the end is taken by the kernel
    server = socket.create_server(("127.0.0.1", port))
    storage.store([gauge("again")])
    peer, _ = server.accept()
    assert json.loads(peer.makefile().readline())["again"] == 1
    storage.close()
    peer.close()
    server.close()


def store_three(storage):
    for _ in range(3):
        storage.store([gauge()])


def test_on_udp_a_datagram_is_a_line():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        storage = EmfStorage("Test", output=f"udp://127.0.0.1:{receiver.getsockname()[1]}")
        storage.store([gauge("a"), gauge("b", timestamp=NOW - 5)])
        storage.close()
        found = [json.loads(receiver.recv(65_536)) for _ in range(2)]
    assert [line.get("a", line.get("b")) for line in found] == [1, 1]


@pytest.fixture
def datagrams():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        yield receiver


def test_on_udp_a_line_is_no_longer_than_a_datagram_may_be(datagrams):
    storage = EmfStorage("Test", output=f"udp://127.0.0.1:{datagrams.getsockname()[1]}")
    storage.store([gauge(f"m{n}", value / 7) for n in range(50) for value in range(1, 101)])
    storage.close()
    found = {}
    while len(found) < 50:
        line = json.loads(datagrams.recv(65_536))
        found |= {name: values for name, values in line.items() if name != "_aws"}
    assert all(values == [value / 7 for value in range(1, 101)] for values in found.values())


def test_on_udp_a_metric_that_is_too_long_costs_no_other(datagrams):
    labels = {f"l{n}": '"' * 1024 for n in range(30)}
    storage = EmfStorage(
        "Test",
        output=f"udp://127.0.0.1:{datagrams.getsockname()[1]}",
        label_dimensions={name: name + "x" * 200 for name in labels},
    )
    with pytest.raises(FailedDeliveryException, match="Message too long"):
        storage.store([gauge("long", timestamp=NOW - 5, **labels), gauge("good")])
    storage.close()
    assert "good" in json.loads(datagrams.recv(65_536))


@pytest.mark.parametrize("output", ["http://x", "tcp://", "tcp://h:99999", "udp://h:1/x"])
def test_an_output_that_is_none_is_refused(output):
    with pytest.raises(ValidationError, match="write stdout, the path of a file"):
        EmfStorage("Test", output=output)
