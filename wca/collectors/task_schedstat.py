"""How long a task's threads waited for a CPU."""

from collections.abc import Callable
from typing import Annotated, cast

from wca.collectors.api import INTERVAL, Collector, NodeTarget, NotAvailable, Probe, TaskTarget
from wca.collectors.thread_files import ThreadTotals, seconds_since_boot
from wca.config.types import Injected
from wca.linux.sched import parse_schedstat
from wca.metrics import Measurements

__all__ = ["TaskSchedstatCollector"]

_DELAY, _SLICES = "task_run_queue_delay_seconds", "task_run_queue_timeslices"


class TaskSchedstatCollector(Collector):
    """Time in which threads were ready to run and had no CPU, and how often they were given one.

    What a CPU quota holds back counts as waiting. A thread that has ended stays in the sum with
    what it had at the last reading, and one that was moved into the task counts from then on.

    Source: /proc/TID/schedstat of every thread; a kernel with CONFIG_SCHED_INFO.

    Args:
        interval: time between two readings; the runner's when left out.
        since_boot: for tests: seconds since the machine was started.
    """

    blocking = True
    emits = (_DELAY, _SLICES)

    def __init__(
        self,
        interval: Annotated[float, INTERVAL] | None = None,
        *,
        since_boot: Annotated[Callable[[], float], Injected()] = seconds_since_boot,
    ) -> None:
        super().__init__(interval)
        self._since_boot = since_boot

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Look whether the kernel counts. Raises NotAvailable."""
        task = cast("TaskTarget", target)
        own = parse_schedstat(task.node.read("/proc/self/schedstat"))
        if not own.slices:  # this process runs
            raise NotAvailable("the kernel does not count: schedstat has nothing but zeros")
        return _SchedstatProbe(ThreadTotals(task, "schedstat", self._since_boot))


class _SchedstatProbe:
    def __init__(self, totals: ThreadTotals) -> None:
        self._totals = totals

    def read(self, out: Measurements) -> None:
        sums = self._totals.read(_counters)
        if sums:
            out[_DELAY] = sums["delay"] / 1e9
            out[_SLICES] = sums["slices"]

    def close(self) -> None:
        pass  # threads come and go: none of their files is kept open


def _counters(data: bytes) -> dict[str, float]:
    numbers = parse_schedstat(data)
    return {"delay": numbers.delay, "slices": numbers.slices}
