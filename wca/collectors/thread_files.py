"""A file of every thread of a task."""

from collections.abc import Iterator

from wca.collectors.api import TaskTarget
from wca.linux.processes import read_living, thread_folders

__all__ = ["thread_files"]


def thread_files(task: TaskTarget, name: str) -> Iterator[tuple[int, bytes]]:
    """Thread id and content of /proc/PID/task/TID/``name``; threads that have ended are left out.

    Raises:
        NotAvailable: the kernel has no such file or refuses to show it.
    """
    for pid in task.cgroup.procs(recursive=True):
        for tid, folder in thread_folders(task.node, pid):
            data = read_living(task.node, folder, name)
            if data is not None:
                yield tid, data
