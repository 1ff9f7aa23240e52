"""Write the archive format of an initramfs: cpio "newc" (kernel: Documentation/driver-api/early-userspace/buffer-format.rst)."""

import os
import stat
from typing import BinaryIO

__all__ = ["Archive"]


class Archive:
    """An archive being written; folders above a file are added on the way.

    Args:
        out: where the bytes go. Archives may follow one another in one file.
    """

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._folders = {"", "/"}
        self._inode = 0

    def add_bytes(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Add a regular file that holds `data`."""
        self._add_parents(path)
        self._entry(path, stat.S_IFREG | mode, data)

    def add_file(self, source: str, path: str | None = None) -> None:
        """Add a copy of `source` (links are followed), at the same path unless told otherwise."""
        with open(source, "rb") as given:
            data = given.read()
        self.add_bytes(path or source, data, stat.S_IMODE(os.stat(source).st_mode))

    def add_folder(self, path: str) -> None:
        """Add an empty folder."""
        self._add_parents(path + "/x")

    def add_device(self, path: str, major: int, minor: int) -> None:
        """Add a character device."""
        self._add_parents(path)
        self._entry(path, stat.S_IFCHR | 0o600, b"", major, minor)

    def close(self) -> None:
        """Write the trailer. The file below stays open."""
        self._entry("/TRAILER!!!", 0, b"")

    def _add_parents(self, path: str) -> None:
        parent = os.path.dirname(path)
        if parent not in self._folders:
            self._add_parents(parent)
            self._folders.add(parent)
            self._entry(parent, stat.S_IFDIR | 0o755, b"")

    def _entry(self, path: str, mode: int, data: bytes, major: int = 0, minor: int = 0) -> None:
        self._inode += 1
        name = path.removeprefix("/").encode() + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(name), 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
        self._out.write(_padded(head))
        self._out.write(_padded(data))


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
