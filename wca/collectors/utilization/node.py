"""``NodeUtilizationCollector``: what is used of the machine."""

from collections.abc import Callable
from typing import Annotated

from wca.clock import Clock, SystemClock
from wca.collectors.api import INTERVAL, Collector, NodeTarget, Probe, TaskTarget
from wca.collectors.file_probe import node_of
from wca.collectors.utilization.rates import Growth
from wca.config.types import Injected
from wca.linux.parse import KeyedNumbers
from wca.linux.procfs import CPU_MODES, parse_cpu_ticks
from wca.metrics import Measurements

__all__ = ["NodeUtilizationCollector"]

_CPU, _MEMORY = "platform_cpu_utilization_ratio", "platform_mem_utilization_ratio"
_IDLE = [column for column, mode in enumerate(CPU_MODES) if mode in ("idle", "iowait")]
_KEYS = (b"MemTotal:", b"MemFree:", b"Buffers:", b"Cached:", b"Slab:")


class NodeUtilizationCollector(Collector):
    """CPU time and memory of the machine as parts of what it has.

    Memory in use is all memory without what is free, buffers, page cache and slabs. The first
    reading has no CPU number.

    Source: /proc/stat and /proc/meminfo.

    Args:
        interval: time between two readings; the runner's when left out.
        clock: for tests: time.
    """

    scope = "node"
    emits = (_CPU, _MEMORY)

    def __init__(
        self,
        interval: Annotated[float, INTERVAL] | None = None,
        *,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        super().__init__(interval)
        self._clock = clock or SystemClock()

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Open both files. Raises NotAvailable."""
        return _Probe(node_of(target), self._clock.monotonic)


class _Probe:
    def __init__(self, node: NodeTarget, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._stat = node.open("/proc/stat")
        try:
            self._meminfo = node.open("/proc/meminfo")
        except BaseException:
            self._stat.close()
            raise
        self._keys = KeyedNumbers(_KEYS, unit=b" kB")
        self._growth = Growth()

    def read(self, out: Measurements) -> None:
        """Add both ratios."""
        ticks, _ = parse_cpu_ticks(self._stat.read())
        idle = sum(ticks[column] for column in _IDLE)
        grown = self._growth.since(self._monotonic(), sum(ticks), idle)
        if grown is not None and grown[1]:
            out[_CPU] = max(0.0, 1 - grown[2] / grown[1])
        total, *rest = self._keys.parse(self._meminfo.read())
        unused = [number for number in rest if number is not None]
        if total and len(unused) == len(rest):
            out[_MEMORY] = max(0.0, 1 - sum(unused) / total)

    def close(self) -> None:
        """Close both files; safe twice."""
        self._stat.close()
        self._meminfo.close()
