"""One file of the kernel: read again and again through a descriptor that is kept open."""

import errno
import os
from dataclasses import dataclass

from wca.errors import NotAvailable, TargetGone, WcaError

__all__ = [
    "LACK",
    "Calls",
    "KernelFile",
    "TransientFile",
    "read_failure",
    "read_whole",
]

#: What the operating system says when the process, or the machine, has no descriptor left.
LACK = (errno.EMFILE, errno.ENFILE)

# With its header a bytes object of this length just fits into what Python takes from its own store
# of small objects; longer ones come from malloc, at several times the cost.
_FIRST_SIZE = 479
# The kernel fills at most one page per read of a file made of many records (/proc/vmstat) and ends
# a read at the end of a record. A shorter answer than this is therefore the whole file.
_PAGE = os.sysconf("SC_PAGESIZE")
_SURELY_WHOLE = _PAGE - 512


@dataclass(slots=True)
class Calls:
    """System calls made so far, by kind.

    Args:
        opens: files opened.
        reads: calls of ``pread`` or ``read``.
        stats: calls of ``stat``.
        listdirs: folders listed.
    """

    opens: int = 0
    reads: int = 0
    stats: int = 0
    listdirs: int = 0


def read_failure(error: OSError, path: str) -> WcaError:
    """What an error of the operating system means for the reader of a kernel file."""
    if error.errno in (errno.ENODEV, errno.ESRCH):
        return TargetGone(f"{path} is gone")
    if error.errno == errno.ENOENT:
        return NotAvailable(f"{path} does not exist")
    if error.errno in LACK:  # for now, and nothing that it lacks
        return WcaError(f"{path} cannot be opened: {os.strerror(error.errno)}")
    return NotAvailable(f"{path} cannot be read: {os.strerror(error.errno or 0)}")


def _read_to_end(descriptor: int, calls: Calls, start: bytes = b"") -> bytes:
    chunks = [start]
    offset = len(start)
    while True:
        calls.reads += 1
        chunk = os.pread(descriptor, 65536, offset)
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)
        offset += len(chunk)


class KernelFile:
    """One file with its descriptor kept open: each ``read`` is one ``pread``.

    Only two kinds of content need more: one that fills the buffer (read again with a larger one,
    which stays), and one that the kernel may have cut at the end of a page.

    Args:
        path: for messages.
        descriptor: the open file; -1 once it is closed.
        calls: where reads are counted.
        kept: the kernel's files that are open.
    """

    __slots__ = ("_kept", "_one_read", "_path", "calls", "descriptor", "size", "whole")

    def __init__(self, path: str, descriptor: int, calls: Calls, kept: "set[KernelFile]") -> None:
        self._path = path
        self.descriptor = descriptor
        self.calls = calls
        self._kept = kept
        self.size = _FIRST_SIZE
        self._one_read = False  # the kernel gives this file in one piece, however long
        self.whole = _FIRST_SIZE - 1

    def read(self) -> bytes:
        """The whole content, now.

        Raises:
            TargetGone: what the file describes was removed (ENODEV, ESRCH).
            NotAvailable: the kernel refuses to answer.
        """
        self.calls.reads += 1
        try:
            data = os.pread(self.descriptor, self.size, 0)
            if len(data) <= self.whole:
                return data
            return self._read_rest(data)
        except OSError as error:
            raise read_failure(error, self._path) from None

    def _read_rest(self, data: bytes) -> bytes:
        while len(data) == self.size:
            self.size *= 2
            self.calls.reads += 1
            data = os.pread(self.descriptor, self.size, 0)
        self._one_read = self._one_read or len(data) > _PAGE
        self.whole = self.size - 1 if self._one_read else min(_SURELY_WHOLE, self.size - 1)
        if len(data) <= self.whole:
            return data
        return _read_to_end(self.descriptor, self.calls, data)

    def close(self) -> None:
        """Give back the descriptor; safe twice."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            self._kept.discard(self)
            os.close(descriptor)


class TransientFile(KernelFile):
    """A file that is opened for each read, for when descriptors have run out.

    Args:
        path: of the file.
        calls: where calls are counted.
        inode: its number; another file under the same path is not the one that was opened.
    """

    __slots__ = ("_inode",)

    def __init__(self, path: str, calls: Calls, inode: int) -> None:
        super().__init__(path, -1, calls, set())
        self._inode = inode

    def read(self) -> bytes:
        """The whole content, now; raises as ``KernelFile.read`` does."""
        try:
            return read_whole(self._path, self.calls, self._inode)
        except FileNotFoundError:
            raise TargetGone(f"{self._path} is gone") from None
        except OSError as error:
            raise read_failure(error, self._path) from None


def read_whole(path: str, calls: Calls, inode: int | None = None) -> bytes:
    """Open, read to the end, close. Raises OSError; TargetGone when the inode is another one."""
    calls.opens += 1
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if inode is not None and os.fstat(descriptor).st_ino != inode:
            raise TargetGone(f"{path} is another file by now")
        return _read_to_end(descriptor, calls)
    finally:
        os.close(descriptor)
