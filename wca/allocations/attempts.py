"""Writes of others that the kernel has refused because of a value of the agent's.

Nothing in a file tells of them: who runs ``runc update --cpu-shares`` while the agent has the group
in the idle class gets EINVAL, and the value stays as it was.
"""

import glob
import posixpath
from collections.abc import Collection, Iterable
from typing import Protocol

from wca.allocations.api import Entry
from wca.allocations.contract import Files
from wca.allocators.api import AllocationType

__all__ = ["Attempts", "Watcher"]

#: Files that the kernel may refuse because of a value in another one of the same group:
#: a quota below the burst (kernel/sched/core.c, ``tg_set_cfs_bandwidth``).
_REFUSED_BY = {
    "cpu.cfs_burst_us": ("cpu.cfs_quota_us",),
    "cpu.max.burst": ("cpu.max",),
}
#: Cgroup v1 refuses a group more than the one above it has (``__cfs_schedulable``).
_OF_CHILDREN = "cpu.cfs_quota_us"


class Watcher(Protocol):
    """Tells of files that were opened for writing, see ``ClosedAfterWriting``."""

    def watch(self, paths: Collection[str]) -> None:
        """Watch these files and no others."""

    def seen(self) -> set[str]:
        """Those that were closed after writing since the last call."""

    def close(self) -> None:
        """Watch nothing any more."""


class Attempts:
    """Tells on which entries somebody else has tried to write in vain.

    Of nothing in resctrl: it is not known by paths of the kernel, and no value of the agent's makes
    it refuse another.

    Args:
        files: how the kernel's files are read.
        watcher: sees who opens them for writing.
        root: folder that stands for ``/``.
        slow_types: types whose writes may come late, from the agent itself: nothing is told of
            them, and no value of theirs makes the kernel refuse another.
    """

    def __init__(
        self, files: Files, watcher: Watcher, root: str = "", slow_types: Collection[str] = ()
    ) -> None:
        self._files = files
        self._watcher = watcher
        self._root = root
        self._slow_types = frozenset(slow_types)
        self._watched: dict[str, tuple[str, str | None]] = {}

    def on(self) -> set[str]:
        """Paths of entries that somebody has tried to write, or could not write past, since then.

        A value that has changed is no attempt: it was written.
        """
        return {
            of
            for path in self._watcher.seen()
            if path in self._watched
            for of, text in (self._watched[path],)
            if text is not None and self._read(path) == text
        }

    def settle(self, entries: Iterable[Entry]) -> None:
        """What the agent itself has done is no attempt; watch what is in force from now on."""
        ours = self._watcher.seen()
        wanted: dict[str, str] = {}
        for entry in entries:
            if entry.type not in self._slow_types and entry.type != AllocationType.RDT:
                wanted |= {path: entry.path for path in self._beside(entry) if path not in wanted}
                wanted[entry.path] = entry.path
        self._watched = {
            path: (of, self._read(path))
            if path in ours or path not in self._watched or self._watched[path][0] != of
            else self._watched[path]
            for path, of in wanted.items()
        }
        self._watcher.watch(wanted)

    def close(self) -> None:
        """Watch nothing any more; safe twice."""
        self._watcher.close()

    def _beside(self, entry: Entry) -> list[str]:
        folder, name = posixpath.split(entry.path)
        found = [f"{folder}/{other}" for other in _REFUSED_BY.get(name, ())]
        if name == _OF_CHILDREN:
            below = glob.iglob(f"{glob.escape(self._root + folder)}/**/{name}", recursive=True)
            found += [path.removeprefix(self._root) for path in below]
        return found

    def _read(self, path: str) -> str | None:
        try:
            return self._files.read(path)
        except OSError:
            return None
