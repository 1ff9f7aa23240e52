"""The node of the episodes: real cgroups below a parent of its own, and what they have used."""

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Iterator

from benchmarks.detection.programs import UnusableError
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.files import Kernel

__all__ = ["NEIGHBOURS", "VICTIM", "NodeGroups", "node_groups", "task_id"]

#: Always the same, so that a task has the same id in every session and recording.
TOP = "wca-episodes"
NODE = f"{TOP}/node"
VICTIM = "victim"
NEIGHBOURS = ("n1", "n2", "n3")
CONTROLLERS = ("cpu", "cpuacct", "memory", "blkio", "pids", "psi")
#: Bytes that victim and neighbours have together.
MEMORY = 400 << 20


def task_id(name: str, top: str = TOP) -> str:
    """The id that StaticNode gives the task.

    Args:
        name: of the task.
        top: group above all others of the benchmark.
    """
    return f"{top}/node/{name}"


class NodeGroups:
    """Groups of the victim, of the neighbours, and of what measures.

    Args:
        roots: folder of the hierarchy by controller.
        top: group above all others of the benchmark.
    """

    def __init__(self, roots: dict[str, str], top: str = TOP) -> None:
        self._roots = roots
        self._top = top

    def task_id(self, name: str) -> str:
        """The id that StaticNode gives the task."""
        return task_id(name, self._top)

    def procs(self, name: str) -> list[str]:
        """Files through which a process joins a task's groups."""
        folders = sorted(set(self._roots.values()))
        return [f"{folder}/{self.task_id(name)}/cgroup.procs" for folder in folders]

    def path(self, name: str, controller: str, file: str) -> str:
        """A file of a task; of the parent of all tasks without a name."""
        return f"{self._roots[controller]}/{self.task_id(name).rstrip('/')}/{file}"

    def read(self, name: str, controller: str, file: str) -> str:
        """Text of a file of a task."""
        with open(self.path(name, controller, file)) as opened:
            return opened.read()

    def write(self, name: str, controller: str, file: str, text: object) -> None:
        """Write a file of a task."""
        with open(self.path(name, controller, file), "w") as opened:
            opened.write(str(text))

    def measure_from_here(self) -> None:
        """Count this process and those that it starts from now on as the measurement's own."""
        with open(f"{self._roots['cpuacct']}/{self._top}/bench/cgroup.procs", "w") as opened:
            opened.write("0")

    def leave(self) -> None:
        """Undo ``measure_from_here``, so that the groups can be removed."""
        with open(f"{self._roots['cpuacct']}/cgroup.procs", "w") as opened:
            opened.write("0")

    def cpu_seconds(self) -> float:
        """CPU seconds used by victim, neighbours and all that measures."""
        with open(f"{self._roots['cpuacct']}/{self._top}/cpuacct.usage") as opened:
            return int(opened.read()) / 1e9

    def forget_files(self, name: str) -> None:
        """Drop the page cache that a task without processes has left behind."""
        self.write(name, "memory", "memory.force_empty", 0)

    def forget_all(self) -> None:
        """The same for all tasks; none has a process."""
        for name in (VICTIM, *NEIGHBOURS):
            self.forget_files(name)


@contextlib.contextmanager
def node_groups(memory: int = MEMORY, top: str = TOP) -> Iterator[NodeGroups]:
    """Make the groups; they go at the end, and what a killed run left behind goes before.

    Args:
        memory: bytes that victim and neighbours have together.
        top: group above all others of the benchmark; there is one run for each.

    Raises:
        UnusableError: another run has them.
    """
    with open(f"/run/{top}.lock", "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UnusableError("another run records episodes: wait until it ends") from None
        with _made(memory, top) as groups:
            yield groups


@contextlib.contextmanager
def _made(memory: int, top: str) -> Iterator[NodeGroups]:
    root = CgroupHierarchies(Kernel()).locate("/")
    roots = {name: folder for name in CONTROLLERS if (folder := root.directory(name))}
    _remove_all(roots, top)
    groups = NodeGroups(roots, top)
    names = [top, f"{top}/node", *map(groups.task_id, (VICTIM, *NEIGHBOURS))]
    try:
        for folder in sorted(set(roots.values())):
            for name in names:
                os.mkdir(f"{folder}/{name}")
        os.mkdir(f"{roots['cpuacct']}/{top}/bench")
        with contextlib.suppress(OSError):  # refused where it is always so
            groups.write("", "memory", "memory.use_hierarchy", 1)
        groups.write("", "memory", "memory.limit_in_bytes", memory)
        groups.measure_from_here()
        yield groups
    finally:
        groups.leave()
        _remove_all(roots, top)


def _remove_all(roots: dict[str, str], top: str) -> None:
    for folder in sorted(set(roots.values())):
        found = [path for path, _, _ in os.walk(f"{folder}/{top}", topdown=False)]
        for path in found:
            _remove(path)


def _remove(path: str) -> None:
    """Remove a group, and end what is in it: only programs of the episodes ever are."""
    deadline = time.monotonic() + 10
    while True:
        with open(f"{path}/cgroup.procs") as file:
            for pid in file.read().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
        try:
            os.rmdir(path)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
