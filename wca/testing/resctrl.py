"""A resctrl file system in a folder of a test's own, which refuses what the kernel refuses.

::

    tree = KernelTree(tmp_path, "v2")
    resctrl = ResctrlTree(tmp_path, num_rmids=4)
    resctrl.start(100)
    collector = TaskResctrlCollector(files=resctrl)
"""

import errno
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wca.errors import TargetGone
from wca.linux.files import OpenFile
from wca.linux.resctrl.files import ResctrlFiles
from wca.linux.resctrl.values import EVENTS, Place
from wca.testing.schemata import Resource, Schemata

__all__ = ["ResctrlTree"]

_POINT = "/sys/fs/resctrl"
_RESERVED = frozenset({"info", "mon_data", "mon_groups"})
_ROOT = Place("", "")


@dataclass(eq=False)
class _Group:
    """A group of the kernel; ``closid`` decides what its threads may use, ``rmid`` counts them."""

    place: Place
    closid: int
    rmid: int
    alive: bool = True


class _GroupFile:
    """An open file of a group, which ends with the group (ENODEV), as the kernel's files do."""

    def __init__(self, file: OpenFile, place: str, group: _Group) -> None:
        self._file = file
        self._place = place
        self._group = group

    def read(self) -> bytes:
        if not self._group.alive or not os.path.exists(self._place):
            raise TargetGone(f"{self._place} is gone")
        return self._file.read()

    def close(self) -> None:
        self._file.close()


