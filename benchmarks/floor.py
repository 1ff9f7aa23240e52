"""The floor of a reading: nothing but the system calls that get its files, and one Python loop.

What a reading needs is observed once: the descriptors that stay open after it, and the files and
folders that it opens each time. The floor repeats just that.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Floor", "observe", "open_descriptors", "perf_groups"]

_PERF = "anon_inode:[perf_event]"
_LARGEST = 1 << 20


@dataclass
class Floor:
    """What one reading of all targets takes.

    Args:
        kept: descriptors that stay open, each with the size that one ``pread`` needs.
        groups: descriptors of perf events, one of each group.
        opened: files that are opened, read and closed.
        listed: folders whose names are read.
    """

    kept: list[tuple[int, int]] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    listed: list[str] = field(default_factory=list)

    @property
    def files(self) -> int:
        """How many files and groups of events are read."""
        return len(self.kept) + len(self.groups) + len(self.opened)

    def read(self) -> None:
        """Do it. What has vanished meanwhile is passed over."""
        pread, read = os.pread, os.read
        for descriptor, size in self.kept:
            pread(descriptor, size, 0)
        for descriptor in self.groups:
            read(descriptor, 1024)
        for path in self.opened:
            with contextlib.suppress(OSError):
                _read_whole(path)
        for path in self.listed:
            with contextlib.suppress(OSError):
                os.listdir(path)


def open_descriptors() -> dict[int, str]:
    """The descriptors of this process that are open now, with what each is."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
    return found


def observe(before: dict[int, str], read: Callable[[], Any]) -> Floor:
    """The floor of ``read``.

    Args:
        before: what was open before the targets were attached to.
        read: reads them all; called twice, so that what it opens only once counts as kept.
    """
    read()
    with _opened_files() as (opened, listed):
        read()
    after = open_descriptors()
    new = sorted(descriptor for descriptor in after if after[descriptor] != before.get(descriptor))
    kept = [(one, size) for one in new if after[one].startswith("/") and (size := _size(one))]
    return Floor(kept, perf_groups({one: after[one] for one in new}), opened, listed)


def perf_groups(descriptors: Mapping[int, str]) -> list[int]:
    """Of the descriptors those of perf events, one of each group.

    A group is opened in one go, and each of its descriptors gives the whole of it.
    """
    events = sorted(one for one, what in descriptors.items() if what == _PERF)
    groups, position = [], 0
    while position < len(events):
        groups.append(events[position])
        position += max(1, int.from_bytes(os.read(events[position], 1024)[:8], sys.byteorder))
    return groups


def _size(descriptor: int) -> int:
    """A buffer that holds the whole content; 0 for what cannot be read."""
    try:
        length = len(os.pread(descriptor, _LARGEST, 0))
    except OSError:
        return 0
    return max(1024, 1 << (length + 1).bit_length())


def _read_whole(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while os.read(descriptor, 65536):
            pass
    finally:
        os.close(descriptor)


class _Listener:
    """Python's audit hook, which cannot be taken off again: it listens while it is told to."""

    def __init__(self) -> None:
        self.opened: list[str] | None = None
        self.listed: list[str] = []

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.opened is None:
            return
        if event == "open" and isinstance(arguments[0], str) and _for_reading(arguments[2]):
            self.opened.append(arguments[0])
        elif event in ("os.listdir", "os.scandir") and isinstance(arguments[0], str):
            self.listed.append(arguments[0])


def _for_reading(flags: int) -> bool:
    return flags & os.O_ACCMODE == os.O_RDONLY


@contextlib.contextmanager
def _opened_files() -> Iterator[tuple[list[str], list[str]]]:
    listener = _Listener()
    opened: list[str] = []
    listed: list[str] = []
    listener.opened, listener.listed = opened, listed
    sys.addaudithook(listener)
    try:
        yield opened, listed
    finally:
        listener.opened = None
