"""Control groups of both versions behind one face.

Where hierarchies are mounted comes from /proc/self/mountinfo: cgroup v1 with controllers mounted
together or apart, v2 alone, or both (hybrid), where each controller belongs to one of the two.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from wca.errors import NotAvailable, TargetGone, ValidationError
from wca.linux.files import Kernel, KernelFile
from wca.linux.mounts import CgroupMounts, CgroupView, cgroup_mounts
from wca.linux.parse import to_number
from wca.linux.procfs import parse_mountinfo, parse_process_cgroups

__all__ = ["Cgroup", "CgroupHierarchies", "Group", "normal_cgroup_path"]

Version = Literal[1, 2]

# What every group of cgroup v2 has, whatever its cgroup.controllers says: CPU time is counted
# without the cpu controller, perf_event and freezer are part of the core. `psi` is our name for
# the pressure files.
_ALWAYS_IN_V2 = frozenset({"cpuacct", "psi", "perf_event", "freezer"})

# Controllers that v2 has under another name, or not at all.
_NEVER_IN_V2 = frozenset({"blkio", "devices", "net_cls", "net_prio"})

# The controllers of which a task's groups are expected to have been made.
_MEASURED = ("cpu", "cpuacct", "memory")


def normal_cgroup_path(path: str) -> str:
    """The path with one ``/`` at its beginning and none at its end; ``/`` is the root.

    Raises:
        ValidationError: a part of it is ``..`` or ``.``, or it has a zero byte.
    """
    parts = [part for part in path.split("/") if part]
    if ".." in parts or "." in parts or "\0" in path:
        raise ValidationError(f"a cgroup path has no '..' and no '.' in it, got {path!r}")
    return "/" + "/".join(parts)


@dataclass(frozen=True, slots=True)
class Group:
    """The folder that is one group in one hierarchy.

    Args:
        version: of the hierarchy.
        directory: its path as this process sees it.
    """

    version: Version
    directory: str


class Cgroup:
    """The groups of one path in all hierarchies that have one.

    Where the group of a controller is, is looked up when it is first asked for, and then settled:
    a group that is made later, ``appeared`` tells of it, is found by locating again.

    Args:
        kernel: what its files are read through.
        path: below the root of every hierarchy, beginning with ``/``.
        mounts: where the hierarchies are.
    """

    def __init__(self, kernel: Kernel, path: str, mounts: CgroupMounts) -> None:
        self._kernel = kernel
        self._mounts = mounts
        self._groups: dict[str, Group | None] = {}
        self.path = path

    def version(self, controller: str) -> Version | None:
        """The version of the hierarchy that holds the controller here; None: none does."""
        group = self._group(controller)
        return None if group is None else group.version

    def directory(self, controller: str) -> str | None:
        """The folder of the controller's group; None where there is none."""
        group = self._group(controller)
        return None if group is None else group.directory

    def open(self, controller: str, name: str) -> KernelFile:
        """Open a file of the controller's group.

        Args:
            controller: such as ``memory``.
            name: name of the file, such as ``memory.stat``.

        Raises:
            NotAvailable: no hierarchy holds the controller here, or its group has no such file.
            TargetGone: the group itself is gone.
        """
        directory = self.directory(controller)
        if directory is None:
            if self.exists():
                raise NotAvailable(f"cgroup {self.path} has no group for {controller}")
            raise TargetGone(f"there is no cgroup {self.path}")
        try:
            return self._kernel.open(f"{directory}/{name}")
        except NotAvailable:
            if self._kernel.exists(directory):
                raise
            raise TargetGone(f"{directory} is gone") from None

    def read(self, controller: str, name: str) -> bytes:
        """Read a file of the controller's group once.

        Args:
            controller: such as ``memory``.
            name: name of the file, such as ``memory.max``.

        Raises:
            NotAvailable: no hierarchy holds the controller here, or its group has no such file.
            TargetGone: the group was removed at this moment.
        """
        directory = self.directory(controller)
        if directory is None:
            raise NotAvailable(f"cgroup {self.path} has no group for {controller}")
        return self._kernel.read(f"{directory}/{name}")

    def exists(self) -> bool:
        """Whether there is a group now, in a hierarchy that is measured."""
        return bool(self.identity())

    def populated(self) -> bool:
        """Whether a process is in the group or below it, in any hierarchy that is measured."""
        return any(_populated(self._kernel, folder) for folder, _ in self._present())

    def identity(self) -> tuple[int, ...]:
        """The inode numbers of the groups that are there now, in the hierarchies measured.

        A group that was removed and made again under the same path has another one.
        """
        return tuple(inode for _, inode in self._present())

    def appeared(self) -> bool:
        """Whether a group that was asked for in vain is there now, or its controller enabled.

        Costs one look at each hierarchy of v1 in which one was lacking, and where one of v2 was, a
        look at that and one at its controllers; nothing where none was.
        """
        # A copy: collectors with threads of their own ask as well.
        lacking = {name for name, group in self._groups.copy().items() if group is None}
        in_v1 = lacking & self._mounts.v1.keys() if lacking else lacking
        if in_v1 and any(map(self._find, {self._mounts.v1[name] for name in in_v1})):
            return True
        in_v2 = lacking - in_v1 - _NEVER_IN_V2
        found = self._find(self._mounts.v2) if in_v2 else None
        return found is not None and not in_v2.isdisjoint(self._in_v2(found[0]))

    def procs(self, controller: str | None = None, *, recursive: bool = False) -> list[int]:
        """Ids of the processes in the group, ascending; empty where they cannot be read.

        Args:
            controller: whose group to ask; None: the first that there is.
            recursive: whether to include the groups below.
        """
        if controller is None:
            directory = next((folder for folder, _ in self._present()), None)
        else:
            directory = self.directory(controller)
        if directory is None:
            return []
        return sorted(set(_procs(self._kernel, directory, recursive=recursive)))

    def _present(self) -> Iterator[tuple[str, int]]:
        for views in self._mounts.measured:
            found = self._find(views)
            if found is not None:
                yield found

    def _find(self, views: Iterable[CgroupView]) -> tuple[str, int] | None:
        # The view that shows most comes first, and the first in which the group exists is taken:
        # a container may see the host's hierarchy beside its own.
        for view in views:
            directory = view.directory(self.path)
            inode = None if directory is None else self._kernel.inode(directory)
            if directory is not None and inode is not None:
                return directory, inode
        return None

    def _group(self, controller: str) -> Group | None:
        if controller not in self._groups:
            self._groups[controller] = self._look_up(controller)
        return self._groups[controller]

    def _look_up(self, controller: str) -> Group | None:
        found = self._find(self._mounts.v1.get(controller, ()))
        if found is not None:
            return Group(1, found[0])
        if controller in self._mounts.v1 and controller != "cpuacct":  # its group is yet to come
            return None
        found = self._find(self._mounts.v2)
        if found is None:
            return None
        there = controller in _ALWAYS_IN_V2 or controller in self._in_v2(found[0])
        return Group(2, found[0]) if there else None

    def _in_v2(self, directory: str) -> frozenset[str]:
        """The controllers that a group of v2 has."""
        try:
            enabled = self._kernel.read(f"{directory}/cgroup.controllers")
        except (NotAvailable, TargetGone):
            enabled = b""
        return _ALWAYS_IN_V2.union(enabled.decode("ascii", "replace").split())


