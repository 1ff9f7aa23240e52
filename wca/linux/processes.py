"""Reading what /proc says of one process or thread that may end at any moment."""

import os

from wca.errors import NotAvailable, TargetGone
from wca.linux.files import FileTree
from wca.linux.parse import to_number

__all__ = ["START_TICK", "has_ended", "read_living", "seconds_at_start", "thread_folders"]

_ENDED = (b"Z", b"X")
#: In steps of so many seconds the kernel tells when a thread has started.
START_TICK = 1 / os.sysconf("SC_CLK_TCK")
# Fields behind the name, of which the state is the first: man 5 proc_pid_stat, number 22.
_START = 19


def read_living(files: FileTree, folder: str, name: str) -> bytes | None:
    """A file of a process or thread; None when it has ended.

    Args:
        files: what to read through.
        folder: ``/proc/PID`` or ``/proc/PID/task/TID``.
        name: of the file in it.

    Raises:
        NotAvailable: it lives, but its kernel has no such file or refuses to show it.
    """
    try:
        return files.read(f"{folder}/{name}")
    except TargetGone:
        return None
    except NotAvailable:
        if files.listdir(folder):
            raise
        return None


def thread_folders(files: FileTree, pid: int) -> list[tuple[int, str]]:
    """Id and folder of each thread of a process; empty when it has ended."""
    parent = f"/proc/{pid}/task"
    names = files.listdir(parent)
    return [(tid, f"{parent}/{name}") for name in names if (tid := to_number(name.encode()))]


def has_ended(files: FileTree, thread: int) -> bool:
    """Whether a thread has ended, even if nobody has asked yet how it did (a zombie).

    Source: /proc/PID/stat (man 5 proc_pid_stat), the letter behind the name.
    """
    try:
        data = files.read(f"/proc/{thread}/stat")
    except (NotAvailable, TargetGone):
        return True
    return data.rpartition(b") ")[2][:1] in _ENDED


def seconds_at_start(files: FileTree, folder: str) -> float | None:
    """When a process or thread has started, in seconds of CLOCK_BOOTTIME; None when it has ended.

    Source: /proc/PID/stat (man 5 proc_pid_stat), starttime.

    Args:
        files: what to read through.
        folder: ``/proc/PID`` or ``/proc/PID/task/TID``.
    """
    try:
        fields = files.read(f"{folder}/stat").rpartition(b") ")[2].split()
    except (NotAvailable, TargetGone):
        return None
    ticks = to_number(fields[_START]) if len(fields) > _START else None
    return None if ticks is None else ticks * START_TICK
