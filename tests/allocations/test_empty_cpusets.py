"""Undo of a cpuset that was empty: cgroup v2 takes no empty one while processes are in the group."""

import errno
import os

import pytest

from wca.allocations.api import Entry
from wca.allocations.undo import restore

ABOVE, GROUP = "/cg", ("/cg/one", 7)


class Kernel:
    def __init__(self, name, *, populated, refuses=errno.ENOSPC):
        self.path = f"{GROUP[0]}/{name}"
        self.files = {self.path: "1", f"{ABOVE}/{name}.effective": "0-3"}
        self.populated, self.refuses = populated, refuses

    def read(self, path):
        return self.files[path]

    def write(self, path, text):
        if not text and self.populated:
            raise OSError(self.refuses, os.strerror(self.refuses))
        self.files[path] = text

    def inode(self, path):
        return GROUP[1] if path == GROUP[0] else None


def undone(kernel, original=""):
    entry = Entry(kernel.path, original, "1", ("1",), (), GROUP, 0.0)
    return restore(entry, kernel, alone=True)


@pytest.mark.parametrize("name", ["cpuset.cpus", "cpuset.mems"])
def test_it_gets_what_the_group_above_has(name):
    kernel = Kernel(name, populated=True)
    assert str(undone(kernel)) == (
        f"{kernel.path}: restored (with 0-3, as the group above: it cannot be empty with processes "
        "in it)"
    )
    assert kernel.files[kernel.path] == "0-3"


def test_without_processes_it_is_empty_again():
    kernel = Kernel("cpuset.cpus", populated=False)
    assert str(undone(kernel)) == f"{kernel.path}: restored"
    assert kernel.files[kernel.path] == ""


def test_what_is_refused_for_another_reason_stays_in_force():
    kernel = Kernel("cpuset.cpus", populated=True, refuses=errno.EBUSY)
    assert undone(kernel).outcome == "failed"
    assert kernel.files[kernel.path] == "1"
