"""Whether what a collector opens of each process is open to this user."""

import os
import stat
from collections.abc import Mapping, Sequence

__all__ = ["process_refusal"]

_READERS = 0o444


def process_refusal(wanted: Mapping[str, str], pids: Sequence[int], proc: str = "/proc") -> str:
    """The first of the files that may not be opened, and which capability opens it.

    Args:
        wanted: name below /proc/PID and the capability, see ``Collector.opens_of_processes``.
        pids: processes of a task.
        proc: the mount of /proc.

    Returns:
        A sentence; empty: nothing is refused.
    """
    for name, capability in wanted.items():
        for pid in pids:
            path = f"{proc}/{pid}/{name}"
            if _is_refused(path):
                return f"{path} is refused: {capability} is needed"
    return ""


def _is_refused(path: str) -> bool:
    """Whether it is there and cannot be opened; nothing is written, not even to what is to be."""
    try:
        if not stat.S_IMODE(os.stat(path).st_mode) & _READERS:
            return not os.access(path, os.W_OK, effective_ids=True)
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except PermissionError:
        return True
    except OSError:  # its process has ended, or the kernel has no such file, which others tell
        return False
    return False
