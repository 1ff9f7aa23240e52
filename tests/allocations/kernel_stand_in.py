"""What the tests of the journal have in place of a kernel and of an agent."""

import errno
import itertools
import os

from wca.allocations.api import APPLIED, FAILED, Write

FOLDER = "/sys/fs/cgroup/cpu"


class Kernel:
    """Groups with files, each group with an identity of its own; cpu.idle behaves as in 6.18."""

    def __init__(self):
        self.files = {}
        self.inodes = {}
        self.refused = set()
        self.log = []
        self._inodes = itertools.count(100)

    def make(self, folder, **values):
        self.inodes[folder] = next(self._inodes)
        for name, value in values.items():
            self.files[f"{folder}/{name.replace('_', '.', 1)}"] = value

    def put(self, folder, files):
        """Files of a group by their names; the group is made where it is not there."""
        if folder not in self.inodes:
            self.make(folder)
        self.files |= {f"{folder}/{name}": text for name, text in files.items()}

    def remove(self, folder):
        del self.inodes[folder]
        for path in [path for path in self.files if os.path.dirname(path) == folder]:
            del self.files[path]

    def read(self, path):
        if path not in self.files:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", path)
        return self.files[path]

    read_all = read

    def write(self, path, text):
        self.log.append((path, text))
        self.change(path, text)

    def change(self, path, text):
        """What anybody's write does."""
        before = self.read(path)
        folder, name = os.path.split(path)
        idle = self.files.get(f"{folder}/cpu.idle")
        if path in self.refused or (name == "cpu.shares" and idle == "1"):
            raise OSError(errno.EINVAL, "Invalid argument", path)
        self.files[path] = text
        if name == "cpu.idle" and before != text:
            self.files[f"{folder}/cpu.shares"] = "3" if text == "1" else "1024"

    def inode(self, path):
        return self.inodes.get(path)

    def write_of(self, path, new, *, implied=False):
        """A write as the gate would announce it now."""
        folder = os.path.dirname(path)
        return Write(
            path, self.read(path), new, "task", "cpu_shares", (folder, self.inode(folder)), implied
        )


def perform(journal, kernel, write, expires):
    """What the gate does with one write; whether the kernel has taken it."""
    journal.intend(write, "test", expires)
    try:
        if not write.implied:
            kernel.write(write.path, write.new)
    except OSError:
        journal.settle(write, FAILED)
        return False
    journal.settle(write, APPLIED)
    return True


class Times:
    """A time of day that can be set, and a clock that cannot."""

    def __init__(self):
        self.wall = 1_700_000_000.0
        self.steady = 1000.0

    def now(self):
        return self.wall

    def monotonic(self):
        return self.steady

    def go(self, seconds):
        self.wall += seconds
        self.steady += seconds