class ResctrlTree(ResctrlFiles):
    """Files of resctrl below a folder, and the rules of the kernel for what is written there.

    Beside a ``KernelTree`` in the same folder it adds itself to /proc/self/mountinfo.

    Args:
        root: folder that stands for ``/``.
        domains: numbers of the L3 domains: of sockets with Intel, ids of caches with AMD.
        events: what is counted.
        num_rmids: groups of any kind that the processor can tell apart, with the root.
        num_closids: control groups, with the root.
        clusters: folders of sub-NUMA clusters in each domain.
        tells_places: whether the kernel is Linux 5.6 or later.
        assignable: whether counters of bandwidth are assigned to groups (AMD ABMC, Linux 6.18).
        code_and_data: mounted with ``cdp``: two resources L3CODE and L3DATA instead of L3.
        limbo: whether the number of a removed group is usable again only after ``drain``.
        resources: what is controlled, and how; L3 with eleven ways when left out.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        domains: Sequence[int] = (0, 1),
        events: Sequence[str] = EVENTS,
        num_rmids: int = 8,
        num_closids: int = 4,
        clusters: int = 0,
        tells_places: bool = True,
        assignable: bool = False,
        code_and_data: bool = False,
        limbo: bool = False,
        resources: Sequence[Resource] = (),
    ) -> None:
        super().__init__(os.fspath(root))
        self.root = self._root = os.fspath(root)
        self._domains = tuple(domains)
        self._events = tuple(events)
        self._clusters = clusters
        self._tells_places = tells_places
        self._free_rmids = list(range(1, num_rmids))
        self._free_closids = list(range(1, num_closids))
        self._limbo: list[int] | None = [] if limbo else None
        self._threads: dict[int, _Group] = {}
        self._shown: dict[str, str] = {}
        plain = [Resource(name) for name in (("L3CODE", "L3DATA") if code_and_data else ("L3",))]
        self._schemata = Schemata(resources or plain, self._domains)
        self._groups = {_ROOT: _Group(_ROOT, 0, 0)}
        #: Every number that was written to a ``tasks`` file, with the file's path.
        self.written: list[tuple[str, int]] = []
        self._write_machine(num_rmids, assignable)
        self._write_resources(num_closids, "rw,cdp" if code_and_data else "rw")
        self._add_files(self._groups[_ROOT])
        self._show_threads()

    def start(self, thread: int, *, parent: int | None = None) -> None:
        """A thread begins, in the groups of the one that started it."""
        self._threads[thread] = self._groups[_ROOT] if parent is None else self._threads[parent]
        self._write(f"/proc/{thread}/stat", f"{thread} (a) b) S 1 1\n")
        self._show_threads()

    def end(self, thread: int, *, reaped: bool = True) -> None:
        """A thread ends; one that is not reaped stays in its groups."""
        if reaped:
            del self._threads[thread]
            shutil.rmtree(f"{self._root}/proc/{thread}")
        else:
            self._write(f"/proc/{thread}/stat", f"{thread} (a) b) Z 1 1\n")
        self._show_threads()

    def place(self, thread: int) -> Place:
        """Where a thread is."""
        return self._threads[thread].place

    def closid(self, thread: int) -> int:
        """What decides what a thread may use."""
        return self._threads[thread].closid

    def groups(self) -> set[Place]:
        """The groups that there are, without the root."""
        return self._groups.keys() - {_ROOT}

    def move(self, thread: int, place: Place) -> None:
        """Write a thread to the ``tasks`` of a group, as another program does."""
        for failure in self.write_each(self._folder(place) + "/tasks", [thread]):
            raise failure

    def count(self, place: Place, event: str, *values: int | str) -> None:
        """Let a counter of a group say something.

        Args:
            place: the group.
            event: of ``EVENTS``.
            values: of each domain; the last one is that of the rest too.
        """
        for index, domain in enumerate(self._domains):
            value = values[min(index, len(values) - 1)]
            folder = f"{self._folder(place)}/mon_data/mon_L3_{domain:02d}"
            for name in (folder, *self._cluster_folders(folder)):
                self._write(f"{name}/{event}", f"{value}\n")

    def switch_off(self, domain: int) -> None:
        """The last CPU of an L3 domain goes offline."""
        self._domains = tuple(other for other in self._domains if other != domain)
        for place in self._groups:
            shutil.rmtree(f"{self._root}{self._folder(place)}/mon_data/mon_L3_{domain:02d}")

    def drain(self) -> None:
        """The data of removed groups leaves the caches."""
        if self._limbo:
            self._free_rmids += self._limbo
            self._limbo.clear()

    def open(self, path: str) -> OpenFile:
        """Open a file; that of a group ends with the group."""
        group = next(
            (
                group
                for place, group in self._groups.items()
                if path.startswith(self._folder(place) + "/mon_data/")
            ),
            self._groups[_ROOT],
        )
        return _GroupFile(super().open(path), self._root + path, group)

    def make(self, path: str) -> bool:
        """Make a group as mkdir does; OSError where the kernel refuses."""
        place = self._place(path)
        if "\n" in path:
            raise self._error(errno.EINVAL)
        if place is None or place.monitoring == "mon_groups":
            raise self._error(errno.EPERM)
        if place in self._groups:
            return False
        parent = self._groups.get(Place(place.control, "")) if place.monitoring else None
        if place.monitoring and parent is None:
            raise self._error(errno.ENOENT)
        if parent is None and not self._free_closids:
            self._status("Out of CLOSIDs")
            raise self._error(errno.ENOSPC)
        if not self._free_rmids:
            raise self._error(errno.EBUSY if self._limbo else errno.ENOSPC)
        closid = self._free_closids.pop(0) if parent is None else parent.closid
        group = self._groups[place] = _Group(place, closid, self._free_rmids.pop(0))
        self._add_files(group)
        return True

    def remove(self, path: str) -> None:
        """Remove a group as rmdir does; its threads go to the group above."""
        place = self._place(path)
        if place is None:
            raise self._error(errno.EPERM)
        if place not in self._groups:
            raise self._error(errno.ENOENT)
        above = self._groups[Place(place.control, "") if place.monitoring else _ROOT]
        for inner in [p for p in self._groups if p == place or self._is_in(p, place)]:
            group = self._groups.pop(inner)
            group.alive = False
            (self._free_rmids if self._limbo is None else self._limbo).append(group.rmid)
            if not inner.monitoring:
                self._free_closids.append(group.closid)
            for thread in [t for t, its in self._threads.items() if its is group]:
                self._threads[thread] = above
        shutil.rmtree(self._root + path)
        self._show_threads()

    def set_rows(self, control: str, text: str) -> None:
        """Write to the schemata of a control group; OSError where the kernel refuses."""
        if Place(control, "") not in self._groups:
            raise self._error(errno.ENOENT)
        problem = self._schemata.write(control, text)
        self._status(problem or "ok")
        if problem:
            raise self._error(errno.EINVAL)
        self._show_schemata(control)

    def write_each(self, path: str, items: Iterable[int]) -> list[OSError]:
        """Move threads as writing to ``tasks`` does."""
        place = self._place(path.removesuffix("/tasks")) if path != f"{_POINT}/tasks" else _ROOT
        group = None if place is None else self._groups.get(place)
        if group is None:
            raise self._error(errno.ENOENT)
        failures = []
        for thread in items:
            self.written.append((path, thread))
            if thread not in self._threads:
                failures.append(self._error(errno.ESRCH))
            elif group.place.monitoring and self._threads[thread].closid != group.closid:
                failures.append(self._error(errno.EINVAL))
            else:
                self._threads[thread] = group
        self._show_threads()
        return failures

    def _folder(self, place: Place) -> str:
        control = f"{_POINT}/{place.control}" if place.control else _POINT
        return f"{control}/mon_groups/{place.monitoring}" if place.monitoring else control

    def _place(self, path: str) -> Place | None:
        """The group that a folder is, or would be."""
        match path.removeprefix(_POINT).split("/")[1:]:
            case ["mon_groups", name]:
                return Place("", name)
            case [control, "mon_groups", name] if control not in _RESERVED:
                return Place(control, name)
            case [control] if control not in _RESERVED:
                return Place(control, "")
        return None

    def _is_in(self, place: Place, control: Place) -> bool:
        return not control.monitoring and place.control == control.control

    def _error(self, number: int) -> OSError:
        return OSError(number, os.strerror(number))

    def _add_files(self, group: _Group) -> None:
        folder = self._folder(group.place)
        self._show(f"{folder}/tasks", "")
        if not group.place.monitoring:
            os.makedirs(f"{self._root}{folder}/mon_groups", exist_ok=True)
            self._schemata.make(group.place.control)
            self._show_schemata(group.place.control)
        for event in self._events:
            self.count(group.place, event, 0)

    def _cluster_folders(self, folder: str) -> list[str]:
        return [f"{folder}/mon_sub_L3_{cluster:02d}" for cluster in range(self._clusters)]

    def _show_schemata(self, control: str) -> None:
        folder = self._folder(Place(control, ""))
        self._write(f"{folder}/schemata", self._schemata.text(control))

    def _status(self, text: str) -> None:
        self._write(f"{_POINT}/info/last_cmd_status", f"{text}\n")

    def _show_threads(self) -> None:
        """Write every ``tasks`` and every cpu_resctrl_groups anew."""
        for place, group in self._groups.items():
            inside = [
                thread
                for thread, its in sorted(self._threads.items())
                if its is group or (not place.monitoring and its.closid == group.closid)
            ]
            self._show(self._folder(place) + "/tasks", "".join(f"{t}\n" for t in inside))
        shown = {str(thread): group.place for thread, group in self._threads.items()}
        for name, place in {"self": _ROOT, **shown}.items() if self._tells_places else ():
            text = f"res:{place.control or '/'}\nmon:{place.monitoring}\n"
            self._show(f"/proc/{name}/cpu_resctrl_groups", text)

    def _write_machine(self, num_rmids: int, assignable: bool) -> None:
        info = f"{_POINT}/info"
        if self._events:
            names = "".join(f"{event}\n" for event in self._events)
            self._write(f"{info}/L3_MON/mon_features", names)
            self._write(f"{info}/L3_MON/num_rmids", f"{num_rmids}\n")
            self._write(f"{info}/L3_MON/max_threshold_occupancy", "65536\n")
        if assignable:
            self._write(f"{info}/L3_MON/mbm_assign_mode", "[mbm_event]\ndefault\n")
        self._write("/proc/filesystems", "nodev\tsysfs\nnodev\tresctrl\n")

    def _write_resources(self, num_closids: int, options: str) -> None:
        for name, text in self._schemata.info(num_closids).items():
            self._write(f"{_POINT}/info/{name}", f"{text}\n")
        self._write(f"{_POINT}/info/last_cmd_status", "ok\n")
        if any(one.mbps for one in self._schemata.resources.values()):
            options += ",mba_MBps"
        line = f"42 23 0:42 / {_POINT} rw,nosuid shared:10 - resctrl resctrl {options}\n"
        self._write("/proc/self/mountinfo", line, mode="a")

    def _show(self, path: str, text: str) -> None:
        """Write a file that changes often, if it has changed."""
        place = self._root + path
        if self._shown.get(path) != text or not os.path.exists(place):
            self._write(path, text)
            self._shown[path] = text

    def _write(self, path: str, text: str, mode: str = "w") -> None:
        place = self._root + path
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, mode, encoding="utf-8") as file:
            file.write(text)
