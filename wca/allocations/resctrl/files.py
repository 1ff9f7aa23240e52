"""Resctrl as files that have a content: see ``paths``. What the gate and undo write through.

The guardian imports this module: it knows the standard library and two parsers only.
"""

import errno
from collections.abc import Iterable, Mapping

from wca.allocations.resctrl.paths import ABSENT, PRESENT, folder_of, is_group, resource_of
from wca.allocations.resctrl.threads import GroupFiles, Threads, explained, groups_below
from wca.linux.parse import Malformed
from wca.linux.resctrl.schemata import format_row, parse_schemata

__all__ = ["RdtFiles"]


class RdtFiles:
    """The kernel's files, and those of resctrl that ``paths`` tells of.

    Args:
        files: how the kernel's files are read and written.
        point: where resctrl is mounted; None: nowhere.
        proc: whether /proc tells where a thread is; else the groups are searched.
    """

    def __init__(self, files: GroupFiles, point: str | None, *, proc: bool = True) -> None:
        self._files = files
        self.point = point
        self._threads = Threads(files, point, proc=proc)

    def read(self, path: str) -> str:
        """The content of a file, see ``paths``. Raises OSError."""
        folder, resource = folder_of(path), resource_of(path)
        if folder is not None:
            return self._threads.place(folder)
        if resource is not None:
            return self._row(path.rpartition("/")[0], resource)
        if self._is_group(path):
            return ABSENT if self._files.inode(path) is None else PRESENT
        return self._files.read(path)

    def write(self, path: str, text: str) -> None:
        """Write to a file, see ``paths``. Raises OSError, with what resctrl says about it."""
        folder = folder_of(path)
        if folder is not None:
            self._threads.move(folder, text)
            return
        try:
            if resource_of(path) is not None:
                self._files.write(path.rpartition("/")[0] + "/schemata", text + "\n")
            elif not self._is_group(path):
                self._files.write(path, text)
            elif text == PRESENT:
                self._files.make(path)
            else:
                self._files.remove(path)
        except OSError as error:
            raise explained(error, self._files, self.point, path) from None

    def inode(self, path: str) -> int | None:
        """The inode number of a folder; None where it is absent."""
        return self._files.inode(path)

    def text(self, path: str) -> str:
        """The whole text of a file of the kernel as it is. Raises OSError."""
        return self._files.read_all(path)

    def groups(self) -> list[str]:
        """Names of the control groups without the root. Raises OSError."""
        return [] if self.point is None else groups_below(self._files, self.point)

    def subfolders(self, path: str) -> list[str]:
        """Names of the folders in a folder. Raises OSError."""
        return self._files.subfolders(path)

    def remove(self, path: str) -> None:
        """Remove a group. Raises OSError."""
        self._files.remove(path)

    def follow(self, groups: Mapping[str, str]) -> list[OSError]:
        """Move the threads that have come to tasks later; what went wrong.

        Args:
            groups: by the path of a task's ``resctrl.group``.
        """
        return self._threads.follow({folder_of(path) or "": one for path, one in groups.items()})

    def keep(self, folders: Iterable[str]) -> None:
        """Forget where threads of other cgroups than those of these folders were."""
        self._threads.keep(folders)

    def _is_group(self, path: str) -> bool:
        """Nothing but a group of ours right below the mount is ever made or removed."""
        return self.point is not None and path.rpartition("/")[0] == self.point and is_group(path)

    def _row(self, group: str, resource: str) -> str:
        try:
            rows = parse_schemata(self._files.read_all(f"{group}/schemata").encode())
        except Malformed as error:
            raise OSError(errno.EIO, str(error), group) from None
        if resource not in rows:
            raise OSError(errno.ENOENT, f"the schemata has no row {resource}", group)
        return format_row(resource, rows[resource])
