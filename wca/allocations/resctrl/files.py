"""Resctrl as files that have a content: see ``paths``. What the gate and undo write through.

The guardian imports this module: it knows the standard library and two parsers only.
"""

import errno
import os
from collections import Counter
from collections.abc import Iterable
from typing import Protocol

from wca.allocations.resctrl.paths import (
    ABSENT,
    PRESENT,
    ROOT,
    folder_of,
    is_group,
    place_path,
    resource_of,
)
from wca.linux.parse import Malformed, parse_threads
from wca.linux.resctrl.schemata import format_row, parse_schemata

__all__ = ["GroupFiles", "RdtFiles"]

#: While a task starts threads it takes a few rounds until all of them were moved.
_ROUNDS = 5
_NO_GROUPS = frozenset({"info", "mon_data", "mon_groups"})
_THREADS = ("cgroup.threads", "tasks")  # of cgroup v2 and v1
_GONE = (errno.ENOENT, errno.ENODEV)


class GroupFiles(Protocol):
    """The kernel's files and folders; each raises OSError for what the kernel refuses."""

    def read(self, path: str) -> str:
        """The text of a small file."""

    def read_all(self, path: str) -> str:
        """The text of a file of any size."""

    def write(self, path: str, text: str) -> None:
        """Write to a file in one call."""

    def inode(self, path: str) -> int | None:
        """The inode number of a folder; None: it is not there."""

    def subfolders(self, path: str) -> list[str]:
        """Names of the folders in a folder."""

    def make(self, path: str) -> None:
        """Make a folder."""

    def remove(self, path: str) -> None:
        """Remove a folder."""


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
        self._proc = proc
        self._known: dict[str, str] = {}

    def read(self, path: str) -> str:
        """The content of a file, see ``paths``. Raises OSError."""
        folder, resource = folder_of(path), resource_of(path)
        if folder is not None:
            return self._place(folder)
        if resource is not None:
            return self._row(path.rpartition("/")[0], resource)
        if self._is_group(path):
            return ABSENT if self._files.inode(path) is None else PRESENT
        return self._files.read(path)

    def write(self, path: str, text: str) -> None:
        """Write to a file, see ``paths``. Raises OSError, with what resctrl says about it."""
        folder = folder_of(path)
        if folder is not None:
            self._move(folder, text)
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
            raise self._explained(error, path) from None

    def inode(self, path: str) -> int | None:
        """The inode number of a folder; None where it is absent."""
        return self._files.inode(path)

    def text(self, path: str) -> str:
        """The whole text of a file of the kernel as it is. Raises OSError."""
        return self._files.read_all(path)

    def groups(self) -> list[str]:
        """Names of the control groups without the root. Raises OSError."""
        if self.point is None:
            return []
        return [name for name in self._files.subfolders(self.point) if name not in _NO_GROUPS]

    def subfolders(self, path: str) -> list[str]:
        """Names of the folders in a folder. Raises OSError."""
        return self._files.subfolders(path)

    def remove(self, path: str) -> None:
        """Remove a group. Raises OSError."""
        self._files.remove(path)

    def follow(self, paths: dict[str, str]) -> list[OSError]:
        """Move the threads that have come to tasks later.

        Args:
            paths: the group by the path of a task's ``resctrl.group``, of those that are there.

        Returns:
            What went wrong.
        """
        inside: dict[str, set[int]] = {}
        failures = []
        for path, group in paths.items():
            folder = folder_of(path) or ""
            try:
                if group not in inside:
                    inside[group] = self._members(group)
                if self._threads(folder) - inside[group]:
                    self._move(folder, group)
            except OSError as error:
                failures.append(error)
        return failures

    def keep(self, folders: Iterable[str]) -> None:
        """Forget all cgroups but those of these folders."""
        self._known = {one: self._known[one] for one in folders if one in self._known}

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

    def _explained(self, error: OSError, path: str) -> OSError:
        """With the reason that resctrl has for it, if this was about resctrl."""
        text = error.strerror or str(error)
        if self.point is not None and path.startswith(self.point + "/"):
            try:
                status = self._files.read(f"{self.point}/info/last_cmd_status")
            except OSError:
                status = ""
            told = " ".join(status.split())
            text += f" ({told})" if told not in ("", "ok") else ""
        return OSError(error.errno, text, path)

    # -- where threads are

    def _place(self, folder: str) -> str:
        """The group of a cgroup's threads; empty: it has none.

        A few that were started elsewhere, as by ``docker exec``, do not count: if any is in a group
        of ours, that is it; else the one that it was at the last look, or the one with the most.
        """
        threads = self._threads(folder)
        known = self._known.get(folder)
        if known is not None and threads and self._group_of(min(threads)) == known:
            return known
        counts = Counter(self._groups_of(threads))
        if not counts:
            return ""
        self._known[folder] = max(
            counts, key=lambda one: (is_group(one), one == known, counts[one], one)
        )
        return self._known[folder]

    def _groups_of(self, threads: set[int]) -> list[str]:
        found = [one for thread in threads if (one := self._group_of(thread)) is not None]
        if found or not threads:
            return found
        for group in [ROOT, *(f"/{name}" for name in self.groups())]:  # the kernel does not tell
            found += [group] * len(threads & self._members(group))
        return found

    def _group_of(self, thread: int) -> str | None:
        """Source: /proc/PID/cpu_resctrl_groups (Linux 5.6)."""
        if not self._proc:
            return None
        try:
            text = self._files.read(f"/proc/{thread}/cpu_resctrl_groups")
        except OSError:
            return None
        name = text.partition("\n")[0].removeprefix("res:")
        return f"/{name.lstrip('/')}" if name else None

    def _members(self, group: str) -> set[int]:
        """Threads in a control group."""
        if self.point is None:
            raise OSError(errno.ENOENT, "resctrl is not mounted", group)
        try:
            return _parsed(self._files.read_all(f"{self._folder(group)}/tasks"))
        except OSError as error:
            if error.errno in _GONE:
                raise OSError(error.errno, f"there is no control group {group}", group) from None
            raise

    def _folder(self, group: str) -> str:
        return f"{self.point}{'' if group == ROOT else group}"

    def _threads(self, folder: str) -> set[int]:
        """Threads of a cgroup and of those below."""
        for name in _THREADS:
            try:
                text = self._files.read_all(f"{folder}/{name}")
            except OSError as error:
                if error.errno not in _GONE:
                    raise
                continue
            threads = _parsed(text)
            if "0" in text.split():
                reason = "its processes are in a PID namespace that cannot be seen from here"
                raise OSError(errno.ESRCH, reason, place_path(folder))
            for below in self._files.subfolders(folder):
                threads |= self._threads(f"{folder}/{below}")
            return threads
        return set()

    def _move(self, folder: str, group: str) -> None:
        """Move all threads of a cgroup; what is started meanwhile, too."""
        failure = OSError(errno.EBUSY, "its threads are moved faster than they can be followed")
        for _ in range(_ROUNDS):
            outside = self._threads(folder) - self._members(group)
            if not outside:
                self._known[folder] = group
                return
            for thread in sorted(outside):
                try:
                    self._files.write(f"{self._folder(group)}/tasks", f"{thread}\n")
                except OSError as error:
                    if error.errno != errno.ESRCH:  # it has ended
                        failure = self._explained(error, self._folder(group) + "/tasks")
        raise OSError(failure.errno, failure.strerror, place_path(folder))


def _parsed(text: str) -> set[int]:
    try:
        return parse_threads(text.encode())
    except Malformed as error:
        raise OSError(errno.EIO, os.strerror(errno.EIO)) from error
