"""One small process in each cgroup, so that every number of a task changes between two rounds."""

import contextlib
import ctypes
import mmap
import os
import signal
import tempfile
from collections.abc import Iterator, Sequence

from benchmarks.cgroups import MEASURED
from wca.linux.cgroups import Cgroup

#: prctl(2): a signal when the parent has ended.
PR_SET_PDEATHSIG = 1
#: unshare(2): a network namespace.
CLONE_NEWNET = 0x40000000
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

    def move(self, number: int, cgroup: Cgroup) -> None:
        """Let one of the processes, counted round and round, go on in another cgroup."""
        _move(self._pids[number % len(self._pids)], cgroup)


@contextlib.contextmanager
def workers(
    cgroups: Sequence[Cgroup], *, disk: bool = False, network: bool = False
) -> Iterator[Workers]:
    """Start one process in each cgroup; they end with the block.

    Args:
        cgroups: where.
        disk: let each read a block of the disk as well, past the page cache, when it works.
        network: put each into a network namespace of its own, as a pod has one.
    """
    with (
        _block() if disk else contextlib.nullcontext() as block,
        _processes(cgroups, block, network=network) as working,
    ):
        yield working


@contextlib.contextmanager
def _block() -> Iterator[int | None]:
    """A descriptor whose reads go to the disk; None where the file system has none below."""
    with tempfile.NamedTemporaryFile(dir="/var/tmp") as file:
        file.write(b"x" * mmap.PAGESIZE)
        file.flush()
        os.fsync(file.fileno())
        try:
            descriptor = os.open(file.name, os.O_RDONLY | os.O_DIRECT)
        except OSError:
            yield None
            return
        try:
            yield descriptor
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _processes(cgroups: Sequence[Cgroup], block: int | None, *, network: bool) -> Iterator[Workers]:
    written, to_write = os.pipe()
    pids: list[int] = []
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    try:
        for cgroup in cgroups:
            pid = os.fork()
            if pid == 0:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                if network:
                    ctypes.CDLL(None).unshare(CLONE_NEWNET)
                _work_when_told(to_write, block)
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


def _work_when_told(to_write: int, block: int | None) -> None:
    memory: list[mmap.mmap] = []
    while True:
        signal.sigwait({signal.SIGUSR1})
        pages = mmap.mmap(-1, PAGES * mmap.PAGESIZE)
        for page in range(PAGES):
            pages[page * mmap.PAGESIZE] = 1
        if block is not None:
            os.preadv(block, [pages], 0)
        memory = [*memory[-50:], pages]
        os.write(to_write, b".")


def _move(pid: int, cgroup: Cgroup) -> None:
    directories = {cgroup.directory(name) for name in MEASURED}
    for directory in directories - {None}:
        with open(f"{directory}/cgroup.procs", "w") as file:
            file.write(str(pid))
