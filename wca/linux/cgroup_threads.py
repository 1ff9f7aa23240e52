"""The threads of a control group and of those below it, and whether a thread has ended."""

from collections.abc import Iterator

from wca.errors import NotAvailable, TargetGone
from wca.linux.files import Kernel
from wca.linux.resctrl.values import parse_threads

__all__ = ["cgroup_threads", "has_ended"]

_ENDED = (b"Z", b"X")


def cgroup_threads(kernel: Kernel, directory: str, version: int) -> set[int]:
    """Ids of all threads in a group and in those below.

    Source: ``tasks`` of cgroup v1, ``cgroup.threads`` of v2.

    Args:
        kernel: what to read through.
        directory: folder of the group.
        version: of its hierarchy.

    Raises:
        TargetGone: there is no such group.
        Malformed: a file does not hold ids of threads.
    """
    name = "tasks" if version == 1 else "cgroup.threads"
    data = _read(kernel, f"{directory}/{name}")
    if data is None:
        raise TargetGone(f"{directory} is gone")
    threads = parse_threads(data)
    for below in _below(kernel, directory):
        threads |= parse_threads(_read(kernel, f"{below}/{name}") or b"")
    return threads


def has_ended(kernel: Kernel, thread: int) -> bool:
    """Whether a thread has ended, even if nobody has asked yet how it did (a zombie).

    Source: /proc/PID/stat (man 5 proc_pid_stat), the letter behind the name.
    """
    data = _read(kernel, f"/proc/{thread}/stat")
    return data is None or data.rpartition(b") ")[2][:1] in _ENDED


def _read(kernel: Kernel, path: str) -> bytes | None:
    try:
        return kernel.read(path)
    except (NotAvailable, TargetGone):
        return None


def _below(kernel: Kernel, directory: str) -> Iterator[str]:
    for name in kernel.subfolders(directory) or ():
        folder = f"{directory}/{name}"
        yield folder
        yield from _below(kernel, folder)
