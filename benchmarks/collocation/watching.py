"""Watches the files that an agent could change, and sees when they change, whoever does it."""

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.detection.groups import NEIGHBOURS, VICTIM, NodeGroups

__all__ = ["Change", "Watch", "watching"]

#: What there is of these is watched.
FILES = (
    ("cpu", "cpu.idle"),
    ("cpu", "cpu.shares"),
    ("cpu", "cpu.cfs_quota_us"),
    ("cpu", "cpu.cfs_burst_us"),
    ("memory", "memory.limit_in_bytes"),
    ("blkio", "blkio.throttle.read_bps_device"),
    ("blkio", "blkio.throttle.write_bps_device"),
    ("blkio", "blkio.throttle.read_iops_device"),
    ("blkio", "blkio.throttle.write_iops_device"),
    ("blkio", "blkio.bfq.weight"),
    ("blkio", "blkio.weight"),
)
_EVERY = 0.1


@dataclass(frozen=True)
class Change:
    """A file has another content than before.

    Args:
        at: Unix time at which it was seen, a tenth of a second late at most.
        task: whose: victim or neighbour.
        file: its name.
        old: content before.
        new: content now.
    """

    at: float
    task: str
    file: str
    old: str
    new: str


class Watch:
    """The files of all tasks.

    Args:
        groups: that have them.
    """

    def __init__(self, groups: NodeGroups) -> None:
        self._files: dict[tuple[str, str], int] = {}
        for task in (VICTIM, *NEIGHBOURS):
            for controller, name in FILES:
                with contextlib.suppress(OSError, KeyError):
                    path = groups.path(task, controller, name)
                    self._files[task, name] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._lock = threading.Lock()
        self._now = {key: _text(file) for key, file in self._files.items()}
        self._expected = dict(self._now)
        self.changes: list[Change] = []

    def look(self) -> None:
        """See what has changed since the last time."""
        with self._lock:
            self.changes += self._looked()

    @contextlib.contextmanager
    def own(self) -> Iterator[None]:
        """What the harness writes meanwhile is no change."""
        with self._lock:
            self.changes += self._looked()
            try:
                yield
            finally:
                self._expected |= {(one.task, one.file): one.new for one in self._looked()}

    def _looked(self) -> list[Change]:
        changes, now = [], time.time()
        for key, file in self._files.items():
            old, new = self._now[key], _text(file)
            self._now[key] = new
            if new != old:
                changes.append(Change(now, *key, old, new))
        return changes

    def left(self) -> list[str]:
        """What is not as the harness has left it, in words."""
        self.look()
        with self._lock:
            return [
                f"{task} {file}: {self._now[task, file]!r}, not {text!r}"
                for (task, file), text in self._expected.items()
                if self._now[task, file] != text
            ]

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            os.close(file)


@contextlib.contextmanager
def watching(groups: NodeGroups) -> Iterator[Watch]:
    """Watch on a thread until the end."""
    watch, ended = Watch(groups), threading.Event()

    def run() -> None:
        while not ended.wait(_EVERY):
            watch.look()

    thread = threading.Thread(target=run, name="watching", daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        ended.set()
        thread.join()
        watch.close()


def _text(file: int) -> str:
    return os.pread(file, 4096, 0).decode().strip()
