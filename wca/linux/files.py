"""Every file of the kernel that WCA reads is read through one ``Kernel``.

It keeps descriptors open, counts its calls, and takes the root folder as a parameter, so that a
test can read a tree of its own.
"""

import errno
import logging
import os
import resource
from collections.abc import Callable, Sequence
from typing import Protocol

from wca.errors import NotAvailable, WcaError
from wca.linux.descriptors import DescriptorCount
from wca.linux.kernel_file import (
    LACK,
    Calls,
    KernelFile,
    TransientFile,
    read_failure,
    read_whole,
)

__all__ = [
    "Calls",
    "FileTree",
    "Kernel",
    "KernelFile",
    "OpenFile",
    "TransientFile",
    "Write",
    "raise_descriptor_limit",
    "write_kernel_file",
]

_log = logging.getLogger(__name__)

#: Writes a content to a file of the kernel, as ``write_kernel_file`` does.
Write = Callable[[str, bytes], None]


class OpenFile(Protocol):
    """A file whose content can be read again and again."""

    def read(self) -> bytes:
        """The whole content, now."""

    def close(self) -> None:
        """Give back the descriptor; safe twice."""


class FileTree(Protocol):
    """Files by their usual path: a ``Kernel``, or the target of a collector."""

    def open(self, path: str) -> OpenFile:
        """Open a file; NotAvailable where it is absent."""

    def read(self, path: str) -> bytes:
        """Read a file once. Raises NotAvailable and TargetGone."""

    def listdir(self, path: str) -> Sequence[str]:
        """Names in a folder, sorted; empty where it is absent."""

    def subfolders(self, path: str) -> list[str] | None:
        """Names of the folders in a folder, sorted; None where it is absent."""


class Kernel:
    """Reads /proc, /sys and the cgroup file systems, and counts what that costs.

    Args:
        root: folder that stands for ``/``; a test gives one of its own.
        max_kept: descriptors kept open at most; None: the process's limit without a reserve for
            sockets and other files. Files opened beyond that are opened anew for each read.
    """

    def __init__(self, root: str = "/", *, max_kept: int | None = None) -> None:
        self._prefix = root.rstrip("/")
        self._max_kept = max_kept
        self._kept: set[KernelFile] = set()
        self._descriptors = DescriptorCount()
        self._exhausted = False
        self.calls = Calls()

    def open(self, path: str) -> KernelFile:
        """Open a file and keep it open.

        Args:
            path: the usual path, such as ``/proc/stat``.

        Raises:
            NotAvailable: there is no such file, or no right to read it.
            TargetGone: what it describes was removed at this moment.
        """
        place = self._prefix + path
        self.calls.opens += 1
        try:
            descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                return self._open_transient(path)
            raise read_failure(error, place) from None
        if self._may_keep():
            file = KernelFile(place, descriptor, self.calls, self._kept)
            self._kept.add(file)
            return file
        os.close(descriptor)
        return self._open_transient(path)

    def _may_keep(self) -> bool:
        """Whether the rest of the program has enough descriptors left beside the newest.

        Others take them too: perf events take many.
        """
        if self._max_kept is not None:
            return len(self._kept) < self._max_kept
        return self._descriptors.leaves_enough()

    def _open_transient(self, path: str) -> TransientFile:
        inode = self.inode(path)
        if inode is None:
            raise NotAvailable(f"{self._prefix + path} does not exist")
        if not self._exhausted:
            self._exhausted = True
            _log.warning(
                "descriptors have run out after %d kernel files: further ones are opened for each "
                "read, which is slower; raise the limit of open files (LimitNOFILE, ulimit -n)",
                len(self._kept),
            )
        return TransientFile(self._prefix + path, self.calls, inode)

    def read(self, path: str) -> bytes:
        """Read a file once: open, read to its end, close. Raises as ``open`` does."""
        place = self._prefix + path
        try:
            return read_whole(place, self.calls)
        except OSError as error:
            raise read_failure(error, place) from None

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder of this path."""
        return self.inode(path) is not None

    def inode(self, path: str) -> int | None:
        """The inode number of a file or folder; None where it is absent."""
        self.calls.stats += 1
        try:
            return os.stat(self._prefix + path).st_ino
        except OSError:  # it takes no descriptor, so that none can be lacking
            return None

    def modified(self, path: str) -> float | None:
        """Unix time of the last change of a file or folder; None where it is absent."""
        self.calls.stats += 1
        try:
            return os.stat(self._prefix + path).st_mtime
        except OSError:
            return None

    def listdir(self, path: str) -> list[str]:
        """Names in a folder, sorted; empty where it is absent. WcaError for want of descriptors."""
        self.calls.listdirs += 1
        try:
            return sorted(os.listdir(self._prefix + path))
        except OSError as error:
            _raise_lack(error, self._prefix + path)
            return []

    def subfolders(self, path: str, *, links: bool = True) -> list[str] | None:
        """Names of the folders in a folder, sorted; None where it is absent.

        Args:
            path: of the folder.
            links: whether a symbolic link to a folder is one, as in most of /sys.

        Raises:
            WcaError: there is no descriptor left to look with.
        """
        self.calls.listdirs += 1
        try:
            with os.scandir(self._prefix + path) as entries:
                return sorted(
                    entry.name for entry in entries if entry.is_dir(follow_symlinks=links)
                )
        except OSError as error:
            _raise_lack(error, self._prefix + path)
            return None

    def close(self) -> None:
        """Close every file that is still open; safe twice."""
        for file in tuple(self._kept):
            file.close()


def _raise_lack(error: OSError, path: str) -> None:
    """Raise WcaError where descriptors are lacking: what cannot be looked at is not absent."""
    if error.errno in LACK:
        raise read_failure(error, path) from None


def write_kernel_file(path: str, content: bytes) -> None:
    """Write to a file of the kernel that takes commands, in one call.

    Raises:
        TargetGone: what it belongs to has ended.
        NotAvailable: there is no such file, or the kernel refuses.
        WcaError: there is no descriptor left for it.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, content)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _write_failure(error, path) from None


def _write_failure(error: OSError, path: str) -> WcaError:
    failure = read_failure(error, path)
    if not isinstance(failure, NotAvailable) or error.errno == errno.ENOENT:
        return failure
    return NotAvailable(f"{path} cannot be written: {os.strerror(error.errno or 0)}")


def raise_descriptor_limit() -> int:
    """Raise this process's soft limit of open files to its hard limit.

    Returns:
        The limit that holds now.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            return soft
    return hard
