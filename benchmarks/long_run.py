"""Memory and descriptors of an agent whose tasks come and go: ``python -m benchmarks long-run``."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.cgroups import PARENT, Groups, parent_cgroup
from benchmarks.workers import Workers, workers
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.files import Kernel

__all__ = ["LongRun", "long_run"]

CONFIG = """
runner: !MeasurementRunner
  interval: {interval}
  discovery_interval: {interval}
  node: !StaticNode
    tasks: []
    directory: /{parent}
  metrics_storage: !LogStorage
    output_filename: {output}
    overwrite: true
{more}"""
INTERVAL = 0.02
#: Processes that work in the newest tasks.
PROCESSES = 10
#: The part of the run, at its beginning, in which caches fill.
WARM_UP = 0.2
#: Seconds between two looks at the agent.
SAMPLED = 0.5


@dataclass
class LongRun:
    """What was seen of the agent while it ran.

    Args:
        exit_code: how the agent ended.
        replaced: tasks that ended and were followed by another one.
        resident: bytes of memory, each time it was looked at.
        descriptors: open ones, likewise.
    """

    exit_code: int = -1
    replaced: int = 0
    resident: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """Bytes from the tenth of the run after the warm-up to its last tenth, of medians."""
        return _growth(self.resident)

    @property
    def descriptor_growth(self) -> float:
        """Descriptors, likewise."""
        return _growth(self.descriptors)

    def course(self) -> list[int]:
        """KiB of memory in each tenth of the run, medians, beside the first of them."""
        size = max(1, len(self.resident) // 10)
        parts = [self.resident[at : at + size] for at in range(0, len(self.resident), size)]
        medians = [statistics.median(part) for part in parts[:10]]
        return [round((one - medians[0]) / 2**10) for one in medians]

    def sentence(self) -> str:
        """For people."""
        return (
            f"{self.replaced} tasks replaced; resident memory {self.resident[-1] / 2**20:.1f} MiB, "
            f"growth after warm-up {self.growth / 2**10:+.0f} KiB; {self.descriptors[-1]} "
            f"descriptors, growth {self.descriptor_growth:+.0f}; memory by tenths of the run, KiB "
            f"more than in the first: {self.course()}"
        )


def long_run(iterations: int, tasks: int, more: str = "") -> LongRun:
    """Run the agent for this many iterations; in each about a hundredth of the tasks is replaced.

    Args:
        iterations: of the agent.
        tasks: that run at any one time.
        more: lines of the runner's configuration.
    """
    seen = LongRun()
    hierarchies = CgroupHierarchies(Kernel())
    with parent_cgroup() as groups, tempfile.TemporaryDirectory() as folder:
        running = deque(groups.make(f"first{number}") for number in range(tasks))
        cgroups = [hierarchies.locate(f"/{name}") for name in list(running)[-PROCESSES:]]
        with workers(cgroups) as working:
            command = _command(folder, iterations, more)
            with subprocess.Popen(command, stdout=subprocess.DEVNULL) as agent:
                _replace_until_end(agent, seen, groups, running, working)
            seen.exit_code = agent.returncode
    return seen


def _replace_until_end(
    agent: "subprocess.Popen[bytes]",
    seen: LongRun,
    groups: Groups,
    running: deque[str],
    working: Workers,
) -> None:
    hierarchies = CgroupHierarchies(Kernel())
    looked, next_one = 0.0, time.monotonic()
    while agent.poll() is None:
        for _ in range(max(1, len(running) // 100)):
            running.append(groups.make(f"next{seen.replaced}"))
            working.move(seen.replaced, hierarchies.locate(f"/{running[-1]}"))
            groups.remove(running.popleft())
            seen.replaced += 1
        working.work()
        if time.monotonic() - looked > SAMPLED:
            looked = time.monotonic()
            _look(agent.pid, seen)
        next_one = max(next_one + INTERVAL, time.monotonic())
        time.sleep(max(0.0, next_one - time.monotonic()))


def _look(pid: int, seen: LongRun) -> None:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        descriptors = len(os.listdir(f"/proc/{pid}/fd"))
        resident = int(status.split("VmRSS:")[1].split()[0]) * 1024
    except (OSError, IndexError):  # it has just ended
        return
    seen.resident.append(resident)
    seen.descriptors.append(descriptors)


def _command(folder: str, iterations: int, more: str) -> list[str]:
    config = os.path.join(folder, "config.yaml")
    output = os.path.join(folder, "metrics.prom")
    text = CONFIG.format(interval=INTERVAL, parent=PARENT, output=output, more=more)
    with open(config, "w") as file:
        file.write(text)
    os.chmod(config, 0o600)
    agent = [sys.executable, "-m", "wca", "-c", config, "--root", "--log", "critical"]
    return [*agent, "--iterations", str(iterations)]


def _growth(values: Sequence[int]) -> float:
    warm = values[int(len(values) * WARM_UP) :]
    tenth = max(1, len(warm) // 10)
    return statistics.median(warm[-tenth:]) - statistics.median(warm[:tenth])
