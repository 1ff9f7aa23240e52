"""The mounted resctrl file system: its groups and which threads are in them."""

from collections.abc import Iterable, Iterator

from wca.errors import NotAvailable, TargetGone
from wca.linux.parse import parse_threads
from wca.linux.procfs import parse_mountinfo
from wca.linux.resctrl.files import ResctrlFiles
from wca.linux.resctrl.values import Place, parse_features, parse_place

__all__ = ["Resctrl", "find_resctrl"]

# Folders at the top that are no control groups.
_NO_GROUPS = frozenset({"info", "mon_data", "mon_groups"})


class Resctrl:
    """The groups of a mounted resctrl.

    Args:
        files: what is read and written through.
        point: where it is mounted.
    """

    def __init__(self, files: ResctrlFiles, point: str) -> None:
        self.files = files
        self.point = point

    def folder(self, place: Place) -> str:
        """The folder of a group."""
        control = f"{self.point}/{place.control}" if place.control else self.point
        return f"{control}/mon_groups/{place.monitoring}" if place.monitoring else control

    def events(self) -> tuple[str, ...]:
        """What this machine counts, of ``resctrl.EVENTS``; empty without monitoring."""
        data = self._read(f"{self.point}/info/L3_MON/mon_features")
        return () if data is None else parse_features(data)

    def control_groups(self) -> list[str]:
        """Names of the control groups; the root, which is first, has the empty name."""
        names = self.files.subfolders(self.point) or []
        return ["", *(name for name in names if name not in _NO_GROUPS)]

    def monitoring_groups(self, control: str) -> list[str]:
        """Names of the monitoring groups in a control group."""
        return self.files.subfolders(self.folder(Place(control, "")) + "/mon_groups") or []

    def all_monitoring_groups(self) -> Iterator[Place]:
        """The monitoring groups in all control groups."""
        for control in self.control_groups():
            for name in self.monitoring_groups(control):
                yield Place(control, name)

    def threads(self, place: Place) -> set[int] | None:
        """Threads in a group, of a control group with those of its monitoring groups.

        Returns:
            None when there is no such group.

        Raises:
            Malformed: its ``tasks`` holds something else.
        """
        data = self._read(self.folder(place) + "/tasks")
        return None if data is None else parse_threads(data)

    def tells_places(self) -> bool:
        """Whether the kernel says of a thread where it is (Linux 5.6)."""
        return self.files.kernel.exists("/proc/self/cpu_resctrl_groups")

    def place_of(self, thread: int) -> Place | None:
        """Where a thread is; None when it has ended, or the kernel does not tell."""
        data = self._read(f"/proc/{thread}/cpu_resctrl_groups")
        return None if data is None else parse_place(data)

    def places_of(self, threads: Iterable[int]) -> dict[Place, set[int]]:
        """Threads by the place where they are, those that have ended left out.

        A kernel before Linux 5.6 does not tell; there the ``tasks`` of all groups are searched.
        """
        threads = set(threads)
        if threads and not self.tells_places():
            return self._search(threads)
        found: dict[Place, set[int]] = {}
        for thread in threads:
            place = self.place_of(thread)
            if place is not None:
                found.setdefault(place, set()).add(thread)
        return found

    def _read(self, path: str) -> bytes | None:
        try:
            return self.files.read(path)
        except (NotAvailable, TargetGone):
            return None

    def _search(self, threads: set[int]) -> dict[Place, set[int]]:
        found: dict[Place, set[int]] = {}
        for control in self.control_groups():
            rest = threads & (self.threads(Place(control, "")) or set())
            for name in self.monitoring_groups(control) if rest else ():
                place = Place(control, name)
                here = rest & (self.threads(place) or set())
                if here:
                    found[place] = here
                    rest -= here
            if rest:
                found[Place(control, "")] = rest
        return found


def find_resctrl(files: ResctrlFiles) -> Resctrl:
    """The resctrl that is mounted.

    Source: /proc/self/mountinfo.

    Raises:
        NotAvailable: none is; the reason says what to do.
    """
    for mount in parse_mountinfo(files.read("/proc/self/mountinfo")):
        if mount.type == "resctrl" and mount.root == "/":
            return Resctrl(files, mount.point)
    try:
        known = b"resctrl" in files.read("/proc/filesystems").split()
    except NotAvailable:
        known = False
    if known:
        raise NotAvailable(
            "resctrl is not mounted: mount -t resctrl resctrl /sys/fs/resctrl on the host, and "
            "show it to the agent when it runs in a container"
        )
    raise NotAvailable("no resctrl: this processor or kernel does not offer it")
