"""Reading and writing the resctrl file system."""

import errno
import fcntl
import os
from collections.abc import Iterable

from wca.linux.files import Kernel, OpenFile

__all__ = ["ResctrlFiles"]


class ResctrlFiles:
    """The files of resctrl, and those of /proc beside them.

    Reading raises as ``Kernel`` does, writing raises OSError with what the kernel answered.

    Args:
        root: folder that stands for ``/``; a test gives one of its own.
    """

    def __init__(self, root: str = "/") -> None:
        self._prefix = root.rstrip("/")
        self.kernel = Kernel(root)

    def open(self, path: str) -> OpenFile:
        """Open a file for reading and keep it open."""
        return self.kernel.open(path)

    def read(self, path: str) -> bytes:
        """Read a file once."""
        return self.kernel.read(path)

    def subfolders(self, path: str) -> list[str] | None:
        """Names of the folders in a folder, sorted; None where it is absent."""
        return self.kernel.subfolders(path)

    def writable(self, path: str) -> bool:
        """Whether this process may make folders in a folder."""
        return os.access(self._prefix + path, os.W_OK)

    def make(self, path: str) -> bool:
        """Make a group.

        Returns:
            False when it was there already.
        """
        try:
            os.mkdir(self._prefix + path)
        except FileExistsError:
            return False
        return True

    def remove(self, path: str) -> None:
        """Remove a group; the kernel gives its tasks to the group above."""
        os.rmdir(self._prefix + path)

    def write_each(self, path: str, items: Iterable[int]) -> list[OSError]:
        """Write numbers, each with a call of its own, as ``tasks`` wants them.

        Returns:
            What went wrong; one that is refused does not keep the others from being written.

        Raises:
            OSError: the file cannot be opened.
        """
        failures = []
        descriptor = os.open(self._prefix + path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            for item in items:
                try:
                    os.write(descriptor, b"%d\n" % item)
                except OSError as error:
                    failures.append(error.with_traceback(None))  # that would hold the list
        finally:
            os.close(descriptor)
        return failures

    def lock(self, path: str) -> int | None:
        """Lock a folder for as long as the descriptor that is returned is open.

        Returns:
            None when another process, or another descriptor, holds the lock.
        """
        descriptor = os.open(self._prefix + path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return None
            raise
        return descriptor

    def unlock(self, descriptor: int) -> None:
        """Give a lock back."""
        os.close(descriptor)
