"""What the kernel's scheduler counts of a task's threads."""

import re
from collections.abc import Callable
from typing import Annotated, cast

from wca.collectors.api import INTERVAL, Collector, NodeTarget, Probe, TaskTarget
from wca.collectors.patterns import compile_keys
from wca.collectors.thread_files import ThreadTotals, seconds_since_boot
from wca.config.types import Injected, Str
from wca.linux.sched import is_sched_counter, parse_sched
from wca.metrics import Measurements

__all__ = ["TaskSchedCollector"]

_Faults = dict[str, dict[str, int]]


class TaskSchedCollector(Collector):
    """Switches, migrations, CPU time, waiting and NUMA faults of a task's threads, summed.

    Only what can be summed is taken: times, counts and sums, not priorities, averages, maxima or
    ids. Keys are the kernel's, times in milliseconds. A thread that has ended stays in the sum with
    what it had at the last reading, and one that was moved into the task counts from then on.

    Source: /proc/TID/sched of every thread. Waiting and wake-ups are there while
    /proc/sys/kernel/sched_schedstats is 1, NUMA faults where the kernel balances NUMA nodes.

    Args:
        keys: regular expression that a key begins with; all when left out.
        numa_faults: whether to give task_sched_stat_numa_faults.
        interval: time between two readings; the runner's when left out.
        since_boot: for tests: seconds since the machine was started.
    """

    blocking = True
    emits = ("task_sched_stat", "task_sched_stat_numa_faults")

    def __init__(
        self,
        keys: Annotated[str, Str()] | None = None,
        numa_faults: bool = True,
        interval: Annotated[float, INTERVAL] | None = None,
        *,
        since_boot: Annotated[Callable[[], float], Injected()] = seconds_since_boot,
    ) -> None:
        super().__init__(interval)
        self.keys = keys
        self.numa_faults = numa_faults
        self._since_boot = since_boot
        self._pattern = compile_keys(keys or "", "write one such as 'nr_.*'")

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Look whether the kernel has such files. Raises NotAvailable."""
        task = cast("TaskTarget", target)
        parse_sched(task.node.read("/proc/self/sched"))
        totals = ThreadTotals(task, "sched", self._since_boot)
        return _SchedProbe(totals, self._pattern, numa_faults=self.numa_faults)


class _SchedProbe:
    def __init__(
        self, totals: ThreadTotals, pattern: re.Pattern[str], *, numa_faults: bool
    ) -> None:
        self._totals = totals
        self._pattern = pattern
        self._numa_faults = numa_faults
        self._chosen: dict[str, bool] = {}  # keys that were seen

    def read(self, out: Measurements) -> None:
        faults: _Faults = {}

        def count(data: bytes) -> dict[str, float]:
            sched = parse_sched(data)
            _add_faults(faults, sched.numa_faults)
            return {key: n for key, n in sched.values.items() if self._wants(key)}

        sums = self._totals.read(count)
        if sums:
            out["task_sched_stat"] = sums
        if faults and self._numa_faults:
            out["task_sched_stat_numa_faults"] = faults

    def close(self) -> None:
        pass  # threads come and go: none of their files is kept open

    def _wants(self, key: str) -> bool:
        if key not in self._chosen:
            self._chosen[key] = is_sched_counter(key) and bool(self._pattern.match(key))
        return self._chosen[key]


def _add_faults(sums: _Faults, faults: _Faults) -> None:
    for node, counts in faults.items():
        of_node = sums.setdefault(node, {})
        for kind, count in counts.items():
            of_node[kind] = of_node.get(kind, 0) + count
