"""The file of a recording: a line of text, then blocks, each with its length and checksum.

A block that is damaged costs itself and those that depend on it; the next one is found by its
marker.
"""

import os
import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from wca.recording.frame import VERSION, RecordingError

__all__ = ["Block", "BlockFile", "Kind", "blocks_of", "open_recording", "read_block"]

_NAME = b"wca-recording "
_LINE = b"%s%d\n" % (_NAME, VERSION)
_LONGEST_LINE = 32
_MARKER = b"\xf7WCA"
#: Marker, kind, length of the data, checksum of kind, length and data.
_HEAD = struct.Struct(">4sBII")
_CHECKED = struct.Struct(">BI")
_CHUNK = 1 << 20
#: Bytes of a block that are believed; ours are far smaller.
_MOST = 1 << 28


class Kind(IntEnum):
    """What a block is."""

    HEADER = 0
    #: Frames that depend on nothing before them.
    KEY = 1
    #: Frames that depend on the block before.
    NEXT = 2
    #: The recording was closed.
    END = 3


@dataclass(frozen=True)
class Block:
    """Where a block is.

    Args:
        kind: what it is; None: it is damaged.
        offset: of its data, or of what is damaged, in bytes.
        length: in bytes.
        last: whether nothing that makes sense follows.
    """

    kind: Kind | None
    offset: int
    length: int
    last: bool = False


class BlockFile:
    """Writes blocks. A recording that is there already becomes ``NAME.1``.

    Args:
        path: of the file, which is made for its owner alone.

    Raises:
        RecordingError: there is something else under this name.
        OSError: it cannot be made.
    """

    def __init__(self, path: str) -> None:
        _put_aside(path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NOCTTY
        self._descriptor: int | None = os.open(path, flags, 0o600)
        self.size = 0
        self._write(_LINE)

    def append(self, kind: Kind, data: bytes) -> None:
        """Write a block, whole or not at all. Raises OSError."""
        checksum = zlib.crc32(data, zlib.crc32(_CHECKED.pack(kind, len(data))))
        self._write(_HEAD.pack(_MARKER, kind, len(data), checksum) + data)

    def close(self) -> None:
        """Close the file; safe twice."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _write(self, data: bytes) -> None:
        if self._descriptor is None:
            raise OSError("it is closed")
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError:
            os.ftruncate(self._descriptor, self.size)
            os.lseek(self._descriptor, self.size, os.SEEK_SET)
            raise
        self.size += len(data)


def open_recording(path: str) -> int:
    """A descriptor of a recording that this version can read, for the caller to close.

    Raises:
        RecordingError: it cannot be opened, or is something else.
    """
    try:
        # O_NONBLOCK: opening a named pipe must not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or error
        raise RecordingError(f"{path}: the recording cannot be opened: {words}") from None
    try:
        _check(path, descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def blocks_of(descriptor: int) -> Iterator[Block]:
    """All blocks of a file, damaged ones as well. Raises OSError."""
    size = os.fstat(descriptor).st_size
    position = len(_LINE)
    while position < size:
        kind, length = _head(descriptor, position, size)
        if kind is not None:
            yield Block(kind, position + _HEAD.size, length, position + _HEAD.size + length == size)
            position += _HEAD.size + length
            continue
        following = _find_marker(descriptor, position + 1, size)
        yield Block(None, position, following - position, following == size)
        position = following


def read_block(descriptor: int, block: Block) -> bytes:
    """The data of a block. Raises OSError."""
    return os.pread(descriptor, block.length, block.offset)


def _head(descriptor: int, position: int, size: int) -> tuple[Kind | None, int]:
    """Kind and length of a whole block that begins here."""
    head = os.pread(descriptor, _HEAD.size, position)
    if len(head) < _HEAD.size:
        return None, 0
    marker, kind, length, checksum = _HEAD.unpack(head)
    if marker != _MARKER or kind not in list(Kind) or length > _MOST:
        return None, 0
    if position + _HEAD.size + length > size:
        return None, 0
    data = os.pread(descriptor, length, position + _HEAD.size)
    if zlib.crc32(data, zlib.crc32(_CHECKED.pack(kind, length))) != checksum:
        return None, 0
    return Kind(kind), length


def _find_marker(descriptor: int, position: int, size: int) -> int:
    """Where the next marker is; the end of the file where there is none."""
    while position < size:
        chunk = os.pread(descriptor, _CHUNK, position)
        found = chunk.find(_MARKER)
        if found >= 0:
            return position + found
        if len(chunk) < _CHUNK:
            break
        position += len(chunk) - len(_MARKER) + 1
    return size


def _check(path: str, descriptor: int) -> None:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise RecordingError(f"{path}: is not a regular file, name a recording")
    try:
        start = os.pread(descriptor, _LONGEST_LINE, 0)
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}") from None
    if not start.startswith(_NAME):
        raise RecordingError(f"{path}: is no recording of wca, `wca record` writes one")
    version = start[len(_NAME) :].partition(b"\n")[0].decode("ascii", "replace")
    if version != str(VERSION):
        raise RecordingError(
            f"{path}: is a recording of version {version!r}, this wca reads version {VERSION}: "
            "use the wca that has written it, or a newer one"
        )


def _put_aside(path: str) -> None:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode):
        raise RecordingError(f"{path} is not a regular file: write another path")
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        start = os.pread(descriptor, len(_NAME), 0)
    finally:
        os.close(descriptor)
    if start and start != _NAME:
        raise RecordingError(
            f"{path} holds something else than a recording: move it away, or write another path"
        )
    os.replace(path, f"{path}.1")
