"""The CloudWatch agent and signals that come while it starts, and what it asks the kernel for."""

import argparse
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.aws.test_cloudwatch_agent import FAST, agent, ended, ticked, until
from tests.aws.test_exec import exec_command, start
from tests.services import missing
from wca.commands.exec import run as run_exec
from wca.errors import UsageError

TWELVE = ("--iterations", "12")
HOST = ("--sample-interval", "0.1", "--scope", "host")


def mask(process, name, number=signal.SIGTERM):
    """Whether a signal is in one of the kernel's masks of a process: ``SigBlk``, ``SigCgt``."""
    with open(f"/proc/{process.pid}/status") as file:
        bits = int(re.search(rf"^{name}:\s*(\w+)", file.read(), re.MULTILINE)[1], 16)
    return bool(bits >> (number - 1) & 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("later", [0.0, 0.05, 0.1, 0.2, 0.4])
def test_a_signal_during_the_start_ends_it_cleanly(aws, number, later):
    process = agent(*HOST, environment=aws.environment())
    until(lambda: mask(process, "SigBlk") or mask(process, "SigCgt"))
    time.sleep(later)
    process.send_signal(number)
    assert ended(process) == (0, "", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("later", [0.0, 0.1, 0.4])
def test_a_signal_during_the_start_of_exec_is_for_the_program(aws, number, later):
    process = start(aws, exec_command("sleep", "20"))
    until(lambda: mask(process, "SigBlk", number))
    time.sleep(later)
    process.send_signal(number)
    assert ended(process)[0] == 128 + number


def test_exec_holds_signals_for_the_program_before_anything_else(monkeypatch):
    held = []

    def look(*_args, **_options):
        held.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        raise UsageError("that is enough")

    monkeypatch.setattr("wca.commands.exec.options_of", look)
    with pytest.raises(UsageError, match="enough"):
        run_exec(argparse.Namespace(command=["true"]))
    assert {signal.SIGTERM, signal.SIGINT} <= held[0]
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_a_signal_before_the_first_line_of_it_leaves_nothing_behind(aws):
    process = agent(*HOST, environment=aws.environment())
    process.send_signal(signal.SIGTERM)
    code, out, errors = ended(process)
    assert code in (0, -signal.SIGTERM)
    assert (out, errors) == ("", "")
    assert aws.data() == []


def test_signals_are_held_back_no_longer_than_the_start(aws):
    process = agent(*HOST, environment=aws.environment())
    until(lambda: ticked(process))
    assert not mask(process, "SigBlk")
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == 0


def test_a_dry_run_makes_no_network_connection(tmp_path):
    if shutil.which("strace") is None:
        missing("strace is not installed")
    log = tmp_path / "strace"
    command = [sys.executable, "-m", "wca", "cloudwatch-agent", "-n", "Test", "-s", "web", "-d"]
    done = subprocess.run(
        ["strace", "-f", "-e", "trace=socket,connect", "-o", log, *command, *FAST, *TWELVE],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": "/usr/bin:/bin"},
    )
    assert "CPUUtilization{ServiceName=web}" in done.stdout
    assert "AF_INET" not in log.read_text()
