"""Reading and writing the kernel's files that control something. Imports nothing heavy."""

import os

from wca.allocations.devices import divided, line_of

__all__ = ["KernelFiles"]

#: More than any of these files holds.
_MOST_BYTES = 1 << 20


class KernelFiles:
    """Every file through which tasks are controlled is read and written here.

    A test wraps it to let calls fail. What these methods raise is the kernel's answer, an OSError:
    ENOENT and ENODEV for a group that is gone, EINVAL and ERANGE for a value that it does not take,
    EBUSY and EACCES where it must not be written.

    Args:
        root: folder that stands for ``/``; a test gives one of its own.
    """

    def __init__(self, root: str = "/") -> None:
        self._prefix = root.rstrip("/")

    @property
    def root(self) -> str:
        """What stands before every path."""
        return self._prefix

    def read(self, path: str) -> str:
        """The content without the end of the line, see ``devices``, too. Raises OSError."""
        file, device = divided(path)
        descriptor = os.open(self._prefix + file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            text = os.read(descriptor, _MOST_BYTES).decode("utf-8", "replace").strip()
        finally:
            os.close(descriptor)
        return line_of(text, device, file)

    def read_all(self, path: str) -> str:
        """The content of a file of any size; the kernel gives a list page by page."""
        with open(self._prefix + path, "rb", buffering=0) as file:
            return file.read().decode("utf-8", "replace").strip()

    def write(self, path: str, text: str) -> None:
        """Write in one call, without making a file that is not there. Raises OSError."""
        file, _ = divided(path)
        descriptor = os.open(
            self._prefix + file, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC
        )  # as a shell does
        try:
            # An empty write reaches no file of the kernel; a line without content does.
            os.write(descriptor, text.encode() or b"\n")
        finally:
            os.close(descriptor)

    def inode(self, path: str) -> int | None:
        """The inode number of a folder; None where it is absent."""
        try:
            return os.stat(self._prefix + path).st_ino
        except OSError:
            return None

    def subfolders(self, path: str) -> list[str]:
        """Names of the folders in a folder, sorted. Raises OSError."""
        with os.scandir(self._prefix + path) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))

    def make(self, path: str) -> None:
        """Make a folder. Raises OSError."""
        os.mkdir(self._prefix + path)

    def remove(self, path: str) -> None:
        """Remove a folder. Raises OSError."""
        os.rmdir(self._prefix + path)
