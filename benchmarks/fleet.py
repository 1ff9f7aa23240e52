"""``python -m benchmarks.fleet``: what a cycle over a fleet costs the whole agent.

The agent is ``wca -c`` with a WorkerMonitoringRunner as docs/workers.md has it: workers by their
tags in four regions, CPU and memory, rules, an SQLite store, history and schedule, its page. AWS is
another process on loopback that answers every question at once.
"""

import argparse
import contextlib
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from benchmarks.fleet_answers import REGIONS, Answering, answering

CONFIG = """
runner: !WorkerMonitoringRunner
  interval: {interval}s
  jitter: 0
  metrics_interval: {export}s
  workers: !Ec2TagWorkers
    regions: [{regions}]
    tags: {{role: worker}}
    cloud: &aws !AwsCloud {{endpoint_url: "{url}"}}
  cloud: *aws
  rules:
  - !ThresholdRule {{metric: cpu, above: 90, clear_below: 80, for: 2}}
  - !ThresholdRule {{metric: memory, above: 90, clear_below: 80, for: 2}}
  - !StatusCheckRule {{for: 2}}
  - !StateChangeRule {{from: running, to: [stopped, terminated], unless_tag: wca-expected-stop}}
  - !NoDataRule {{metric: cpu, after: 3}}
  schedule: !ApsSchedule
    store: !SqliteJobStore {{path: "{folder}/jobs.sqlite"}}
  store: !SqliteWorkerStore {{path: "{folder}/workers.sqlite"}}
  history: !SqliteHistory {{path: "{folder}/history.sqlite"}}
  http: !HttpServer {{address: "127.0.0.1:{port}"}}
"""
DURATION = re.compile(r"^wca_worker_poll_duration_seconds\{.*\} (\S+)", re.MULTILINE)
POLLED = re.compile(r'^wca_worker_polls_total\{.*result="polled".*\} (\S+)', re.MULTILINE)
#: How often metrics are exported from one cycle to the next.
EXPORTS = 3
#: Of the calls that a cycle makes; the list of workers is asked for beside the cycles.
OF_A_CYCLE = ("DescribeInstanceStatus", "ListMetrics", "GetMetricData")
#: Seconds between two looks; CPU time in a second below which the agent is at rest.
LOOK, AT_REST = 0.1, 0.1
#: Seconds that a cycle may take to begin, beyond the interval, and to end.
PATIENCE = 120.0


@dataclass(frozen=True)
class Cycle:
    """One cycle over all shards.

    Args:
        calls: by API.
        seconds: of the slowest shard's turn, as the agent measures it.
        cpu: seconds of the agent, from the first call until it was at rest again.
        resident: bytes of memory then.
    """

    calls: Counter[str]
    seconds: float
    cpu: float
    resident: int


@dataclass
class Measured:
    """An agent that watched a fleet.

    Args:
        workers: in it.
        cycles: the first one also finds out under which dimensions memory is published.
        resident: bytes of memory at most.
        rest: share of a CPU between two cycles, with the export of metrics.
    """

    workers: int
    cycles: list[Cycle] = field(default_factory=list)
    resident: int = 0
    rest: float = 0.0


