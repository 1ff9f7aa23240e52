"""Descriptors that a task needs, and what it costs when they have run out."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from benchmarks.cgroups import task_cgroups
from benchmarks.collectors import SOFTWARE_EVENTS, attach
from benchmarks.workers import workers
from wca.collectors import Collector, Probe
from wca.collectors.task_cpu import TaskCpuCollector
from wca.collectors.task_memory import TaskMemoryCollector
from wca.collectors.task_psi import TaskPsiCollector
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.files import Kernel, raise_descriptor_limit

__all__ = ["fall_back", "per_task"]

CONFIG = """
runner: !MeasurementRunner
  interval: 0.1
  node: !StaticNode
    tasks: [{tasks}]
{more}"""
PERF = f"  event_names: [{', '.join(SOFTWARE_EVENTS)}]\n"
WARM_UP = 2


def per_task(more: str = "", tasks: int = 50) -> float:
    """Descriptors of a running agent for each task.

    Args:
        more: lines of the runner's configuration.
        tasks: how many more one agent has than the other.
    """
    with task_cgroups(tasks + 1) as names:
        return (_used(names, more) - _used(names[:1], more)) / tasks


def _used(names: Sequence[str], more: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        config = os.path.join(folder, "config.yaml")
        with open(config, "w") as file:
            file.write(CONFIG.format(tasks=", ".join(names), more=more))
        os.chmod(config, 0o600)
        command = [sys.executable, "-m", "wca", "-c", config, "--root", "--log", "critical"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as agent:
            time.sleep(2.0)
            try:
                return len(os.listdir(f"/proc/{agent.pid}/fd"))
            finally:
                agent.terminate()


def fall_back(tasks: int, rounds: int) -> str:
    """What a reading costs with kept descriptors and with files opened for each reading."""
    raise_descriptor_limit()
    collectors: list[Collector] = [TaskCpuCollector(), TaskMemoryCollector(), TaskPsiCollector()]
    with task_cgroups(tasks) as names:
        hierarchies = CgroupHierarchies(Kernel())
        with workers([hierarchies.locate(f"/{name}") for name in names]) as working:
            kernels = [Kernel(), Kernel(max_kept=0)]
            probes = [
                [probe for one in collectors for probe in attach(one, kernel, names)]
                for kernel in kernels
            ]
            times: list[list[float]] = [[], []]
            for _ in range(rounds + WARM_UP):
                for read, measured in zip(probes, times, strict=True):
                    working.work()
                    measured.append(_timed(read))
            for kernel in kernels:
                kernel.close()
    kept, opened = ([one * 1e6 / tasks for one in measured[WARM_UP:]] for measured in times)
    ratios = [slow / fast for fast, slow in zip(kept, opened, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return (
        f"{tasks} tasks: {statistics.median(kept):.1f} us per task with kept descriptors, "
        f"{statistics.median(opened):.1f} us with files opened for each reading: "
        f"{middle:.2f} times as much ({low:.2f} to {high:.2f})"
    )


def _timed(probes: Sequence[Probe]) -> float:
    start = time.perf_counter()
    for probe in probes:
        probe.read({})
    return time.perf_counter() - start
