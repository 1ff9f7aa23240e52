"""CPU time of the machine."""

import os
from functools import partial

from wca.collectors.api import Collector, NodeTarget, Probe, TaskTarget
from wca.collectors.file_probe import attach_files, node_of
from wca.linux.procfs import CPU_MODES, parse_cpu_ticks
from wca.metrics import Measurements

__all__ = ["NodeCpuCollector"]

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_MOST_CPUS_WITH_MODES = 16
_BUSY = tuple(column for column, mode in enumerate(CPU_MODES) if mode not in ("idle", "iowait"))


class _CpuTimes:
    """Decoder of /proc/stat that keeps to one set of series.

    Whether CPUs have modes of their own is settled by the first content, not by how many CPUs
    happen to be online later.
    """

    def __init__(self) -> None:
        self._each: bool | None = None

    def __call__(self, data: bytes) -> Measurements:
        total, by_cpu = parse_cpu_ticks(data)
        if self._each is None:
            self._each = len(by_cpu) <= _MOST_CPUS_WITH_MODES
        modes = by_cpu if self._each else {"all": total}
        return {
            "cpu_usage_per_cpu": {
                cpu: sum(ticks[column] for column in _BUSY) for cpu, ticks in by_cpu.items()
            },
            "platform_cpu_seconds": {
                cpu: {
                    mode: count / _TICKS_PER_SECOND
                    for mode, count in zip(CPU_MODES, ticks, strict=True)
                }
                for cpu, ticks in modes.items()
            },
        }


class NodeCpuCollector(Collector):
    """Busy ticks of each CPU that is online, and seconds of each CPU in each mode.

    With more than 16 CPUs the modes are those of the whole machine, as ``cpu="all"``.

    Source: /proc/stat.

    Args:
        interval: time between two readings; the runner's when left out.
    """

    scope = "node"
    emits = ("cpu_usage_per_cpu", "platform_cpu_seconds")

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Open /proc/stat. Raises NotAvailable."""
        return attach_files([(partial(node_of(target).open, "/proc/stat"), _CpuTimes())])
