"""Real cgroups to measure, in every hierarchy of this machine, below a parent of our own."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence

from wca.linux.cgroups import CgroupHierarchies
from wca.linux.files import Kernel

PARENT = f"wca-bench-{os.getpid()}"
MEASURED = ("cpu", "cpuacct", "memory", "blkio", "pids", "perf_event", "psi")
#: Controllers of cgroup v2 whose files the groups have.
DELEGATED = {"cpu", "memory", "io", "pids"}


def end_tidily() -> None:
    """Let SIGTERM end this program as an error would, so that its cgroups are removed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


class Groups:
    """Groups below the parent, each in every hierarchy.

    Args:
        roots: the folders of the hierarchies.
    """

    def __init__(self, roots: Sequence[str]) -> None:
        self._roots = roots

    def make(self, name: str) -> str:
        """Make a group; gives its name as StaticNode takes it."""
        path = f"{PARENT}/{name}"
        for root in self._roots:
            os.mkdir(f"{root}/{path}")
        return path

    def remove(self, path: str) -> None:
        """Remove a group that has no processes any more, by the name that ``make`` gave."""
        for root in self._roots:
            os.rmdir(f"{root}/{path}")


@contextlib.contextmanager
def parent_cgroup() -> Iterator[Groups]:
    """The parent of the groups, which goes with all of them at the end."""
    root = CgroupHierarchies(Kernel()).locate("/")
    roots = sorted({directory for name in MEASURED if (directory := root.directory(name))})
    switched_on: list[tuple[str, str]] = []
    made: list[str] = []
    try:
        for folder in roots:
            os.mkdir(f"{folder}/{PARENT}")
            made.append(f"{folder}/{PARENT}")
            switched_on += _delegate(folder, made[-1])
        yield Groups(roots)
    finally:
        for parent in made:
            _remove(parent)
        for folder, name in switched_on:
            _control(folder, f"-{name}")


@contextlib.contextmanager
def task_cgroups(count: int) -> Iterator[list[str]]:
    """Make ``count`` groups; yields their names as StaticNode takes them."""
    with parent_cgroup() as groups:
        yield [groups.make(f"task{number:04d}") for number in range(count)]


def _remove(parent: str) -> None:
    with os.scandir(parent) as entries:
        children = [entry.path for entry in entries if entry.is_dir()]
    for folder in (*children, parent):
        os.rmdir(folder)


def _delegate(root: str, parent: str) -> list[tuple[str, str]]:
    """On cgroup v2, pass the controllers down so that the groups have their files.

    Gives what was switched on in the root, to be switched off again.
    """
    if not os.path.exists(f"{root}/cgroup.controllers"):
        return []
    wanted = DELEGATED & _words(f"{root}/cgroup.controllers")
    missing = wanted - _words(f"{root}/cgroup.subtree_control")
    for folder, names in ((root, missing), (parent, wanted)):
        for name in names:
            _control(folder, f"+{name}")
    return [(root, name) for name in missing]


def _words(path: str) -> set[str]:
    with open(path) as file:
        return set(file.read().split())


def _control(folder: str, text: str) -> None:
    with open(f"{folder}/cgroup.subtree_control", "w") as file:
        file.write(text)
