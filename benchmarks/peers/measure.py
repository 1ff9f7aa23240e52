"""One agent at work for some intervals: processor time, memory, bytes."""

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.iteration import MEMORY
from benchmarks.peers.agents import Agent, Configured

__all__ = ["AgentError", "Cost", "cpu_seconds", "measure", "numbers"]

#: Seconds that an agent has for its first output.
PATIENCE = 60.0


class AgentError(Exception):
    """The agent ended, or said nothing."""


@dataclass(frozen=True)
class Cost:
    """What one agent cost, as a mean of its intervals.

    Args:
        cpu: seconds of processor time, user and system, of all its threads, per interval.
        resident: bytes of memory at the end.
        written: bytes of output per interval.
        numbers: values in them.
    """

    cpu: float
    resident: int
    written: float
    numbers: float


def measure(
    agent: Agent,
    names: Mapping[str, str],
    interval: float,
    cycles: tuple[int, int],
    work: Callable[[], None],
    least: int,
) -> Cost:
    """Start an agent, let it run, end it.

    Args:
        agent: to measure.
        names: what the templates of its configuration name.
        interval: seconds between two of its measurements.
        cycles: intervals that do not count, to become warm, and intervals that count.
        work: lets all tasks work once; called in each interval.
        least: numbers that it gives in an interval if it does its work.

    Raises:
        AgentError: it did not do its work.
        OSError: there is no such program.
    """
    warm_up, counted = cycles
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        configured = agent.configure(folder, names)
        with _running(configured, folder) as process:
            _await_output(configured, process, agent.name)
            _pass(configured, interval, warm_up, work)
            used, said = cpu_seconds(process.pid), _state(configured)
            texts = _pass(configured, interval, counted, work)
            used = cpu_seconds(process.pid) - used
            if process.poll() is not None:
                raise AgentError(_last_words(folder, agent.name))
            texts = [_state(configured)[len(said) :]] if configured.appends else texts
            given = sum(numbers(text, influx=configured.appends) for text in texts) / counted
            if given < least:
                raise AgentError(f"{agent.name} gave {given:.0f} numbers, expected {least}")
            written = sum(map(len, texts)) / counted
            return Cost(used / counted, _resident_bytes(process.pid), written, given)


def _pass(
    configured: Configured, interval: float, cycles: int, work: Callable[[], None]
) -> list[bytes]:
    """Let intervals pass; what the agent said in each, where it does not append."""
    texts = []
    end = time.monotonic()
    for _ in range(cycles):
        work()
        end += interval
        time.sleep(max(0.0, end - time.monotonic()))
        if not configured.appends:
            texts.append(configured.output())
    return texts


def _state(configured: Configured) -> bytes:
    return configured.output() if configured.appends else b""


@contextlib.contextmanager
def _running(configured: Configured, folder: str) -> Iterator["subprocess.Popen[bytes]"]:
    with open(os.path.join(folder, "stderr"), "wb") as errors:
        process = subprocess.Popen(configured.command, stdout=errors, stderr=errors)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_output(configured: Configured, process: "subprocess.Popen[bytes]", name: str) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError):
            if configured.output():
                return
        time.sleep(0.1)
    raise AgentError(f"{name} said nothing in {PATIENCE:.0f} s, or ended with {process.poll()}")


def _last_words(folder: str, name: str) -> str:
    words = Path(folder, "stderr").read_text(errors="replace").strip().splitlines()
    return f"{name} ended: {words[-1] if words else 'without a word'}"


def cpu_seconds(pid: int) -> float:
    """Processor time of another process: its CPU clock, as clock_getcpuclockid(3) numbers it."""
    return time.clock_gettime((~pid << 3) | 2)


def _resident_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def numbers(text: bytes, *, influx: bool) -> int:
    """Values in Prometheus text, or in lines of ``measurement,tags field=1,field=2 time``."""
    if not influx:
        return sum(1 for line in text.splitlines() if line and not line.startswith(b"#"))
    return sum(line.split(b" ")[1].count(b"=") for line in text.splitlines() if line)
