"""Real cgroups for tests: below a parent of the test's own, removed afterwards."""

import contextlib
import itertools
import os
import subprocess
import sys
import time

import pytest

from tests.services import missing
from wca.linux.cgroups import Cgroup, CgroupHierarchies
from wca.linux.files import Kernel

_HIERARCHIES = ("cpu", "cpuacct", "memory", "blkio", "io", "pids", "perf_event", "psi")
_parents = itertools.count()


def need_root() -> None:
    """Skip the test without root rights; in CI that is a failure."""
    if os.geteuid() != 0:
        missing("real cgroups need root")


class Worker:
    """A process that does one thing per line of Python it is given, and answers with a line."""

    def __init__(self) -> None:
        loop = "import sys\nfor line in sys.stdin: exec(line, globals()); print('done', flush=True)"
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-c", loop],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid
        self.do("import resource, time, os")

    def do(self, statement: str) -> list[str]:
        """Run a statement of one line; the lines that it printed."""
        self._process.stdin.write(statement + "\n")
        self._process.stdin.flush()
        lines = []
        while (line := self._process.stdout.readline().strip()) != "done":
            assert line, f"the worker died over: {statement}"
            lines.append(line)
        return lines

    def burn(self, seconds: float) -> float:
        """Use CPU for about as long; CPU seconds used as the process itself counts them."""
        used = "sum(resource.getrusage(resource.RUSAGE_SELF)[:2])"
        spin = f"end = time.process_time() + {seconds}; any(time.process_time() > end for _ in iter(int, 1))"
        return float(self.do(f"start = {used}; {spin}; print({used} - start)")[0])

    def stop(self) -> None:
        """End the process; safe twice."""
        self._process.kill()
        self._process.communicate()


class RealCgroups:
    """Makes groups in every hierarchy that the measurements use, and processes in them.

    Args:
        unified: whether they are in the unified hierarchy too.
    """

    def __init__(self, *, unified: bool = True) -> None:
        self.kernel = Kernel()
        self.hierarchies = CgroupHierarchies(self.kernel)
        root = self.hierarchies.locate("/")
        found = {root.directory(name): root.version(name) for name in _HIERARCHIES}
        self._roots = sorted(folder for folder, version in found.items() if version)
        if not unified:
            self._roots = [folder for folder in self._roots if found[folder] == 1]
        self.parent = f"/wca-test-{os.getpid()}-{next(_parents)}"
        self._made: list[str] = []
        self._switched_on: list[tuple[str, str]] = []
        self._workers: list[Worker] = []
        self._make(self.parent)
        for top in self._roots:
            self._delegate(top)
            self._delegate(top + self.parent)

    def make(self, name: str) -> str:
        """Make a group; its path."""
        path = f"{self.parent}/{name}"
        self._make(path)
        return path

    def locate(self, path: str) -> Cgroup:
        """The groups of a path."""
        return self.hierarchies.locate(path)

    def take(self, path: str, controller: str) -> None:
        """Remove the group of one controller, as if it was yet to be made."""
        remove_group(self.hierarchies.locate("/").directory(controller) + path)

    def give(self, path: str, controller: str) -> None:
        """Make the group that was taken."""
        os.mkdir(self.hierarchies.locate("/").directory(controller) + path)

    def remove(self, path: str) -> None:
        """Remove a group that has no process."""
        for root in self._roots:
            folder = root + path
            self._made.remove(folder)
            remove_group(folder)

    def worker(self, path: str) -> Worker:
        """A process in the group."""
        worker = Worker()
        self._workers.append(worker)
        self.place(path, worker.pid)
        return worker

    def place(self, path: str, pid: int) -> None:
        """Put a process into the group; whoever started it ends it."""
        for root in self._roots:
            _write(f"{root}{path}/cgroup.procs", str(pid))

    def close(self) -> None:
        """End the processes and remove the groups."""
        for worker in self._workers:
            worker.stop()
        for folder in reversed(self._made):
            remove_group(folder)
        for folder, name in reversed(self._switched_on):
            if os.path.exists(folder):  # the machine's own groups are left as they were
                _write(f"{folder}/cgroup.subtree_control", f"-{name}")
        self.kernel.close()

    def _make(self, path: str) -> None:
        for root in self._roots:
            os.mkdir(root + path)
            self._made.append(root + path)

    def _delegate(self, folder: str) -> None:
        """On cgroup v2 a group has the files of a controller only when the one above says so."""
        with contextlib.suppress(OSError):
            wanted = {"cpu", "memory", "io", "pids"} & _words(f"{folder}/cgroup.controllers")
            missing = wanted - _words(f"{folder}/cgroup.subtree_control")
            for name in sorted(missing):
                _write(f"{folder}/cgroup.subtree_control", f"+{name}")
                self._switched_on.append((folder, name))


def _words(path: str) -> set[str]:
    with open(path) as file:
        return set(file.read().split())


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def remove_group(folder: str) -> None:
    """Remove a group, once the processes that were ended have left it."""
    deadline = time.monotonic() + 5
    while True:
        try:
            os.rmdir(folder)
        except OSError:  # a process that was just ended may not have left yet
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


@pytest.fixture
def real_cgroups():
    """Groups of the real kernel; the parent is removed afterwards."""
    need_root()
    cgroups = RealCgroups()
    try:
        yield cgroups
    finally:
        cgroups.close()


@pytest.fixture
def v1_cgroups():
    """As ``real_cgroups``, of tasks that have no group in the unified hierarchy."""
    need_root()
    cgroups = RealCgroups(unified=False)
    try:
        if cgroups.hierarchies.version("memory") != 1:
            missing("cgroup v1 is not mounted")
        yield cgroups
    finally:
        cgroups.close()
