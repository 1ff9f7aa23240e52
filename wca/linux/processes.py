"""Reading what /proc says of one process or thread that may end at any moment."""

from wca.errors import NotAvailable, TargetGone
from wca.linux.files import FileTree
from wca.linux.parse import to_number

__all__ = ["has_ended", "read_living", "thread_folders"]

_ENDED = (b"Z", b"X")


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
