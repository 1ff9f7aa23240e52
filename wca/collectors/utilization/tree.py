"""``ProcessTreeUtilizationCollector``: what the agent's own children use."""

import os
import resource
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, cast

from wca.clock import Clock, SystemClock
from wca.collectors.api import INTERVAL, Collector, NodeTarget, Probe, TaskTarget
from wca.collectors.utilization.limits import Limits
from wca.collectors.utilization.rates import Growth
from wca.config.types import Injected
from wca.metrics import Measurements

if TYPE_CHECKING:
    import psutil

__all__ = ["ProcessTreeUtilizationCollector"]

_CPU, _MEMORY = "task_cpu_utilization_ratio", "task_mem_utilization_ratio"


class ProcessTreeUtilizationCollector(Collector):
    """CPU time and memory of all processes that descend from the agent, as parts of its limits.

    For ``wca exec``, where the agent's cgroup has other processes in it. CPU time of children that
    have ended counts on. Memory in use is what is resident: pages that processes share count once
    for each of them.

    Source: /proc of each process, wait4 of those that have ended; limits as of
    TaskUtilizationCollector.

    Args:
        interval: time between two readings; the runner's when left out.
        clock: for tests: time.
    """

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
        """Nothing is opened; the task tells the limits."""
        return _Probe(Limits(cast("TaskTarget", target)), self._clock.monotonic)


class _Probe:
    def __init__(self, limits: Limits, monotonic: Callable[[], float]) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._growth = Growth(gaps=True)

    def read(self, out: Measurements) -> None:
        """Add both ratios."""
        now = self._monotonic()
        cpus, memory = self._limits.read(now)
        reaped = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds, resident = reaped.ru_utime + reaped.ru_stime, 0
        for used, size in _descendants():
            seconds += used
            resident += size
        # A child that ends between both looks is missing from them once.
        grown = self._growth.since(now, seconds)
        if grown is not None:
            out[_CPU] = min(1.0, grown[1] / grown[0] / cpus)
        out[_MEMORY] = min(1.0, resident / memory)

    def close(self) -> None:
        """Nothing to give back."""


def _descendants() -> Iterator[tuple[float, int]]:
    """CPU seconds, those of reaped children included, and resident bytes of each."""
    import psutil

    for process in psutil.Process(os.getpid()).children(recursive=True):
        try:
            yield _of(process)
        except psutil.Error:
            continue


def _of(process: "psutil.Process") -> tuple[float, int]:
    with process.oneshot():
        times = process.cpu_times()
        own = times.user + times.system
        return own + times.children_user + times.children_system, process.memory_info().rss
