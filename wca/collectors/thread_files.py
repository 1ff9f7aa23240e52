"""A file of every thread of a task, and the sum of what it counts."""

import time
from collections.abc import Callable, Iterator, Mapping

from wca.collectors.api import TaskTarget
from wca.collectors.running_total import RunningTotal
from wca.linux.processes import START_TICK, read_living, seconds_at_start, thread_folders

__all__ = ["ThreadTotals", "seconds_since_boot"]


def seconds_since_boot() -> float:
    """Of the clock by which the kernel tells when a thread has started."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class ThreadTotals:
    """Adds up a file of all threads of a task, from reading to reading.

    What a thread did before the first reading is counted, as far as its file tells it. Later on a
    new thread is counted from its start. One that is older has been moved into the task: it is
    counted from when it was first seen, because what it did before was not done for the task.

    Args:
        task: whose threads.
        name: of the file in /proc/PID/task/TID.
        since_boot: gives the time, see ``seconds_since_boot``.
    """

    def __init__(self, task: TaskTarget, name: str, since_boot: Callable[[], float]) -> None:
        self._task = task
        self._name = name
        self._since_boot = since_boot
        self._total: RunningTotal[int, str] = RunningTotal()
        self._read_at: float | None = None

    def read(self, count: Callable[[bytes], Mapping[str, float]]) -> dict[str, float]:
        """The sums by name; empty as long as no thread was seen.

        Args:
            count: the counters in the content of the file.

        Raises:
            NotAvailable: the kernel has no such file or refuses to show it.
        """
        before, self._read_at = self._read_at, self._since_boot()
        current: dict[int, Mapping[str, float]] = {}
        older: set[int] = set()
        for tid, folder, data in self._files():
            current[tid] = count(data)
            if before is not None and not self._total.knows(tid):
                started = seconds_at_start(self._task.node, folder)
                if started is not None and started + START_TICK <= before:
                    older.add(tid)
        return self._total.update(current, older)

    def _files(self) -> Iterator[tuple[int, str, bytes]]:
        """Id, folder and content of each thread; those that have ended are left out."""
        for pid in self._task.cgroup.procs(recursive=True):
            for tid, folder in thread_folders(self._task.node, pid):
                data = read_living(self._task.node, folder, self._name)
                if data is not None:
                    yield tid, folder, data