class FleetAgent:
    """The agent as a process; a context manager that ends it in order.

    Args:
        answers: what it asks.
        folder: for its files.
        interval: seconds between two cycles.
    """

    def __init__(self, answers: Answering, folder: str, interval: int) -> None:
        self._answers = answers
        self._port = _free_port()
        self._cycles = 0
        config = Path(folder) / "config.yaml"
        config.write_text(
            CONFIG.format(
                interval=interval,
                export=max(1, interval // EXPORTS),
                regions=", ".join(REGIONS),
                url=answers.url,
                folder=folder,
                port=self._port,
            )
        )
        config.chmod(0o600)
        root = ["--root"] if os.geteuid() == 0 else []
        command = [sys.executable, "-m", "wca", "-c", str(config), *root, "--log", "error"]
        keys = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}
        self.process = subprocess.Popen(command, env={**os.environ, **keys})

    def __enter__(self) -> "FleetAgent":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(60)
        finally:
            self.process.kill()
        if code:
            raise SystemExit(f"the agent ended with {code}")

    def cpu(self) -> float:
        """Seconds of CPU since its start."""
        text = Path(f"/proc/{self.process.pid}/stat").read_text()
        user, system = text.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def memory(self, name: str) -> int:
        """Bytes: ``VmHWM``, at most until now, or ``VmRSS``, now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split(f"{name}:")[1].split()[0]) * 1024

    def cycle(self, patience: float) -> Cycle:
        """Wait for the next cycle, and measure it.

        Args:
            patience: seconds until it has begun.
        """
        before, cpu = self._begun(patience)
        self._rested()
        cpu = self.cpu() - cpu
        calls = self._answers.calls() - before
        self._cycles += 1
        resident = self.memory("VmRSS")  # before the page of metrics is made
        made = Counter({api: calls[api] for api in OF_A_CYCLE})
        return Cycle(made, self._duration(), cpu, resident)

    def _duration(self) -> float:
        """Seconds of the slowest turn, once the page of metrics knows of the cycle."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with (
                contextlib.suppress(HTTPError),  # nothing was exported yet
                urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=60) as answer,
            ):
                page = answer.read().decode()
                polled = [float(one) for one in POLLED.findall(page)]
                if polled == [self._cycles] * len(REGIONS):
                    return max(map(float, DURATION.findall(page)))
            time.sleep(1.0)
        raise SystemExit(f"not every region was polled in cycle {self._cycles}")

    def _begun(self, patience: float) -> tuple[Counter[str], float]:
        """Calls and CPU time before the first call of a cycle."""
        before, cpu = self._answers.calls(), self.cpu()
        end = time.monotonic() + patience
        while time.monotonic() < end:
            time.sleep(LOOK)
            calls = self._answers.calls()
            if any(calls[api] > before[api] for api in OF_A_CYCLE):
                return before, cpu
            before, cpu = calls, self.cpu()
        raise SystemExit(f"no cycle has begun within {patience:g} s")

    def _rested(self) -> None:
        """Wait until a cycle is over."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            cpu = self.cpu()
            time.sleep(1.0)
            if self.cpu() - cpu < AT_REST:
                return
        raise SystemExit(f"a cycle has not ended within {PATIENCE:g} s")


def measure(workers: int, cycles: int, interval: int) -> Measured:
    """Run the agent over a fleet.

    Args:
        workers: how many, a multiple of the number of regions.
        cycles: how many of them.
        interval: seconds from one to the next.
    """
    found = Measured(workers)
    with (
        tempfile.TemporaryDirectory() as folder,
        answering(workers) as answers,
        FleetAgent(answers, folder, interval) as agent,
    ):
        for _ in range(cycles):
            found.cycles.append(agent.cycle(interval + PATIENCE))
        cpu, at = agent.cpu(), time.monotonic()
        with contextlib.suppress(subprocess.TimeoutExpired):
            agent.process.wait(max(1.0, interval / EXPORTS))
        found.rest = (agent.cpu() - cpu) / (time.monotonic() - at)
        found.resident = agent.memory("VmHWM")
    return found


def rows(sizes: list[int], cycles: int, interval: int) -> Iterator[str]:
    """Lines of a table in Markdown."""
    yield (
        "| workers | states | lists | metrics | first cycle s | CPU s | cycle s | CPU s "
        "| CPU at rest | RSS MB | with /metrics |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for size in sizes:
        found = measure(size, cycles, interval)
        first, later = found.cycles[0], found.cycles[1:]
        calls = later[-1].calls
        yield (
            f"| {size} | {calls['DescribeInstanceStatus']} | {first.calls['ListMetrics']} "
            f"| {calls['GetMetricData']} | {first.seconds:.2f} | {first.cpu:.2f} "
            f"| {statistics.median(one.seconds for one in later):.2f} "
            f"| {statistics.median(one.cpu for one in later):.2f} "
            f"| {found.rest:.1%} | {first.resident / 1e6:.0f} | {found.resident / 1e6:.0f} |"
        )


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("--workers", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--cycles", type=int, default=3, help="of each fleet, two at least")
    parser.add_argument("--interval", type=int, default=15, help="seconds between two cycles")
    args = parser.parse_args()
    for row in rows(args.workers, args.cycles, args.interval):
        print(row, flush=True)


if __name__ == "__main__":
    main()
