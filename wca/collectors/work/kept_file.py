"""A file that a program writes again and again: kept open while it is the same one."""

import errno
import os
import stat
from collections.abc import Sequence

from wca.errors import WcaError
from wca.linux.kernel_file import Calls

__all__ = ["KeptFile"]

_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
# O_NONBLOCK: neither a named pipe without a writer nor a lease of the file's owner may hold us up.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class KeptFile:
    """A small file, read with one ``pread`` as long as its content changes.

    A content that is the same as before may be that of a file which another one has replaced: only
    then is looked at what the path leads to now.

    No symbolic link below ``folder`` is followed, so that who may write there cannot have us read
    the files of others.

    Args:
        folder: that the configuration names.
        names: of the folders below it, and of the file.
        most_bytes: that are read of it.
    """

    def __init__(self, folder: str, names: Sequence[str], most_bytes: int) -> None:
        self._folder = folder
        self._names = names
        self._most = most_bytes
        self._descriptor = -1
        self._identity = (0, 0)
        self._last = b""
        self.path = os.path.join(folder, *names)
        #: System calls so far; those that follow the path to the file count as one of ``opens``.
        self.calls = Calls()

    def read(self) -> bytes | None:
        """Its content now, at most ``most_bytes`` of it; None: there is no such file.

        Raises:
            WcaError: it cannot be read, or is no regular file.
        """
        try:
            if self._descriptor < 0:
                self._open()
            content = self._content()
            if content == self._last and self._is_another():
                self.close()
                self._open()
                content = self._content()
        except OSError as error:
            self.close()
            if error.errno == errno.ENOENT:
                return None
            raise WcaError(f"{self.path} cannot be read: {_reason(error)}") from None
        self._last = content
        return content

    def modified(self) -> float:
        """Unix time of the last change of what was read last. Raises OSError."""
        self.calls.stats += 1
        return os.fstat(self._descriptor).st_mtime

    def close(self) -> None:
        """Give back the descriptor; safe twice."""
        descriptor, self._descriptor = self._descriptor, -1
        self._last = b""
        if descriptor >= 0:
            os.close(descriptor)

    def _content(self) -> bytes:
        self.calls.reads += 1
        return os.pread(self._descriptor, self._most, 0)

    def _is_another(self) -> bool:
        self.calls.stats += 1
        status = os.stat(self.path, follow_symlinks=False)
        return (status.st_dev, status.st_ino) != self._identity

    def _open(self) -> None:
        self.calls.opens += 1
        folder = os.open(self._folder, _FOLDER)
        try:
            for name in self._names[:-1]:
                below = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
                os.close(folder)
                folder = below
            descriptor = os.open(self._names[-1], _FILE, dir_fd=folder)
        finally:
            os.close(folder)
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            raise WcaError(f"{self.path} is not a regular file")
        self._descriptor = descriptor
        self._identity = status.st_dev, status.st_ino


def _reason(error: OSError) -> str:
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return "a part of the path is a symbolic link, which is not followed, or no folder"
    return os.strerror(error.errno or 0).lower()
