"""From the command to the first sample, and the memory of a running agent."""

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.cgroups import task_cgroups

CONFIG = """
runner: !MeasurementRunner
  interval: 0.1
  node: !StaticNode
    tasks: [{tasks}]
"""


def first_sample(agent: Sequence[str], rounds: int) -> tuple[float, float, float]:
    """Minimum, median and maximum seconds from exec to the first byte of the first batch."""
    with task_cgroups(1) as names, tempfile.TemporaryDirectory() as folder:
        config = _write_config(folder, names)
        times = [_time_to_first_byte(agent, config) for _ in range(rounds + 2)][2:]
    return min(times), statistics.median(times), max(times)


def resident_bytes(agent: Sequence[str], tasks: int, seconds: float) -> int:
    """Resident memory of an agent that has measured this many tasks for a while."""
    with task_cgroups(tasks) as names, tempfile.TemporaryDirectory() as folder:
        command = [*agent, *_arguments(_write_config(folder, names))]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            time.sleep(seconds)
            status = Path(f"/proc/{process.pid}/status").read_text()
            process.terminate()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def _arguments(config: str) -> list[str]:
    return ["-c", config, "--log", "error", *(["--root"] if os.geteuid() == 0 else [])]


def _write_config(folder: str, names: Sequence[str]) -> str:
    path = os.path.join(folder, "config.yaml")
    with open(path, "w") as file:
        file.write(CONFIG.format(tasks=", ".join(names)))
    os.chmod(path, 0o600)
    return path


def _time_to_first_byte(agent: Sequence[str], config: str) -> float:
    start = time.perf_counter()
    command = [*agent, *_arguments(config), "--once"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        took = time.perf_counter() - start
        process.stdout.read()
    if process.returncode:
        raise SystemExit(f"the agent ended with {process.returncode}")
    return took
