"""CPU time of the machine."""

import os
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from operator import add, lt

from wca.collectors.api import Collector, NodeTarget, Probe, TaskTarget
from wca.collectors.file_probe import attach_files, node_of
from wca.linux.procfs import CPU_MODES, parse_cpu_ticks
from wca.metrics import Measurements

__all__ = ["NodeCpuCollector"]

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_MOST_CPUS_WITH_MODES = 16
_BUSY = tuple(column for column, mode in enumerate(CPU_MODES) if mode not in ("idle", "iowait"))
# A step back of more than so many ticks is a new beginning, and no correction of the kernel's.
_NEW_BEGINNING = 3 * _TICKS_PER_SECOND


class _Ticks:
    """The ticks of one CPU, or of the machine, made to only grow.

    The kernel corrects iowait, and with it idle, by stepping back a little (man 5 proc_stat): they
    stand still then until they have caught up. Before Linux 6.8, both began at 0 again for a CPU
    that had been offline, and the machine's sum stepped back when one went offline: what they count
    from then on is added to what they had counted. Other modes go on where they were.
    """

    __slots__ = ("_added", "_given")

    def __init__(self) -> None:
        self._given = self._added = [0] * len(CPU_MODES)

    def __call__(self, ticks: Sequence[int]) -> list[int]:
        given = list(map(add, ticks, self._added))
        if any(map(lt, given, self._given)):
            behind = [before - now for before, now in zip(self._given, given, strict=True)]
            begun = [lost if lost > _NEW_BEGINNING else 0 for lost in behind]
            self._added = list(map(add, self._added, begun))
            given = list(map(max, given, self._given))
        self._given = given
        return given


class _CpuTimes:
    """Decoder of /proc/stat that keeps to one set of series, whose numbers only grow.

    Whether CPUs have modes of their own is settled by the first content, not by how many CPUs
    happen to be online later.
    """

    def __init__(self) -> None:
        self._each: bool | None = None
        self._machine = _Ticks()
        # By number; one that goes offline stays here, because it may come back.
        self._cpus: defaultdict[str, _Ticks] = defaultdict(_Ticks)

    def __call__(self, data: bytes) -> Measurements:
        total, read = parse_cpu_ticks(data)
        by_cpu = {cpu: self._cpus[cpu](ticks) for cpu, ticks in read.items()}
        if self._each is None:
            self._each = len(by_cpu) <= _MOST_CPUS_WITH_MODES
        modes = by_cpu if self._each else {"all": self._machine(total)}
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

    With more than 16 CPUs the modes are those of the whole machine, as ``cpu="all"``. Where the
    kernel takes back some of its idle or iowait time, the numbers stand still.

    Source: /proc/stat.

    Args:
        interval: time between two readings; the runner's when left out.
    """

    scope = "node"
    emits = ("cpu_usage_per_cpu", "platform_cpu_seconds")

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Open /proc/stat. Raises NotAvailable."""
        return attach_files([(partial(node_of(target).open, "/proc/stat"), _CpuTimes())])
