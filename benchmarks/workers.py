"""One small process in each cgroup, so that every number of a task changes between two rounds."""

import contextlib
import mmap
import os
import signal
from collections.abc import Iterator, Sequence

from benchmarks.cgroups import MEASURED
from wca.linux.cgroups import Cgroup

#: Pages that a worker touches anew in each round.
PAGES = 4


class Workers:
    """Processes that use some CPU and memory whenever they are told to.

    Args:
        pids: one per cgroup.
        written: the read end of a pipe to which each writes a byte when it has worked.
    """

    def __init__(self, pids: Sequence[int], written: int) -> None:
        self._pids = pids
        self._written = written

    def work(self) -> None:
        """Let every process work once, and wait until all have."""
        for pid in self._pids:
            os.kill(pid, signal.SIGUSR1)
        missing = len(self._pids)
        while missing:
            missing -= len(os.read(self._written, missing))


@contextlib.contextmanager
def workers(cgroups: Sequence[Cgroup]) -> Iterator[Workers]:
    """Start one process in each cgroup; they end with the block."""
    written, to_write = os.pipe()
    pids: list[int] = []
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    try:
        for cgroup in cgroups:
            pid = os.fork()
            if pid == 0:
                _work_when_told(to_write)
            pids.append(pid)
            _move(pid, cgroup)
        yield Workers(pids, written)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        for pid in pids:
            os.waitpid(pid, 0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
        os.close(written)
        os.close(to_write)


def _work_when_told(to_write: int) -> None:
    memory: list[mmap.mmap] = []
    while True:
        signal.sigwait({signal.SIGUSR1})
        pages = mmap.mmap(-1, PAGES * mmap.PAGESIZE)
        for page in range(PAGES):
            pages[page * mmap.PAGESIZE] = 1
        memory = [*memory[-50:], pages]
        os.write(to_write, b".")


def _move(pid: int, cgroup: Cgroup) -> None:
    directories = {cgroup.directory(name) for name in MEASURED}
    for directory in directories - {None}:
        with open(f"{directory}/cgroup.procs", "w") as file:
            file.write(str(pid))
