"""The agent as a process: real signals, real sockets, real time with wide margins."""

import re
import signal
import socket
import threading

import pytest

from tests.main.agent import Agent, run, wait_until, write_config

PLATFORM_ONLY = """
runner: !MeasurementRunner
  interval: 100ms
  node: !StaticNode
    tasks: []
  metrics_storage: !LogStorage
    output_filename: {output}
"""

#: A collector that writes down when it was read, and the seed's storage without a timeout.
PLUGINS = """
import time
import requests
from dataclasses import dataclass
from wca.collectors import Collector
from wca.nodes import Node
from wca.storage import Storage

@dataclass
class Diary(Collector):
    path: str
    scope = 'node'
    def attach(self, target):
        return Entry(self.path)

@dataclass
class Entry:
    path: str
    def read(self, out):
        with open(self.path, 'a') as file:
            print(time.monotonic(), file=file)
    def close(self):
        pass

@dataclass
class HTTPStorage(Storage):
    http_endpoint: str = 'http://127.0.0.1:8000'
    def store(self, metrics):
        requests.post(self.http_endpoint, json={metric.name: metric.value for metric in metrics})

class HangingNode(Node):
    def get_tasks(self):
        try:
            time.sleep(3600)
        except Exception:
            pass
"""


@pytest.fixture
def plugins(tmp_path):
    (tmp_path / "parts.py").write_text(PLUGINS)
    return tmp_path


def test_once_measures_stores_and_ends(tmp_path):
    config = write_config(tmp_path, "runner: !MeasurementRunner {node: !StaticNode {tasks: []}}\n")
    result = run("-c", config, "--once")
    assert result.returncode == 0, result.stderr
    assert re.search(r"^wca_tasks\{.*\} 0 \d+$", result.stdout, re.MULTILINE)
    assert len(re.findall(r"^wca_up\{", result.stdout, re.MULTILINE)) == 1


def test_iterations_stores_one_batch_each(tmp_path):
    output = tmp_path / "out.txt"
    config = write_config(tmp_path, PLATFORM_ONLY.format(output=output))
    assert run("-c", config, "--iterations", "3").returncode == 0
    assert len(re.findall(r"^wca_up\{", output.read_text(), re.MULTILINE)) == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_flushes_and_ends_with_exit_code_0(tmp_path, number):
    output = tmp_path / "out.txt"
    config = write_config(tmp_path, PLATFORM_ONLY.format(output=output))
    with Agent("-c", config) as agent:
        wait_until(lambda: output.exists() and output.stat().st_size, "the first batch")
        took = agent.end(number, number)
    assert agent.process.returncode == 0, agent.err
    assert took < 5
    assert output.read_text().endswith("\n\n")  # the last batch is whole
    assert f"{number.name}: ending" in agent.err


def test_a_listener_that_never_answers_costs_no_interval_and_does_not_delay_the_end(plugins):
    diary = plugins / "diary.txt"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        config = write_config(
            plugins,
            f"""
runner: !MeasurementRunner
  interval: 500ms
  node: !StaticNode
    tasks: []
  collectors: [!Diary {{path: {diary}}}]
  metrics_storage: !HTTPStorage
    http_endpoint: http://127.0.0.1:{port}
""",
        )
        registered = ("-r", "parts:Diary", "-r", "parts:HTTPStorage")
        with Agent("-c", config, *registered, plugins=plugins) as agent:
            connection, _ = listener.accept()
            request = connection.recv(65536)
            entries = lambda: diary.read_text().splitlines() if diary.exists() else []  # noqa: E731
            wait_until(lambda: len(entries()) >= 8, "eight measurements")
            took = agent.end()
            connection.close()
    times = [float(line) for line in entries()]
    intervals = [round((time - times[0]) / 0.5) for time in times]
    assert intervals == list(range(len(times)))
    assert request.startswith(b"POST / HTTP/1.1\r\n")
    assert agent.process.returncode == 0
    assert took < 5


def test_a_node_that_never_returns_does_not_keep_the_agent_from_ending(plugins):
    config = write_config(
        plugins, "runner: !MeasurementRunner {node: !HangingNode {}, interval: 0.1}\n"
    )
    with Agent("-c", config, "-r", "parts:HangingNode", plugins=plugins) as agent:
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(agent.process.stderr))
        reader.start()
        wait_until(lambda: any("stood still" in line for line in lines), "the watchdog's line")
        agent.process.send_signal(signal.SIGTERM)
        assert agent.process.wait(10) == 0
        reader.join()
    assert any("parts.py" in line and "get_tasks" in line for line in lines)


def test_a_storage_that_cannot_start_is_one_sentence(tmp_path):
    config = write_config(tmp_path, PLATFORM_ONLY.format(output=tmp_path / "no" / "such" / "out"))
    result = run("-c", config, "--once")
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert str(tmp_path / "no" / "such") in result.stderr


def test_a_closed_standard_output_is_no_traceback(tmp_path):
    config = write_config(
        tmp_path, "runner: !MeasurementRunner {node: !StaticNode {tasks: []}, interval: 0.05}\n"
    )
    with Agent("-c", config) as agent:
        agent.process.stdout.readline()
        agent.process.stdout.close()
        line = agent.process.stderr.readline
        lines = iter(line, "")
        assert any("metrics_storage fails" in line for line in lines)
        agent.process.send_signal(signal.SIGTERM)
        rest = agent.process.stderr.read()
        assert agent.process.wait(10) == 0
    assert "Traceback" not in rest
