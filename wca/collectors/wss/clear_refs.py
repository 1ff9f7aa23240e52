"""The working set of a task by the marks of use in its page tables."""

from collections.abc import Callable

from wca.clock import Clock
from wca.collectors.api import NotAvailable, TargetGone, TaskTarget
from wca.collectors.wss.search import WorkingSetSearch
from wca.linux.files import Write
from wca.linux.processes import read_living
from wca.linux.smaps import REFERENCED_PAGES, parse_referenced_bytes
from wca.metrics import Measurements

__all__ = ["ClearRefsProbe"]

_RIGHTS = "those of other users' processes need CAP_SYS_PTRACE and CAP_DAC_OVERRIDE"


class ClearRefsProbe:
    """Adds up what the processes of a task have used, and takes the marks away from time to time.

    Args:
        task: whose processes.
        search: decides when, and finds the working set.
        traffic: gives the bytes of memory traffic of the task; None while it is not measured.
        write: for ``clear_refs``.
        clock: for the time that this takes.
    """

    def __init__(
        self,
        task: TaskTarget,
        search: WorkingSetSearch,
        traffic: Callable[[], float | None],
        write: Write,
        clock: Clock,
    ) -> None:
        self._task = task
        self._search = search
        self._traffic = traffic
        self._write = write
        self._clock = clock
        self._overhead = 0.0

    def read(self, out: Measurements) -> None:
        """Add the numbers. Raises NotAvailable when the kernel refuses."""
        start = self._clock.monotonic()
        try:
            self._measure(out)
        except NotAvailable as error:
            raise NotAvailable(f"{error}; {_RIGHTS}") from None
        finally:
            self._overhead += self._clock.monotonic() - start
        out["task_wss_measure_overhead_seconds"] = self._overhead

    def close(self) -> None:
        """Nothing is kept open."""

    def _measure(self, out: Measurements) -> None:
        referenced: dict[int, int] = {}
        for pid in self._task.cgroup.procs(recursive=True):
            data = read_living(self._task.node, f"/proc/{pid}", "smaps_rollup")
            if data is not None:
                referenced[pid] = parse_referenced_bytes(data)
        if not referenced:
            return
        total = sum(referenced.values())
        reset = self._search.observe(total, self._traffic())
        out["task_wss_referenced_bytes"] = total
        if self._search.working_set is not None:
            out["task_working_set_size_bytes"] = self._search.working_set
        for pid in referenced if reset else ():
            self._clear(pid)

    def _clear(self, pid: int) -> None:
        try:
            self._write(f"/proc/{pid}/clear_refs", REFERENCED_PAGES)
        except TargetGone:
            return
        except NotAvailable:
            if self._task.node.listdir(f"/proc/{pid}"):
                raise
