"""The CloudWatch agent: ``python -m benchmarks cloudwatch``.

What it costs, how long its last data takes after a signal, whether its windows keep to the clock,
and what an outage costs. CloudWatch is moto's server behind the proxy of tests/aws, on loopback.
"""

import contextlib
import logging
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.aws.proxy import Aws, Fault

__all__ = ["Course", "Flushes", "Outage", "flushes", "outages", "windows"]

#: Agents that are started at the same time, where many are started.
TOGETHER = 5
#: Seconds to the first datum or the end of an agent.
PATIENCE = 30.0
#: A window of the outage, in seconds, and how many of them the service is away for.
PERIOD, AWAY = 3, 5
_AWAY = Fault(503, "ServiceUnavailable")
_TICK = os.sysconf("SC_CLK_TCK")


class Agent:
    """An agent that runs, on the host's numbers.

    Args:
        aws: where it publishes to.
        options: more of its options.
    """

    def __init__(self, aws: Aws, *options: str, service: str = "web") -> None:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "ECS_", "RUST_"))}
        command = [sys.executable, "-m", "wca", "cloudwatch-agent", "-n", "Bench", "-s", service]
        self.process = subprocess.Popen(
            [*command, "--scope", "host", *options],
            env={**clean, **aws.environment()},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.errors = ""

    def wait_until_it_measures(self) -> None:
        """Until it has handlers of signals and its threads run."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            status = self._status()
            handled = int(status["SigCgt"], 16) >> (signal.SIGTERM - 1) & 1
            if handled and int(status["Threads"]) >= 3:
                return
            time.sleep(0.05)
        raise RuntimeError("the agent did not begin to measure")

    def end(self) -> tuple[int, float]:
        """Tell it to end; its exit code, and seconds until then."""
        start = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        _, self.errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, time.monotonic() - start

    def kill(self) -> None:
        """End it, if that has not been done."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    @property
    def cpu(self) -> float:
        """CPU seconds so far."""
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    @property
    def resident(self) -> int:
        """Bytes, at most so far."""
        return int(self._status()["VmHWM"].split()[0]) * 1024

    def _status(self) -> dict[str, str]:
        with open(f"/proc/{self.process.pid}/status") as file:
            return {name: text for name, _, text in (line.partition(":") for line in file)}


@dataclass(frozen=True)
class Flushes:
    """What became of agents that were told to end.

    Args:
        seconds: from the signal to the end of each.
        flushed: how many had published their last window by then, and ended with 0.
    """

    seconds: list[float]
    flushed: int

    def row(self) -> str:
        """As a line of the table."""
        ordered = sorted(self.seconds)
        cuts = statistics.quantiles(ordered, n=100, method="inclusive") if ordered[1:] else ordered
        return (
            f"| {len(ordered)} | {self.flushed} | {statistics.median(ordered) * 1e3:.0f} ms "
            f"| {cuts[-1] * 1e3:.0f} ms | {ordered[-1] * 1e3:.0f} ms |"
        )


FLUSH_HEADER = "| SIGTERMs | Flushed | Median | p99 | Longest |\n|---|---|---|---|---|"


def flushes(count: int) -> Flushes:
    """Start agents, let each measure for two samples, tell one after the other to end.

    Args:
        count: how many.
    """
    aws = _service()
    seconds: list[float] = []
    flushed = 0
    try:
        for start in range(0, count, TOGETHER):
            names = [f"s{number}" for number in range(start, min(count, start + TOGETHER))]
            agents = {name: Agent(aws, service=name) for name in names}
            for agent in agents.values():
                agent.wait_until_it_measures()
            time.sleep(2.0)  # two samples, of which CPU time is the difference
            for name, agent in agents.items():
                code, took = agent.end()
                seconds.append(took)
                flushed += code == 0 and _metrics(aws, name) == {
                    "CPUUtilization",
                    "MemoryUtilization",
                    "MaxMemoryUtilization",
                }
    finally:
        aws.close()
    return Flushes(seconds, flushed)


def _service() -> Aws:
    """One that does not print each request."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    return Aws()


def _metrics(aws: Aws, service: str) -> set[str]:
    wanted = [{"Name": "ServiceName", "Value": service}]
    return {one["MetricName"] for one in aws.data() if one["Dimensions"] == wanted}


@dataclass(frozen=True)
class Course:
    """The windows that an agent has published.

    Args:
        period: of a window, in seconds.
        times: of the data of CPUUtilization, in their order.
        late: seconds from the end of each whole window to the arrival of its data.
        cpu: CPU seconds per second, after the start.
        resident: bytes at most.
        exit_code: at the end.
    """

    period: int
    times: list[float]
    late: list[float]
    cpu: float
    resident: int
    exit_code: int

    @property
    def missing(self) -> int:
        """Windows between the first and the last that are not there."""
        first, last = min(self.times), max(self.times)
        return round((last - first) / self.period) + 1 - len(set(self.times))

    @property
    def double(self) -> int:
        """Data that have the time of another one."""
        return len(self.times) - len(set(self.times))

    @property
    def unaligned(self) -> int:
        """Times that are no multiple of the period."""
        return sum(1 for time in self.times if time % self.period)

    def row(self) -> str:
        """As a line of the table."""
        return (
            f"| {self.period} s | {len(self.times)} | {self.missing} | {self.double} "
            f"| {self.unaligned} | {self.late[0]:.2f} s | {self.late[-1]:.2f} s "
            f"| {max(self.late):.2f} s | {100 * self.cpu:.2f} % | {self.resident / 2**20:.1f} MiB |"
        )


WINDOW_HEADER = (
    "| Period | Windows | Missing | Double | Not aligned | First comes after | Last after "
    "| Longest | CPU of one core | RSS |\n|---|---|---|---|---|---|---|---|---|---|"
)


def windows(seconds: float, *periods: int) -> Iterator[Course]:
    """Let agents run side by side, and look at the windows that they publish.

    Args:
        seconds: how long.
        periods: one agent for each, in seconds.
    """
    aws = _service()
    agents = {}
    try:
        for period in periods:
            fine = () if period % 60 == 0 else ("--resolution", "1")
            agents[period] = Agent(aws, "--period", str(period), *fine, service=str(period))
            agents[period].wait_until_it_measures()
        time.sleep(min(5.0, seconds / 10))
        begun = time.monotonic()
        before = {period: agent.cpu for period, agent in agents.items()}
        time.sleep(seconds)
        used = {
            period: (agent.cpu - before[period]) / (time.monotonic() - begun)
            for period, agent in agents.items()
        }
        resident = {period: agent.resident for period, agent in agents.items()}
        codes = {period: agent.end()[0] for period, agent in agents.items()}
        for period in periods:
            times, late = _course(aws, period)
            yield Course(period, times, late, used[period], resident[period], codes[period])
    finally:
        for agent in agents.values():
            agent.kill()
        aws.close()


def _course(aws: Aws, period: int) -> tuple[list[float], list[float]]:
    """Times of the windows, and how long after their end they came; the last one was cut short."""
    found = [
        (datum["Timestamp"], request.time - datum["Timestamp"] - period)
        for request in aws.requests
        for datum in request.arguments.get("MetricData", ())
        if datum["MetricName"] == "CPUUtilization"
        and datum["Dimensions"] == [{"Name": "ServiceName", "Value": str(period)}]
    ]
    late = [after for _, after in found if after >= 0]
    return [float(at) for at, _ in found], late or [0.0]


@dataclass(frozen=True)
class Outage:
    """What an outage has cost.

    Args:
        name: how the agent was told to bear it.
        windows: that it measured, from the first to the last that came.
        missing: of them, those that never came.
        late: those that came after the outage, with their own time.
        double: data that have the time of another one.
    """

    name: str
    windows: int
    missing: int
    late: int
    double: int

    def row(self) -> str:
        """As a line of the table."""
        return f"| {self.name} | {self.windows} | {self.missing} | {self.late} | {self.double} |"


OUTAGE_HEADER = (
    f"| Outage of {AWAY} windows | Windows | Lost | Came later, with their time | Double |\n"
    "|---|---|---|---|---|"
)


def outages() -> list[Outage]:
    """The same outage, for an agent without and one with a spool, side by side."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        ways = {"two retries": (), "`--spool`": ("--spool", f"{folder}/spool")}
        services = {name: stack.enter_context(contextlib.closing(_service())) for name in ways}
        agents = {}
        for name, options in ways.items():
            options = ("--period", str(PERIOD), "--resolution", "1", *options)
            agents[name] = Agent(services[name], *options)
            stack.callback(agents[name].kill)
        for aws in services.values():
            _wait_for(aws, 2)
        begun = time.time()
        for aws in services.values():
            aws.down = _AWAY
        time.sleep(PERIOD * AWAY)
        back = time.time()
        for aws in services.values():
            aws.down = None
        for aws in services.values():
            _wait_for(aws, len(_times(aws)) + 3)
        time.sleep(2 * PERIOD)
        for agent in agents.values():
            agent.end()
        return [_outcome(name, _times(aws), begun, back) for name, aws in services.items()]


def _outcome(name: str, times: Sequence[float], begun: float, back: float) -> Outage:
    known = set(times)
    total = round((max(known) - min(known)) / PERIOD) + 1
    late = sum(1 for one in known if begun <= one + PERIOD < back)
    return Outage(name, total, total - len(known), late, len(times) - len(known))


def _times(aws: Aws) -> list[float]:
    return [float(one["Timestamp"]) for one in aws.data("MemoryUtilization")]


def _wait_for(aws: Aws, count: int) -> None:
    end = time.monotonic() + PATIENCE + PERIOD * count
    while len(_times(aws)) < count:
        if time.monotonic() > end:
            raise RuntimeError("nothing was published")
        time.sleep(0.1)
