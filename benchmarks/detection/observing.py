"""What the harness itself measures in each part of an episode, apart from the agent."""

import os
import struct
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.detection.groups import VICTIM, NodeGroups

__all__ = ["Reading", "changes", "latencies", "machine", "outside", "read", "statistics"]

_RECORD = struct.Struct("=dfI")
_TICKS = os.sysconf("SC_CLK_TCK")
_PSI = ("cpu", "io", "memory")
_MEMORY = ("workingset_refault_file", "workingset_refault", "pgmajfault")


@dataclass(frozen=True)
class Reading:
    """Totals at one moment.

    Args:
        monotonic: seconds.
        values: by name: seconds, or numbers of something.
    """

    monotonic: float
    values: dict[str, float]


def read(groups: NodeGroups, counter: Path) -> Reading:
    """Read the totals."""
    monotonic = time.monotonic()
    values = machine()
    values["ours"] = groups.cpu_seconds()
    values["work"] = float(counter.read_text())
    values["cpu"] = int(groups.read(VICTIM, "cpuacct", "cpuacct.usage")) / 1e9
    for name in _PSI:
        text = groups.read(VICTIM, "psi", f"{name}.pressure")
        values[f"psi {name}"] = int(text.split("\n")[0].rpartition("total=")[2]) / 1e6
    throttling = dict(line.split() for line in groups.read(VICTIM, "cpu", "cpu.stat").splitlines())
    values["periods"] = float(throttling["nr_periods"])
    values["throttled"] = float(throttling["nr_throttled"])
    memory = dict(
        line.split() for line in groups.read(VICTIM, "memory", "memory.stat").splitlines()
    )
    values |= {name: float(memory[name]) for name in _MEMORY if name in memory}
    values["run delay"] = _run_delay(groups)
    return Reading(monotonic, values)


def changes(before: Reading, after: Reading) -> dict[str, float]:
    """What has changed per second; ``cpu per work`` in milliseconds."""
    span = after.monotonic - before.monotonic
    moved = {name: after.values[name] - value for name, value in before.values.items()}
    rates = {name: change / span for name, change in moved.items()}
    if moved["work"]:
        rates["cpu per work"] = 1e3 * moved["cpu"] / moved["work"]
    return {name: round(value, 6) for name, value in rates.items()}


def outside(rates: dict[str, float]) -> float:
    """CPUs that others have used: all that is neither the episode's nor the measurement's."""
    return rates["busy"] - rates["ours"]


def latencies(path: Path, start: float, end: float) -> list[tuple[float, float]]:
    """Requests that were to be sent between two Unix times: when, and seconds to the answer."""
    whole = path.read_bytes()
    whole = whole[: len(whole) // _RECORD.size * _RECORD.size]
    return sorted((at, late) for at, late, _ in _RECORD.iter_unpack(whole) if start <= at < end)


def statistics(found: list[tuple[float, float]]) -> dict[str, float]:
    """Requests, and their latency in milliseconds."""
    late = sorted(1e3 * one for _, one in found)
    if not late:
        return {"requests": 0}
    numbers = {"requests": len(late), "mean": sum(late) / len(late)}
    for percent in (50, 95, 99):
        numbers[f"p{percent}"] = late[min(len(late) - 1, len(late) * percent // 100)]
    return {name: round(number, 4) for name, number in numbers.items()}


def machine() -> dict[str, float]:
    """CPU seconds of the machine so far: in use, and taken by the hypervisor."""
    with open("/proc/stat") as file:
        user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
    busy = user + nice + system + irq + softirq
    return {"busy": busy / _TICKS, "steal": steal / _TICKS}


def _run_delay(groups: NodeGroups) -> float:
    """Seconds in which threads of the victim waited for a CPU; it starts and ends none."""
    total = 0
    for thread in groups.read(VICTIM, "cpu", "tasks").split():
        with open(f"/proc/{thread}/schedstat") as file:
            total += int(file.read().split()[1])
    return total / 1e9
