"""The working set of a task: the memory that it really uses."""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Literal, cast

from wca.clock import Clock, SystemClock
from wca.collectors.api import INTERVAL, Collector, NodeTarget, Probe, TaskTarget
from wca.collectors.wss.clear_refs import ClearRefsProbe
from wca.collectors.wss.lru_gen import LruGenProbe, LruGenRounds, check_lru_gen
from wca.collectors.wss.search import WorkingSetSearch
from wca.config.types import Injected, Numeric
from wca.errors import ValidationError
from wca.linux.files import Write, write_kernel_file
from wca.linux.smaps import parse_referenced_bytes

__all__ = ["MemoryTraffic", "TaskWssCollector"]

log = logging.getLogger(__name__)

#: Bytes of memory traffic of the task with this id since it began; None: not measured.
MemoryTraffic = Callable[[str], float | None]

_MOST_CYCLES = 1_000_000


class TaskWssCollector(Collector):
    """How much memory a task uses, as opposed to how much it has. Costs CPU time; opt-in.

    ``clear_refs`` adds up the memory that the processes have used since their marks of use were
    taken away, and takes the marks away from time to time. The kernel goes by the same marks when
    it reclaims memory, so that this changes what is reclaimed. With ``stable_cycles`` the working
    set is what had been used when that had stopped growing.

    ``lru_gen`` lets the kernel age the task's pages at the end of each window; the working set is
    what was used in the last window.

    Source: /proc/PID/smaps_rollup and /proc/PID/clear_refs, which of other users' processes need
    CAP_SYS_PTRACE and CAP_DAC_OVERRIDE, or /sys/kernel/debug/lru_gen, which needs root.

    Args:
        reset_cycles: readings after which the marks are taken away; 0: as ``stable_cycles`` says.
            With lru_gen the readings in a window.
        stable_cycles: readings in a row in which the memory has not grown; 0: do not search for the
            working set; a negative number is as its amount, but the marks stay then. Needs
            membw_threshold.
        membw_threshold: growth that counts as none, as a part of the task's memory traffic. Needs
            task_mem_bandwidth_bytes of the task.
        method: clear_refs or lru_gen.
        interval: time between two readings; the runner's when left out.
        clock: for tests: time.
        write: for tests: writes to a file of the kernel.
    """

    blocking = True
    changes = (
        "it takes the marks of use from the pages of tasks, by which the kernel reclaims memory"
    )
    per_container = False  # the search goes by the memory traffic of the task as a whole
    emits = (
        "task_wss_referenced_bytes",
        "task_working_set_size_bytes",
        "task_wss_measure_overhead_seconds",
    )

    def __init__(
        self,
        reset_cycles: Annotated[int, Numeric(0, _MOST_CYCLES)],
        stable_cycles: Annotated[int, Numeric(-_MOST_CYCLES, _MOST_CYCLES)] = 0,
        membw_threshold: Annotated[float, Numeric(0)] | None = None,
        method: Literal["clear_refs", "lru_gen"] = "clear_refs",
        interval: Annotated[float, INTERVAL] | None = None,
        *,
        clock: Annotated[Clock | None, Injected()] = None,
        write: Annotated[Write | None, Injected()] = None,
    ) -> None:
        super().__init__(interval)
        _check(reset_cycles, stable_cycles, membw_threshold, method)
        self.reset_cycles = reset_cycles
        self.stable_cycles = stable_cycles
        self.membw_threshold = membw_threshold
        self.method = method
        self._clock = SystemClock() if clock is None else clock
        self._write = write_kernel_file if write is None else write
        self._traffic: MemoryTraffic | None = None
        self._rounds: LruGenRounds | None = None
        self._said = False

    def use_memory_traffic(self, traffic: MemoryTraffic) -> None:
        """Take the memory traffic of tasks from whoever measures it.

        Args:
            traffic: called on this collector's thread.
        """
        self._traffic = traffic

    @property
    def opens_of_processes(self) -> Mapping[str, str]:
        """Files below /proc/PID, and who may open those of other users."""
        if self.method == "lru_gen":
            return {}
        return {"smaps_rollup": "CAP_SYS_PTRACE", "clear_refs": "CAP_DAC_OVERRIDE"}

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Look whether the kernel can tell. Raises NotAvailable and TargetGone."""
        task = cast("TaskTarget", target)
        if self.method == "lru_gen":
            check_lru_gen(task.node)
            if self._rounds is None:
                self._rounds = LruGenRounds(task.node, self._write, self._clock)
            return LruGenProbe(task.cgroup, self.reset_cycles, self._rounds)
        parse_referenced_bytes(task.node.read("/proc/self/smaps_rollup"))
        search = WorkingSetSearch(self.reset_cycles, self.stable_cycles, self.membw_threshold)
        traffic = partial(self._traffic_of, task.task.task_id)
        return ClearRefsProbe(task, search, traffic, self._write, self._clock)

    def _traffic_of(self, task_id: str) -> float | None:
        if not self.stable_cycles:
            return None
        traffic = None if self._traffic is None else self._traffic(task_id)
        if traffic is None and not self._said:
            self._said = True
            log.warning(
                "no task_working_set_size_bytes: it needs task_mem_bandwidth_bytes, which is not "
                "measured (resctrl, rdt_enabled)"
            )
        return traffic


def _check(reset: int, stable: int, threshold: float | None, method: str) -> None:
    if method not in ("clear_refs", "lru_gen"):
        raise ValidationError(f"method must be clear_refs or lru_gen, got {method!r}")
    if reset < 0:
        raise ValidationError(f"reset_cycles must be 0 or more, got {reset}")
    if threshold is not None and not threshold > 0:
        raise ValidationError(f"membw_threshold must be more than 0, got {threshold}")
    if bool(stable) != (threshold is not None):
        raise ValidationError(
            "stable_cycles and membw_threshold need each other: write both, or neither"
        )
    if method == "lru_gen" and (not reset or stable):
        raise ValidationError(
            "lru_gen wants reset_cycles of at least 1, and neither stable_cycles nor "
            "membw_threshold"
        )
