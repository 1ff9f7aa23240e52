"""What a plugin may do wrong, and how the agent ends all the same."""

import fcntl
import re
import signal
import subprocess
import time

import pytest

from tests.main.agent import Agent, command, environment, run, write_config

PLUGINS = """
import asyncio, sys, threading, time
from wca.collectors import Collector
from wca.errors import NotAvailable
from wca.nodes import Node
from wca.runners import Runner
from wca.storage import Storage

class HangingClose(Storage):
    def store(self, metrics):
        print('stored', flush=True)
    def close(self, timeout):
        time.sleep(3600)

class Slow(Storage):
    def store(self, metrics):
        time.sleep(1.2)
        print('stored', flush=True)

class Exiting(Storage):
    def store(self, metrics):
        print('asked', flush=True)
        sys.exit(3)

class StubbornNode(Node):
    def get_tasks(self):
        print('asked', flush=True)
        while True:
            try:
                time.sleep(0.5)
            except:
                pass

class ExitingNode(Node):
    def get_tasks(self):
        sys.exit(3)

class NonDaemon(Storage):
    def store(self, metrics):
        threading.Thread(target=time.sleep, args=(3600,)).start()
        print('stored', flush=True)

class Cancelled(Storage):
    def store(self, metrics):
        print('asked', flush=True)
        raise asyncio.CancelledError

class HangingProbes(Collector):
    scope = 'node'
    def attach(self, target):
        return self
    def read(self, out):
        print('read', flush=True)
    def close(self, timeout=0):
        time.sleep(3600)

class Text(Runner):
    def run(self):
        return 'abc'

class Unavailable(Runner):
    def run(self):
        raise NotAvailable('no such thing')

class Interrupted(Runner):
    def __init__(self):
        raise KeyboardInterrupt
    def run(self):
        pass
"""


@pytest.fixture
def plugins(tmp_path):
    (tmp_path / "parts.py").write_text(PLUGINS)
    return tmp_path


def with_storage(folder, storage):
    return write_config(
        folder,
        "runner: !MeasurementRunner\n  interval: 100ms\n  node: !StaticNode {tasks: []}\n"
        f"  metrics_storage: !{storage}\n",
    )


def test_a_close_that_hangs_does_not_keep_the_agent_from_ending(plugins):
    config = with_storage(plugins, "HangingClose")
    with Agent("-c", config, "-r", "parts:HangingClose", plugins=plugins) as agent:
        assert agent.process.stdout.readline() == "stored\n"
        assert agent.end(signal.SIGTERM, signal.SIGTERM) < 8
    assert agent.process.returncode == 0
    assert "interrupted" in agent.err


def test_a_node_that_swallows_every_interruption_is_ended_with_the_program(plugins):
    config = write_config(plugins, "runner: !MeasurementRunner {node: !StubbornNode {}}\n")
    with Agent("-c", config, "-r", "parts:StubbornNode", plugins=plugins) as agent:
        assert agent.process.stdout.readline() == "asked\n"
        assert agent.end() < 8
    assert agent.process.returncode == 1


def test_a_run_that_ends_by_itself_waits_for_a_slow_storage(plugins):
    config = with_storage(plugins, "Slow")
    result = run("-c", config, "-r", "parts:Slow", "--once", plugins=plugins)
    assert (result.returncode, result.stdout) == (0, "stored\n"), result.stderr


def test_a_storage_that_exits_ends_neither_the_agent_nor_its_sender(plugins):
    config = with_storage(plugins, "Exiting")
    result = run("-c", config, "-r", "parts:Exiting", "--iterations", "3", plugins=plugins)
    assert (result.returncode, result.stdout) == (0, "asked\n" * 3), result.stderr
    assert result.stderr.count("metrics_storage fails: SystemExit") == 1


def test_a_thread_of_a_plugin_that_never_ends_does_not_keep_the_agent(plugins):
    config = with_storage(plugins, "NonDaemon")
    with Agent("-c", config, "-r", "parts:NonDaemon", plugins=plugins) as agent:
        assert agent.process.stdout.readline() == "stored\n"
        assert agent.end(signal.SIGTERM, signal.SIGTERM) < 8
    assert "SIGTERM: ending" in agent.err