def _procs(kernel: Kernel, directory: str, *, recursive: bool) -> Iterable[int]:
    try:
        data = kernel.read(f"{directory}/cgroup.procs")
    except (NotAvailable, TargetGone):
        data = b""
    yield from (pid for pid in map(to_number, data.split()) if pid)
    for name in (kernel.subfolders(directory) or ()) if recursive else ():
        yield from _procs(kernel, f"{directory}/{name}", recursive=True)


def _populated(kernel: Kernel, directory: str) -> bool:
    try:
        return b"populated 1" in kernel.read(f"{directory}/cgroup.events")
    except (NotAvailable, TargetGone):  # only groups of cgroup v2 tell, all but the root
        return any(True for _ in _procs(kernel, directory, recursive=True))


class CgroupHierarchies:
    """The hierarchies that are mounted on this machine.

    Args:
        kernel: what to read through. Nothing is read before the first question.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    @cached_property
    def _mounts(self) -> CgroupMounts:
        mounts = parse_mountinfo(self._kernel.read("/proc/self/mountinfo"))
        return cgroup_mounts(mounts, _MEASURED)

    @property
    def mounted(self) -> bool:
        """Whether there is a hierarchy that can be measured."""
        return bool(self._mounts.measured)

    def version(self, controller: str) -> Version | None:
        """The version of the mounted hierarchy that holds the controller; None: none does."""
        return 1 if controller in self._mounts.v1 else self.locate("/").version(controller)

    def locate(self, cgroup_path: str) -> Cgroup:
        """The groups of a path. Nothing is looked up before it is asked for.

        Args:
            cgroup_path: below the root of the hierarchies, beginning with ``/``, as
                /proc/PID/cgroup gives it.

        Raises:
            ValidationError: the path does not begin with ``/`` or has ``..`` in it.
        """
        if not cgroup_path.startswith("/"):
            raise ValidationError(f"a cgroup path begins with '/', got {cgroup_path!r}")
        return Cgroup(self._kernel, normal_cgroup_path(cgroup_path), self._mounts)

    def children(self, path: str, hierarchy: str | None = None) -> list[str] | None:
        """Names of the groups directly below one, sorted; None where it cannot be seen.

        Args:
            path: of that group, normal.
            hierarchy: of cgroup v1, by one of its controllers or by its name as ``name=systemd``;
                None: all that are measured, and a name counts when one of them has it.

        Raises:
            WcaError: there is no descriptor left to look with.
        """
        mounts = self._mounts
        looked = mounts.measured if hierarchy is None else [mounts.v1.get(hierarchy, ())]
        listed = [names for views in looked if (names := self._subgroups(views, path)) is not None]
        if len(listed) < 2:
            return listed[0] if listed else None
        return sorted(set().union(*listed))

    def _subgroups(self, views: Iterable[CgroupView], path: str) -> list[str] | None:
        for view in views:
            directory = view.directory(path)
            # No symbolic link is a group: the kernel makes none inside a hierarchy.
            names = None if directory is None else self._kernel.subfolders(directory, links=False)
            if names is not None:
                return names
        return None

    def missing(self, cgroup: Cgroup) -> list[str]:
        """The controllers among cpu, cpuacct and memory for which a group should be, but is not.

        These are those that have a hierarchy of cgroup v1; without any of these, the group of v2,
        named ``cpuacct`` here.
        """
        expected = [name for name in _MEASURED if name in self._mounts.v1] or ["cpuacct"]
        return [name for name in expected if cgroup.version(name) is None]

    def own_cgroup_path(self) -> str:
        """The path of the group in which this process runs; see ``path_of_process``."""
        return self.path_of_process("self")

    def path_of_process(self, pid: int | str) -> str:
        """The path of the group in which a process runs, where its groups can be measured.

        The paths in different hierarchies may differ; the first one, in the order cpu, cpuacct,
        memory, v2, is taken that has a group in every hierarchy needed, else ``/``.

        Args:
            pid: number of the process, or ``self``.

        Raises:
            TargetGone: there is no such process.
            NotAvailable: its groups cannot be read.
        """
        paths = parse_process_cgroups(self._read_of_process(pid))
        by_name = {name: path for names, path in paths.items() for name in names}
        unified = paths.get(frozenset(), "/")
        for path in (*(by_name.get(name, "/") for name in _MEASURED), unified):
            if path != "/" and ".." not in path and not self.missing(self.locate(path)):
                return path
        return "/"

    def _read_of_process(self, pid: int | str) -> bytes:
        try:
            return self._kernel.read(f"/proc/{pid}/cgroup")
        except NotAvailable:
            if self._kernel.exists(f"/proc/{pid}"):
                raise
            raise TargetGone(f"there is no process {pid}") from None
