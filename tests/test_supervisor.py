"""What the agent tells the service manager: systemd's protocol over a real datagram socket."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from tests.main.agent import command, environment, write_config
from wca.runners.loop import Job, Loop, Watchdog
from wca.supervisor import Supervisor
from wca.telemetry import Telemetry
from wca.testing import FakeClock

SECONDS = 30


class Manager:
    """A socket as systemd has one."""

    def __init__(self, address):
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.settimeout(SECONDS)

    def next(self):
        return self._socket.recv(65536).decode().split("\n")

    def until(self, line):
        while line not in self.next():
            pass

    def status(self, words):
        """The next line that says so."""
        while True:
            for line in self.next():
                if line.startswith("STATUS=") and words in line:
                    return line.removeprefix("STATUS=")

    def silent(self):
        """Whether nothing has come; what has is taken."""
        self._socket.setblocking(False)
        try:
            self._socket.recv(65536)
        except BlockingIOError:
            return True
        finally:
            self._socket.settimeout(SECONDS)
        return False

    def close(self):
        self._socket.close()


@pytest.fixture
def listen(tmp_path):
    with contextlib.ExitStack() as stack:

        def start(address=None):
            manager = Manager(address or str(tmp_path / "notify"))
            stack.callback(manager.close)
            return manager

        yield start


@pytest.mark.parametrize("address", [None, f"@wca-test-{os.getpid()}"], ids=["path", "abstract"])
def test_each_state_is_one_message(listen, address):
    manager = listen(address)
    supervisor = Supervisor(manager.address, 1.0)
    supervisor.ready("measuring")
    assert manager.next() == ["READY=1", "STATUS=measuring"]
    supervisor.alive()
    assert manager.next() == ["WATCHDOG=1"]
    supervisor.status("it is\nstuck")
    assert manager.next() == ["STATUS=it is stuck"]
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    supervisor.reloading()
    reloading, since, status = manager.next()
    assert (reloading, status) == ("RELOADING=1", "STATUS=reloading")
    assert before <= int(since.removeprefix("MONOTONIC_USEC=")) <= before + SECONDS * 1_000_000
    supervisor.stopping()
    assert manager.next() == ["STOPPING=1", "STATUS=ending"]


def test_what_is_known_is_not_told_again(listen):
    manager = listen()
    supervisor = Supervisor(manager.address)
    supervisor.ready("measuring")
    manager.next()
    for _ in range(3):
        supervisor.status("measuring")
        supervisor.alive()  # nobody has asked for it
    assert manager.silent()


def test_nobody_is_told_nothing(tmp_path):
    for nobody in (Supervisor(), Supervisor(str(tmp_path / "none")), Supervisor(str(tmp_path))):
        nobody.ready("measuring")
        nobody.alive()
        nobody.stopping()


@pytest.mark.parametrize(
    ("variables", "address", "patience"),
    [
        ({}, None, None),
        ({"NOTIFY_SOCKET": ""}, None, None),
        ({"NOTIFY_SOCKET": "vsock:2:1"}, None, None),
        ({"NOTIFY_SOCKET": "/run/x"}, "/run/x", None),
        ({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "60000000"}, "@x", 60.0),
        ({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "0"}, "@x", None),
        ({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "soon"}, "@x", None),
        ({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "5", "WATCHDOG_PID": "1"}, "@x", None),
        ({"WATCHDOG_USEC": "60000000"}, None, None),
    ],
)
def test_systemd_says_in_the_environment_what_it_wants(variables, address, patience):
    supervisor = Supervisor.from_environment(variables)
    assert (supervisor._address, supervisor.patience) == (address, patience)


def test_a_loop_that_stands_still_gives_no_sign_of_life(listen):
    manager, clock = listen(), FakeClock()
    supervisor = Supervisor(manager.address, 1.0)
    supervisor.ready("measuring")
    loop = Loop([Job(lambda: None, 1.0)], clock, threading.Event())
    watchdog = Watchdog(loop, 3.0, clock, Telemetry(), supervisor)
    manager.next()
    watchdog.look()
    assert manager.next() == ["WATCHDOG=1"]
    clock.advance(3.5)
    watchdog.look()
    (said,) = manager.next()
    assert said.startswith("STATUS=the loop stands still: it has stood still for 3.5 s, in ")
    watchdog.look()
    assert manager.silent()
    loop.progress = clock.monotonic()
    watchdog.look()
    assert manager.next() == ["STATUS=measuring"]
    assert manager.next() == ["WATCHDOG=1"]


def test_signs_of_life_come_twice_as_often_as_they_are_wanted():
    loop = Loop([Job(lambda: None, 1.0)], FakeClock(), threading.Event())
    pauses = [
        Watchdog(loop, 3.0, FakeClock(), Telemetry(), Supervisor(address, patience)).pause
        for address, patience in (("@x", 0.5), ("@x", 60.0), ("@x", None), (None, 0.5))
    ]
    assert pauses == [0.25, 1.0, 1.0, 1.0]


@pytest.fixture
def started(listen, tmp_path):
    """An agent as systemd would start it, and its manager."""
    with contextlib.ExitStack() as stack:

        def start(text, *arguments, plugins=None):
            manager = listen()
            config = write_config(tmp_path, text)
            variables = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "400000"}
            process = subprocess.Popen(
                command("--config", config, *arguments),
                env={**environment(plugins), **variables},
                stdout=subprocess.DEVNULL,
            )
            stack.callback(lambda: (process.kill(), process.wait()))
            return process, manager

        yield start


def test_the_agent_says_that_it_has_started_lives_and_ends(started):
    config = "runner: !MeasurementRunner {node: !StaticNode {tasks: []}, interval: 100ms}\n"
    process, manager = started(config)
    assert manager.next() == ["READY=1", "STATUS=measuring"]
    for _ in range(3):
        manager.until("WATCHDOG=1")
    process.send_signal(signal.SIGTERM)
    manager.until("STOPPING=1")
    assert process.wait(SECONDS) == 0


def test_a_runner_that_does_not_report_is_ready_at_once(started, tmp_path):
    (tmp_path / "waiting.py").write_text(
        "import time\nfrom wca.runners import Runner\n"
        "class Waiting(Runner):\n    def run(self):\n        time.sleep(60)\n"
    )
    config = "runner: !Waiting\n"
    _, manager = started(config, "-r", "waiting:Waiting", plugins=tmp_path)
    assert manager.next() == ["READY=1", "STATUS=Waiting runs"]


FAILING = """
runner: !MeasurementRunner
  node: !StaticNode {tasks: []}
  interval: 100ms
  metrics_storage: !HTTPStorage {http_endpoint: http://127.0.0.1:1/, queue: {first_retry: 10ms}}
"""


def test_the_line_of_the_agent_says_what_it_does_and_what_fails(started):
    _, manager = started(FAILING)
    line = manager.status("failing")
    assert re.fullmatch(r"measuring 0 tasks in \d+ ms; failing: metrics_storage", line)


def test_a_reload_begins_and_ends_whether_the_file_is_good_or_not(started, tmp_path):
    config = "runner: !MeasurementRunner {node: !StaticNode {tasks: []}, interval: 100ms}\n"
    process, manager = started(config)
    manager.until("READY=1")
    for text, words in ((config.replace("100ms", "200ms"), "new"), ("runner: 5\n", "not be taken")):
        write_config(tmp_path, text)
        process.send_signal(signal.SIGHUP)
        manager.until("RELOADING=1")
        ready = []
        while "READY=1" not in ready:
            ready = manager.next()
        assert words in ready[1]
    assert "see the log" in manager.status("not be taken over")
    manager.until("WATCHDOG=1")
