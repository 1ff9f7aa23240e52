"""Ending all processes of control groups, and never the agent or process 1."""

import contextlib
import os
import signal
import time
from collections.abc import Collection, Sequence

from wca.allocations.contract import Files
from wca.errors import WcaError
from wca.linux.cgroups import Cgroup

__all__ = ["KILL_FILE", "forbidden", "kill_groups"]

#: Of cgroup v2 since Linux 5.14: ends a group and all below it, whatever forks meanwhile.
KILL_FILE = "cgroup.kill"
#: Seconds until what was killed has to be gone; a process that waits for a disk goes later.
PATIENCE = 1.5
_PAUSE = 0.01


def forbidden(groups: Sequence[Cgroup]) -> str:
    """Why groups must not be killed; empty: they may.

    Args:
        groups: those of a task.
    """
    if any(group.path == "/" for group in groups):
        return "it is the root group"
    pids = _processes(groups)
    if os.getpid() in pids:
        return "the agent itself is in it"
    return "process 1 is in it" if 1 in pids else ""


def kill_groups(groups: Sequence[Cgroup], files: Files, patience: float = PATIENCE) -> int:
    """Send SIGKILL to all processes of groups and below them until they are empty. Takes its time.

    On cgroup v2 through ``cgroup.kill``; where that is not, process by process.

    Args:
        groups: those of a task.
        files: how the kernel's files are written.
        patience: seconds.

    Returns:
        How many processes were seen there.

    Raises:
        OSError: the kernel has refused it.
        WcaError: it must not be done, or processes are left.
    """
    seen: set[int] = set()
    end = time.monotonic() + patience
    while any(group.populated() for group in groups):
        reason = forbidden(groups)
        if reason:
            raise WcaError(reason)
        pids = _processes(groups)
        seen |= pids
        whole = _kill_file(groups[0], files)
        if whole is None:
            _kill_each(pids, groups)
        else:
            files.write(whole, "1")
        if time.monotonic() > end:
            raise WcaError(f"{len(_processes(groups))} processes are left")
        time.sleep(_PAUSE)
    return len(seen)


def _processes(groups: Sequence[Cgroup]) -> set[int]:
    return {pid for group in groups for pid in group.procs(recursive=True)}


def _kill_file(group: Cgroup, files: Files) -> str | None:
    """The file, where cgroup v2 has all of the task's processes."""
    folder = group.directory("cpuacct") if group.version("cpuacct") == 2 else None
    path = f"{folder}/{KILL_FILE}"
    return path if folder is not None and files.inode(path) is not None else None


def _kill_each(pids: Collection[int], groups: Sequence[Cgroup]) -> None:
    """Kill processes by descriptors, so that none is hit which has got the number of another.

    Who is in the groups after its descriptor was opened is who the descriptor is of, or is dead.
    """
    with contextlib.ExitStack() as stack:
        opened = {}
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                opened[pid] = os.pidfd_open(pid)
                stack.callback(os.close, opened[pid])
        for pid in opened.keys() & _processes(groups):
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(opened[pid], signal.SIGKILL)
