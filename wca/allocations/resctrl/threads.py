"""Which control group of resctrl the threads of a cgroup are in, and moving them.

The guardian imports this module: it knows the standard library and a parser only.
"""

import errno
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Protocol

from wca.allocations.resctrl.paths import ROOT, is_group, place_path
from wca.linux.parse import Malformed, parse_threads

__all__ = ["GroupFiles", "Threads", "explained", "groups_below"]

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


class Threads:
    """The threads of cgroups, and those of control groups.

    Args:
        files: how the kernel's files are read and written.
        point: where resctrl is mounted; None: nowhere.
        proc: whether /proc tells where a thread is; else the groups are searched.
    """

    def __init__(self, files: GroupFiles, point: str | None, *, proc: bool) -> None:
        self._files = files
        self._point = point
        self._proc = proc
        self._known: dict[str, str] = {}

    def place(self, folder: str) -> str:
        """The group of a cgroup's threads; empty: it has none, and never had.

        A few that were started elsewhere, as by ``docker exec``, do not count: if any is in a group
        of ours, that is it; else the one that it was at the last look, or the one with the most.
        """
        threads = self.threads(folder)
        known = self._known.get(folder)
        if known is not None and threads and self._group_of(min(threads)) == known:
            return known
        counts = Counter(self._groups_of(threads))
        if not counts:  # between two processes it is where it was
            return known or ""
        self._known[folder] = max(
            counts, key=lambda one: (is_group(one), one == known, counts[one], one)
        )
        return self._known[folder]

    def _groups_of(self, threads: set[int]) -> list[str]:
        found = [one for thread in threads if (one := self._group_of(thread)) is not None]
        if found or not threads:
            return found
        names = groups_below(self._files, self._point) if self._point is not None else []
        for group in [ROOT, *(f"/{name}" for name in names)]:  # the kernel does not tell
            found += [group] * len(threads & self.members(group))
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

    def members(self, group: str) -> set[int]:
        """Threads in a control group. Raises OSError."""
        if self._point is None:
            raise OSError(errno.ENOENT, "resctrl is not mounted", group)
        try:
            return _parsed(self._files.read_all(f"{self._folder(group)}/tasks"))
        except OSError as error:
            if error.errno in _GONE:
                raise OSError(error.errno, f"there is no control group {group}", group) from None
            raise

    def _folder(self, group: str) -> str:
        return f"{self._point}{'' if group == ROOT else group}"

    def threads(self, folder: str) -> set[int]:
        """Threads of a cgroup, by its folder, and of those below. Raises OSError."""
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
                threads |= self.threads(f"{folder}/{below}")
            return threads
        return set()

    def follow(self, groups: Mapping[str, str]) -> list[OSError]:
        """Move the threads that are not where the others of their cgroup are; what went wrong.

        Args:
            groups: by the folder of the cgroup.
        """
        inside: dict[str, set[int]] = {}
        failures = []
        for folder, group in groups.items():
            try:
                if group not in inside:
                    inside[group] = self.members(group)
                if self.threads(folder) - inside[group]:
                    self.move(folder, group)
            except OSError as error:
                failures.append(error)
        return failures

    def keep(self, folders: Iterable[str]) -> None:
        """Forget where threads of other cgroups than those of these folders were."""
        self._known = {one: self._known[one] for one in folders if one in self._known}

    def move(self, folder: str, group: str) -> None:
        """Move all threads of a cgroup; what is started meanwhile, too. Raises OSError."""
        failure = OSError(errno.EBUSY, "its threads are moved faster than they can be followed")
        for _ in range(_ROUNDS):
            outside = self.threads(folder) - self.members(group)
            if not outside:
                self._known[folder] = group
                return
            for thread in sorted(outside):
                try:
                    self._files.write(f"{self._folder(group)}/tasks", f"{thread}\n")
                except OSError as error:
                    if error.errno != errno.ESRCH:  # it has ended
                        failure = explained(error, self._files, self._point, self._folder(group))
        raise OSError(failure.errno, failure.strerror, place_path(folder))


def groups_below(files: GroupFiles, point: str) -> list[str]:
    """Names of the control groups of a mount without the root. Raises OSError."""
    return [name for name in files.subfolders(point) if name not in _NO_GROUPS]


def _parsed(text: str) -> set[int]:
    try:
        return parse_threads(text.encode())
    except Malformed as error:
        raise OSError(errno.EIO, os.strerror(errno.EIO)) from error


def explained(error: OSError, files: GroupFiles, point: str | None, path: str) -> OSError:
    """An error with the reason that resctrl has for it, if it is about resctrl."""
    text = error.strerror or str(error)
    if point is not None and path.startswith(point):
        try:
            status = files.read(f"{point}/info/last_cmd_status")
        except OSError:
            status = ""
        told = status.strip().rpartition("\n")[2].strip()  # some commands add to those before
        text += f" ({told})" if told not in ("", "ok") else ""
    return OSError(error.errno, text, path)
