"""Where the files of a task's allocations are, and what is in them."""

import contextlib
import posixpath
from collections.abc import Callable, Collection
from dataclasses import dataclass

from wca.allocations.contract import Files
from wca.allocations.devices import divided
from wca.allocations.encoding import Machine, Texts
from wca.allocations.knobs import READ, Knob, controllers_of, knob_of
from wca.allocations.quotas import quota_of_all
from wca.allocators.api import AllocationType, TaskAllocations
from wca.detectors.api import TaskData
from wca.errors import NotAvailable, TargetGone, ValidationError
from wca.linux.cgroups import Cgroup
from wca.linux.parse import Malformed

__all__ = ["Groups", "Place"]

#: Hierarchies in which the processes of a task are looked up, the first that has a group.
_PROCESSES = ("cpu", "cpuacct", "memory", "psi")
#: On cgroup v1.
_OF_CONTAINERS = (
    AllocationType.CPUSET_CPUS,
    AllocationType.CPUSET_MEMS,
    AllocationType.CPUSET_MEMORY_MIGRATE,
    AllocationType.IO_MAX,
)


@dataclass(frozen=True)
class Place:
    """Where one type of allocation of one task is.

    Args:
        knob: what it is.
        version: of cgroups.
        folders: of the groups that have it; the first one is read.
        below: folders of the task's containers.
    """

    knob: Knob
    version: int
    folders: tuple[str, ...]
    below: tuple[str, ...] = ()

    @property
    def divided(self) -> bool:
        """Whether its containers have parts of it, see ``quotas``."""
        return self.knob.type is AllocationType.QUOTA and bool(self.below)

    def paths(self, folder: str) -> list[str]:
        """Of the files in one of the folders."""
        return [posixpath.join(folder, name) for name in self.knob.files]


class Groups:
    """Finds the files of tasks and reads them.

    Args:
        locate: gives the groups of a cgroup path.
        files: how they are read.
        machine: what values are relative to.
    """

    def __init__(self, locate: Callable[[str], Cgroup], files: Files, machine: Machine) -> None:
        self._locate = locate
        self._files = files
        self.machine = machine
        self._known: dict[str, Cgroup] = {}

    def place(self, task: TaskData, type_: AllocationType) -> Place:
        """Where a type of allocation is.

        On cgroup v1 the CPUs of a task with containers are those of its containers, as the kubelet
        and the first releases have it; its limits at devices are those of each container, because
        there a limit does not hold for the groups below. A burst is wanted where the quotas are: in
        the task's group and in those of its containers.

        Raises:
            NotAvailable: there is no such thing here, with the reason.
        """
        whole = self._group(task.cgroup_path)
        there = [one for one in controllers_of(type_) if whole.version(one) is not None]
        version = whole.version(there[0]) if there else None
        knob = knob_of(type_, version)
        folder = whole.directory(knob.controller)
        if version is None or folder is None:
            raise NotAvailable(f"no group of the controller {knob.controller}")
        knob = self._present(knob, folder)
        found = [self._group(one).directory(knob.controller) for one in task.subcgroups_paths]
        below = tuple(one for one in found if one is not None and one != folder)
        if type_ in _OF_CONTAINERS and version == 1 and below:
            return Place(knob, version, below)
        if type_ is AllocationType.CPU_BURST:
            return Place(knob, version, (folder, *below))
        return Place(knob, version, (folder,), below)

    def folder(self, task: TaskData) -> str:
        """The folder of a cgroup that has all processes of a task. Raises TargetGone."""
        whole = self._group(task.cgroup_path)
        for controller in _PROCESSES:
            folder = whole.directory(controller)
            if folder is not None:
                return folder
        raise TargetGone(f"there is no cgroup {task.cgroup_path}")

    def of_task(self, task: TaskData) -> list[Cgroup]:
        """The group of a task, then those of its containers. Raises ValidationError."""
        return [self._group(path) for path in (task.cgroup_path, *task.subcgroups_paths)]

    def texts(self, place: Place, folder: str) -> Texts:
        """What is in the files of one folder now. Raises OSError."""
        return tuple(self._files.read(path) for path in place.paths(folder))

    def texts_below(self, place: Place) -> dict[str, Texts]:
        """The same of the task's containers, by folder; one that is gone is left out."""
        found = {}
        for folder in place.below:
            with contextlib.suppress(OSError):
                found[folder] = self.texts(place, folder)
        return found

    def read(self, task: TaskData) -> TaskAllocations:
        """What is in force for a task; what cannot be read is absent."""
        found: TaskAllocations = {}
        for type_ in READ:
            try:
                place = self.place(task, type_)
                texts = self.texts(place, place.folders[0])
                found[type_] = (
                    quota_of_all(texts, self.texts_below(place), place.knob, self.machine)
                    if place.divided
                    else place.knob.decode(texts, self.machine)
                )
            except (NotAvailable, TargetGone, ValidationError, Malformed, OSError):
                continue
        return found

    def keep(self, paths: Collection[str]) -> None:
        """Forget all groups but those of these cgroup paths, and those that have become more."""
        self._known = {
            path: known
            for path in paths
            if (known := self._known.get(path)) is not None and not known.appeared()
        }

    def _present(self, knob: Knob, folder: str) -> Knob:
        """The first one of which the kernel has the file; where it has none, the first of all."""
        one: Knob | None = knob
        while one is not None:
            if self._files.inode(divided(f"{folder}/{one.files[0]}")[0]) is not None:
                return one
            one = one.instead
        return knob

    def _group(self, path: str) -> Cgroup:
        known = self._known.get(path)
        if known is None:
            known = self._known[path] = self._locate(path)
        return known
