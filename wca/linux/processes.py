"""Reading what /proc says of one process or thread that may end at any moment."""

from collections.abc import Sequence
from typing import Protocol

from wca.errors import NotAvailable, TargetGone
from wca.linux.parse import to_number

__all__ = ["ProcFiles", "read_living", "thread_folders"]


class ProcFiles(Protocol):
    """What /proc is read through: a ``Kernel``, or the target of a collector."""

    def read(self, path: str) -> bytes:
        """The whole file. Raises NotAvailable and TargetGone."""

    def listdir(self, path: str) -> Sequence[str]:
        """Names in a folder; empty where it is absent."""


def read_living(files: ProcFiles, folder: str, name: str) -> bytes | None:
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


def thread_folders(files: ProcFiles, pid: int) -> list[tuple[int, str]]:
    """Id and folder of each thread of a process; empty when it has ended."""
    parent = f"/proc/{pid}/task"
    names = files.listdir(parent)
    return [(tid, f"{parent}/{name}") for name in names if (tid := to_number(name.encode()))]