def test_several_parts_that_hang_at_the_end_share_its_time(plugins):
    config = write_config(
        plugins,
        "runner: !MeasurementRunner\n  node: !StaticNode {tasks: []}\n"
        "  collectors: [!HangingProbes {}, !HangingProbes {}, !HangingProbes {}]\n",
    )
    with Agent("-c", config, "-r", "parts:HangingProbes", plugins=plugins) as agent:
        assert agent.process.stdout.readline() == "read\n"
        assert agent.end() < 8
    assert agent.process.returncode in (0, 1)


def test_a_storage_that_is_cancelled_does_not_lose_its_sender(plugins):
    config = with_storage(plugins, "Cancelled")
    result = run("-c", config, "-r", "parts:Cancelled", "--iterations", "3", plugins=plugins)
    assert (result.returncode, result.stdout) == (0, "asked\n" * 3), result.stderr
    assert "Traceback" not in result.stderr


def test_a_reader_of_the_log_that_has_stopped_does_not_keep_the_agent(plugins):
    config = with_storage(plugins, "Exiting")
    loud = ("--log", "trace", "-r", "parts:Exiting")
    with Agent("-c", config, *loud, plugins=plugins) as agent:
        assert agent.process.stdout.readline() == "asked\n"
        fcntl.fcntl(agent.process.stderr.fileno(), fcntl.F_SETPIPE_SZ, 4096)
        time.sleep(2)  # nobody reads standard error, and it fills
        agent.process.send_signal(signal.SIGTERM)
        agent.process.wait(10)


def test_a_node_that_exits_does_not_end_the_agent(plugins):
    config = write_config(plugins, "runner: !MeasurementRunner {node: !ExitingNode {}}\n")
    result = run("-c", config, "-r", "parts:ExitingNode", "--once", plugins=plugins)
    assert result.returncode == 0
    assert "node fails: SystemExit" in result.stderr
    assert "wca_up" in result.stdout


@pytest.mark.parametrize(
    ("runner", "code", "sentence"),
    [
        ("Text", 1, "Text.run() returned 'abc', expected a whole number or None"),
        ("Unavailable", 1, "Unavailable failed: NotAvailable: no such thing (--log debug"),
        ("Interrupted", 130, ""),
    ],
)
def test_a_runner_with_odd_habits_is_one_sentence(plugins, runner, code, sentence):
    config = write_config(plugins, f"runner: !{runner}\n")
    result = run("-c", config, "-r", f"parts:{runner}", plugins=plugins)
    assert result.returncode == code
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr


def shell(line, *arguments):
    words = " ".join(f"'{word}'" for word in command(*arguments))
    return subprocess.run(
        ["bash", "-c", f"{words} {line}"],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_full_disk_behind_standard_output_is_one_sentence(tmp_path):
    result = subprocess.run(
        ["bash", "-c", f"{command()[0]} -m wca docs metrics > /dev/full"],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode != 0
    assert "No space left on device" in result.stderr
    assert "Traceback" not in result.stderr


def test_with_standard_error_closed_the_agent_measures(tmp_path):
    config = write_config(tmp_path, "runner: !MeasurementRunner {node: !StaticNode {tasks: []}}\n")
    result = shell("2>&-", "-c", config, "--once")
    assert result.returncode == 0
    assert "wca_up" in result.stdout


def test_a_misspelt_command_gets_the_nearest_one():
    result = run("chek", "-c", "/x")
    assert result.returncode == 2
    assert result.stderr == "wca has no command 'chek', did you mean check?\n"


def test_a_task_name_with_a_line_break_stays_on_its_line(tmp_path):
    config = write_config(
        tmp_path, 'runner: !MeasurementRunner {node: !StaticNode {tasks: ["a\\nb"]}}\n'
    )
    result = run("-c", config, "--once")
    lines = [line for line in result.stderr.splitlines() if not re.match(r"\d{4}-\d\d-\d\d ", line)]
    assert lines == []
    assert "a\\nb" in result.stderr


def test_a_loop_that_stands_still_is_reported(plugins):
    (plugins / "still.py").write_text(
        "import time\nfrom wca.nodes import Node\nclass Still(Node):\n"
        "    def get_tasks(self):\n        time.sleep(2.5)\n        return []\n"
    )
    config = write_config(
        plugins,
        "runner: !MeasurementRunner\n  interval: 100ms\n  discovery_interval: 100ms\n"
        "  node: !Still\n",
    )
    with Agent("-c", config, "-r", "still:Still", plugins=plugins) as agent:
        lines = iter(agent.process.stderr.readline, "")
        assert any("loop fails: it has stood still for" in line for line in lines)
        assert agent.process.poll() is None
