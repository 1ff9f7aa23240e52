"""Real cgroups to measure, in every hierarchy of this machine, below a parent of our own."""

import contextlib
import os
from collections.abc import Iterator

from wca.linux.cgroups import CgroupHierarchies
from wca.linux.files import Kernel

PARENT = f"wca-bench-{os.getpid()}"
MEASURED = ("cpu", "cpuacct", "memory", "psi")


def _roots() -> list[str]:
    root = CgroupHierarchies(Kernel()).locate("/")
    return sorted({directory for name in MEASURED if (directory := root.directory(name))})


@contextlib.contextmanager
def task_cgroups(count: int) -> Iterator[list[str]]:
    """Make ``count`` groups; yields their names as StaticNode takes them."""
    roots = _roots()
    names = [f"{PARENT}/task{number:04d}" for number in range(count)]
    made: list[str] = []
    try:
        for root in roots:
            parent = f"{root}/{PARENT}"
            os.mkdir(parent)
            made.append(parent)
            _delegate(root, parent)
            for name in names:
                os.mkdir(f"{root}/{name}")
                made.append(f"{root}/{name}")
        yield names
    finally:
        for folder in reversed(made):
            os.rmdir(folder)


def _delegate(root: str, parent: str) -> None:
    """On cgroup v2 the controllers must be passed down before the groups have their files."""
    with contextlib.suppress(OSError):
        with open(f"{root}/cgroup.controllers") as file:
            wanted = {"cpu", "memory"} & set(file.read().split())
        for folder in (root, parent):
            with open(f"{folder}/cgroup.subtree_control", "w") as file:
                file.write(" ".join(f"+{name}" for name in sorted(wanted)))
