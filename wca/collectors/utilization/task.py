"""``TaskUtilizationCollector``: what a task uses of what it may use."""

from collections.abc import Callable
from typing import Annotated, cast

from wca.clock import Clock, SystemClock
from wca.collectors.api import (
    INTERVAL,
    Cgroup,
    Collector,
    NodeTarget,
    NotAvailable,
    Probe,
    Readable,
    TaskTarget,
)
from wca.collectors.utilization.limits import Limits
from wca.collectors.utilization.rates import Growth
from wca.config.types import Injected
from wca.linux.parse import KeyedNumbers, Malformed, parse_number
from wca.metrics import Measurements

__all__ = ["TaskUtilizationCollector"]

_CPU, _THROTTLED = "task_cpu_utilization_ratio", "task_cpu_throttled_ratio"
_MEMORY = "task_mem_utilization_ratio"


class TaskUtilizationCollector(Collector):
    """CPU time and memory of a task as parts of what it is allowed, and its throttling.

    The CPU limit is the least of the quotas of the task and of the groups above, of its cpuset, and
    of the CPUs that are online; the memory limit the least of those of its groups and the memory of
    the machine. Memory in use is the working set: without the page cache that the kernel can take
    back at once. The first reading has no CPU numbers, as has one whose counters fell. A quota
    that lets a task save some of it for a burst lets it have more than all for a moment: that is
    all, here.

    Source: the files of both cgroup versions, each controller where it is; see docs/metrics.md.

    Args:
        interval: time between two readings; the runner's when left out.
        clock: for tests: time.
    """

    emits = (_CPU, _THROTTLED, _MEMORY)

    def __init__(
        self,
        interval: Annotated[float, INTERVAL] | None = None,
        *,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        super().__init__(interval)
        self._clock = clock or SystemClock()

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Open the files of the task. Raises NotAvailable and TargetGone."""
        task = cast("TaskTarget", target)
        return _Probe(task.cgroup, Limits(task), self._clock.monotonic)


class _Probe:
    def __init__(self, cgroup: Cgroup, limits: Limits, monotonic: Callable[[], float]) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._usage, self._periods = Growth(), Growth()
        self._files: list[Readable] = []
        self._v1_usage = cgroup.version("cpuacct") == 1
        v1_memory = cgroup.version("memory") == 1
        inactive = b"total_inactive_file " if v1_memory else b"inactive_file "
        self._stat = KeyedNumbers((b"usage_usec ", b"nr_periods ", b"nr_throttled "))
        self._memory_stat = KeyedNumbers((inactive,))
        try:
            name = "cpuacct.usage" if self._v1_usage else "cpu.stat"
            self._used = self._open(cgroup, "cpuacct", name)
            self._cpu = self._open(cgroup, "cpu", "cpu.stat") if self._v1_usage else self._used
            name = "memory.usage_in_bytes" if v1_memory else "memory.current"
            self._memory = self._open(cgroup, "memory", name)
            self._memory_files = self._open(cgroup, "memory", "memory.stat")
        except BaseException:
            self.close()
            raise
        if self._used is None and self._memory is None:
            self.close()
            raise NotAvailable("its cgroup tells neither CPU time nor memory")

    def read(self, out: Measurements) -> None:
        """Add the ratios that can be told."""
        now = self._monotonic()
        cpus, memory = self._limits.read(now)
        try:
            self._read_cpu(out, now, cpus)
            self._read_memory(out, memory)
        except Malformed as error:
            raise NotAvailable(str(error)) from None

    def close(self) -> None:
        """Close all files; safe twice."""
        while self._files:
            self._files.pop().close()

    def _open(self, cgroup: Cgroup, controller: str, name: str) -> Readable | None:
        try:
            file = cgroup.open(controller, name)
        except NotAvailable:
            return None
        self._files.append(file)
        return file

    def _read_cpu(self, out: Measurements, now: float, cpus: float) -> None:
        if self._used is None:
            return
        data = self._used.read()
        stat = self._cpu.read() if self._v1_usage and self._cpu is not None else data
        usage, periods, throttled = self._stat.parse(stat)
        seconds = parse_number(data) / 1e9 if self._v1_usage else (usage or 0) / 1e6
        if self._v1_usage or usage is not None:
            grown = self._usage.since(now, seconds)
            if grown is not None:
                out[_CPU] = min(1.0, grown[1] / grown[0] / cpus)
        if periods is not None and throttled is not None:
            grown = self._periods.since(now, periods, throttled)
            if grown is not None and grown[1]:
                out[_THROTTLED] = grown[2] / grown[1]

    def _read_memory(self, out: Measurements, limit: float) -> None:
        if self._memory is None:
            return
        used = parse_number(self._memory.read())
        if self._memory_files is not None:
            (inactive,) = self._memory_stat.parse(self._memory_files.read())
            used = max(0, used - (inactive or 0))
        out[_MEMORY] = min(1.0, used / limit)
