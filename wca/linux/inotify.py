"""Who opens files for writing: inotify, man 7 inotify. Works on the files of control groups, too.

The kernel tells of every program but not which one it was, and of attempts that it has refused as
well: IN_CLOSE_WRITE comes when a file that was opened for writing is closed.
"""

import functools
import os
import struct
from collections.abc import Callable, Collection, Iterator
from typing import Any

__all__ = ["ClosedAfterWriting"]

_IN_CLOSE_WRITE = 0x8
_IN_Q_OVERFLOW = 0x4000
_IN_IGNORED = 0x8000
_EVENT = struct.Struct("iIII")
_MOST_BYTES = 1 << 16


class ClosedAfterWriting:
    """Tells which of certain files were closed by somebody who could write them.

    Args:
        root: folder that stands for ``/``.
    """

    def __init__(self, root: str = "") -> None:
        self._root = root
        self._descriptor: int | None = None
        self._paths: dict[int, str] = {}
        self._numbers: dict[str, int] = {}

    def watch(self, paths: Collection[str]) -> None:
        """Watch these files from now on, and no others; what cannot be watched is left out."""
        for path in self._numbers.keys() - set(paths):
            self._remove(path)
        for path in paths:
            if path not in self._numbers:
                self._add(path)

    def seen(self) -> set[str]:
        """Files that were closed after writing since the last call; where some were lost, none."""
        found: set[str] = set()
        if self._descriptor is None:
            return found
        while True:
            try:
                data = os.read(self._descriptor, _MOST_BYTES)
            except BlockingIOError:
                return found
            for number, mask in _events(data):
                if mask & _IN_IGNORED:
                    self._forget(number)
                elif not mask & _IN_Q_OVERFLOW and number in self._paths:
                    found.add(self._paths[number])

    def close(self) -> None:
        """Watch nothing any more; safe twice."""
        descriptor, self._descriptor = self._descriptor, None
        self._paths, self._numbers = {}, {}
        if descriptor is not None:
            os.close(descriptor)

    def _add(self, path: str) -> None:
        calls = _calls()
        if calls is None:
            return
        init, add, _ = calls
        if self._descriptor is None:
            descriptor = init(os.O_NONBLOCK | os.O_CLOEXEC)
            if descriptor < 0:
                return
            self._descriptor = descriptor
        number = add(self._descriptor, os.fsencode(self._root + path), _IN_CLOSE_WRITE)
        if number >= 0:
            self._paths[number] = path
            self._numbers[path] = number

    def _remove(self, path: str) -> None:
        calls, number = _calls(), self._numbers.pop(path)
        self._paths.pop(number, None)
        if calls is not None and self._descriptor is not None:
            calls[2](self._descriptor, number)

    def _forget(self, number: int) -> None:
        """The kernel watches it no more."""
        path = self._paths.pop(number, None)
        if path is not None:
            self._numbers.pop(path, None)


def _events(data: bytes) -> Iterator[tuple[int, int]]:
    place = 0
    while place + _EVENT.size <= len(data):
        number, mask, _, length = _EVENT.unpack_from(data, place)
        place += _EVENT.size + length
        yield number, mask


@functools.cache
def _calls() -> tuple[Callable[..., int], Callable[..., int], Callable[..., Any]] | None:
    import ctypes  # which most agents do not need

    try:
        library = ctypes.CDLL(None)
        calls = library.inotify_init1, library.inotify_add_watch, library.inotify_rm_watch
    except (AttributeError, OSError):
        return None
    return calls
