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
    switched_on: list[tuple[str, str]] = []
    try:
        for root in roots:
            parent = f"{root}/{PARENT}"
            os.mkdir(parent)
            made.append(parent)
            switched_on += _delegate(root, parent)
            for name in names:
                os.mkdir(f"{root}/{name}")
                made.append(f"{root}/{name}")
        yield names
    finally:
        for folder in reversed(made):
            os.rmdir(folder)
        for root, name in switched_on:
            _control(root, f"-{name}")


def _delegate(root: str, parent: str) -> list[tuple[str, str]]:
    """On cgroup v2, pass the controllers down so that the groups have their files.

    Gives what was switched on in the root, to be switched off again.
    """
    if not os.path.exists(f"{root}/cgroup.controllers"):
        return []
    wanted = {"cpu", "memory"} & _words(f"{root}/cgroup.controllers")
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
