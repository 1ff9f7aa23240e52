"""How long a task's threads waited for a CPU."""

from typing import cast

from wca.collectors.api import Collector, NodeTarget, NotAvailable, Probe, TaskTarget
from wca.collectors.running_total import RunningTotal
from wca.collectors.thread_files import thread_files
from wca.linux.sched import parse_schedstat
from wca.metrics import Measurements

__all__ = ["TaskSchedstatCollector"]

_DELAY, _SLICES = "task_run_queue_delay_seconds", "task_run_queue_timeslices"


class TaskSchedstatCollector(Collector):
    """Time in which threads were ready to run and had no CPU, and how often they were given one.

    What a CPU quota holds back counts as waiting. A thread that has ended stays in the sum with
    what it had at the last reading.

    Source: /proc/TID/schedstat of every thread; a kernel with CONFIG_SCHED_INFO.

    Args:
        interval: time between two readings; the runner's when left out.
    """

    blocking = True
    emits = (_DELAY, _SLICES)

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Look whether the kernel counts. Raises NotAvailable."""
        task = cast("TaskTarget", target)
        own = parse_schedstat(task.node.read("/proc/self/schedstat"))
        if not own.slices:  # this process runs
            raise NotAvailable("the kernel does not count: schedstat has nothing but zeros")
        return _SchedstatProbe(task)


class _SchedstatProbe:
    def __init__(self, task: TaskTarget) -> None:
        self._task = task
        self._total: RunningTotal[int, str] = RunningTotal()

    def read(self, out: Measurements) -> None:
        current: dict[int, dict[str, float]] = {}
        for tid, data in thread_files(self._task, "schedstat"):
            numbers = parse_schedstat(data)
            current[tid] = {"delay": numbers.delay, "slices": numbers.slices}
        sums = self._total.update(current)
        if sums:
            out[_DELAY] = sums["delay"] / 1e9
            out[_SLICES] = sums["slices"]

    def close(self) -> None:
        pass  # threads come and go: none of their files is kept open
