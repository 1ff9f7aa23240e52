"""The kernel's files for undo, which writes what a journal says: nothing outside certain mounts."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from wca.allocations.devices import divided, line_of
from wca.allocations.resctrl.files import RdtFiles
from wca.linux.procfs import parse_mountinfo

__all__ = ["ConfinedFiles", "control_roots", "undo_files"]

_RESCTRL = "resctrl"
_TYPES = ("cgroup", "cgroup2", _RESCTRL)
_MOST_BYTES = 1 << 20


def control_roots(types: Sequence[str] = _TYPES) -> list[str]:
    """Where cgroup hierarchies and resctrl are mounted; source: /proc/self/mountinfo.

    Args:
        types: of the file systems, as the kernel names them.
    """
    with open("/proc/self/mountinfo", "rb") as file:
        mounts = parse_mountinfo(file.read())
    return sorted({mount.point for mount in mounts if mount.type in types})


def undo_files() -> RdtFiles:
    """What undo writes through: below these mounts only, with what is done in resctrl."""
    with open("/proc/self/mountinfo", "rb") as file:
        mounts = parse_mountinfo(file.read())
    points = [mount.point for mount in mounts if mount.type == _RESCTRL and mount.root == "/"]
    files = ConfinedFiles(sorted({mount.point for mount in mounts if mount.type in _TYPES}))
    return RdtFiles(files, points[0] if points else None, proc=False)


class ConfinedFiles:
    """Reads and writes below certain folders only.

    Every folder on the way is opened without following a symbolic link and lies on the file system
    of its root.

    Args:
        roots: absolute paths of the folders.
    """

    def __init__(self, roots: Sequence[str]) -> None:
        self._roots = [root.rstrip("/") for root in roots]

    def read(self, path: str) -> str:
        """The text of a file, or of a line of it, see ``devices``. Raises OSError."""
        file, device = divided(path)
        with self._opened(file, os.O_RDONLY | os.O_NONBLOCK) as descriptor:
            text = os.read(descriptor, _MOST_BYTES).decode("utf-8", "replace").strip()
        return line_of(text, device, file)

    def read_all(self, path: str) -> str:
        """The text of a file of any size; the kernel gives a list page by page. Raises OSError."""
        with (
            self._opened(path, os.O_RDONLY | os.O_NONBLOCK) as descriptor,
            open(descriptor, "rb", buffering=0, closefd=False) as file,
        ):
            return file.read().decode("utf-8", "replace").strip()

    def write(self, path: str, text: str) -> None:
        """Write to a file that is there, in one call. Raises OSError."""
        file, _ = divided(path)
        with self._opened(file, os.O_WRONLY | os.O_NONBLOCK) as descriptor:
            if os.fstat(descriptor).st_size:  # files of the kernel have none
                os.ftruncate(descriptor, 0)
            # An empty write does not reach the kernel's file; a line without content does.
            os.write(descriptor, text.encode() or b"\n")

    def inode(self, path: str) -> int | None:
        """The inode number of a folder; None: it is not there. Raises OSError."""
        try:
            if path in self._roots:
                return os.stat(path).st_ino
            with self._opened(path, os.O_RDONLY | os.O_DIRECTORY) as descriptor:
                return os.fstat(descriptor).st_ino
        except FileNotFoundError:
            return None

    def subfolders(self, path: str) -> list[str]:
        """Names of the folders in a folder, sorted. Raises OSError."""
        if path in self._roots:
            return _folders(path)
        with self._opened(path, os.O_RDONLY | os.O_DIRECTORY) as descriptor:
            return _folders(descriptor)

    def make(self, path: str) -> None:
        """Undo makes no folder."""
        raise PermissionError(errno.EACCES, "undo makes nothing", path)

    def remove(self, path: str) -> None:
        """Remove a folder right below one of the roots. Raises OSError."""
        above, _, name = path.rpartition("/")
        if above not in self._roots or name in ("", ".", ".."):
            raise PermissionError(errno.EACCES, "lies outside of what undo may write", path)
        os.rmdir(path)

    @contextmanager
    def _opened(self, path: str, flags: int) -> Iterator[int]:
        root = max((r for r in self._roots if path.startswith(r + "/")), key=len, default=None)
        parts = path[len(root or "") :].strip("/").split("/")
        if root is None or {"", ".", ".."}.intersection(parts):
            raise PermissionError(errno.EACCES, "lies outside of what undo may write", path)
        try:
            descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:  # does not say that what is below it is gone
            raise PermissionError(errno.EACCES, "lies below what is not mounted", path) from None
        device = os.fstat(descriptor).st_dev
        try:
            for index, part in enumerate(parts):
                last = index == len(parts) - 1
                kind = flags if last else os.O_RDONLY | os.O_DIRECTORY
                below = os.open(part, kind | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = below
                if os.fstat(descriptor).st_dev != device:
                    raise PermissionError(errno.EXDEV, "lies on another file system", path)
            yield descriptor
        finally:
            os.close(descriptor)


def _folders(place: str | int) -> list[str]:
    with os.scandir(place) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
