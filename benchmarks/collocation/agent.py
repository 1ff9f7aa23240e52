"""The agent of an arm: the real one, as anyone runs it, with a contention allocator."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.collocation.scenarios import AGENT, VERIFY
from benchmarks.detection import agent
from benchmarks.detection.groups import NEIGHBOURS, VICTIM, NodeGroups

__all__ = ["Agent", "cpu_seconds", "records", "running", "written"]

_CONFIGURATION = """\
runner: !AllocationRunner
  node: !StaticNode
    tasks: [{tasks}]
  interval: {interval:g}s
  act: {act}
  metrics_storage: &out !LogStorage
    output_filename: {folder}/metrics
    overwrite: true
  anomalies_storage: *out
  allocations_storage: *out
  records: {folder}/records
  journal: {folder}/journal
  hold: {folder}/hold
  state: {folder}/state
{recording}  allocator: {allocator}
"""
_ALLOCATOR = """!ContentionAllocator
    idle: true
{verify}    unlabelled: {unlabelled}
    tiers: !Tiers
      latency_critical: {{task_name: .*/victim}}
{best_effort}    detector: !InterferenceDetector
      samples: 30
      victims: {{task_name: .*/victim}}
"""
_BEST_EFFORT = """      best_effort: {task_name: ".*/n[0-9]"}
"""
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Agent:
    """The agent of one run.

    Args:
        arm: whose.
        unlabelled: whether nothing tells which tasks matter less than others.
        interval: seconds.
        allocator: in the configuration; None: a ContentionAllocator.
        recording: a file that takes all that it sees; None: none does.
    """

    arm: str
    unlabelled: bool = False
    interval: float = 1.0
    allocator: str | None = None
    recording: Path | None = None

    def configuration(self, groups: NodeGroups, counter: Path, folder: Path) -> str:
        """Its configuration file.

        Args:
            groups: of the tasks.
            counter: the file in which the victim counts its work.
            folder: for everything that it writes.
        """
        tasks = ", ".join(map(groups.task_id, (VICTIM, *NEIGHBOURS)))
        allocator = _ALLOCATOR.format(
            verify="    verify: true\n" if self.arm == VERIFY else "",
            unlabelled=str(self.unlabelled).lower(),
            best_effort="" if self.unlabelled else _BEST_EFFORT,
        )
        text = _CONFIGURATION.format(
            tasks=tasks,
            interval=self.interval,
            act=str(self.arm in (AGENT, VERIFY)).lower(),
            folder=folder,
            recording="" if self.recording is None else f"  recording: {self.recording}\n",
            allocator=self.allocator or allocator,
        )
        # A limit for a disk is made of what goes through that disk.
        collectors = agent.COLLECTORS.replace(
            "TaskIoCollector", "TaskIoCollector {{per_device: true}}"
        )
        return text + collectors.format(counter=counter, victim=groups.task_id(VICTIM))


def written(one: Agent, groups: NodeGroups, counter: Path, folder: Path) -> Path:
    """Write its configuration file into a folder; the file."""
    config = folder / "agent.yaml"
    config.write_text(one.configuration(groups, counter, folder))
    config.chmod(0o600)
    return config


@contextlib.contextmanager
def running(
    one: Agent, groups: NodeGroups, counter: Path, folder: Path
) -> Iterator[subprocess.Popen]:
    """Run it in a folder; it has finished its first interval when this begins.

    Raises:
        UnusableError: the agent does not begin, or ends with an error.
    """
    config, sign = written(one, groups, counter, folder), folder / "metrics"
    for name in ("metrics", "records"):
        (folder / name).unlink(missing_ok=True)
    # As anything on the machine has it: what measures comes first, the agent does not.
    ordinary = ["nice", "-n", str(-os.getpriority(os.PRIO_PROCESS, 0))]
    command = [*ordinary, sys.executable, "-m", "wca", "run", "--root", "-c", str(config)]
    with agent.running(command, folder / "agent.log", sign) as process:
        yield process


def cpu_seconds(pid: int) -> float:
    """CPU seconds that a process has used, with all its threads."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def records(folder: Path) -> list[dict[str, Any]]:
    """What the agent has recorded: anomalies and decisions."""
    path = folder / "records"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]
