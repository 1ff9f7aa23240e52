"""Where the cgroups of pods are: found by looking, not guessed.

The kubelet makes a group ``kubepods``, by ``cgroupRoot`` below another one, in it one each for the
classes of service besteffort and burstable, and a group for each pod: in that of its class, or
directly in ``kubepods`` if it is guaranteed. Its cgroup driver decides on the names:

========  ==================================================  ==================================
driver    pod                                                 container
========  ==================================================  ==================================
systemd   ``kubepods-burstable-pod<id, - as _>.slice``        ``<runtime>-<container>.scope``
cgroupfs  ``pod<id>``                                         ``<container>``, as some runtimes
                                                              name it ``<runtime>-<container>``
========  ==================================================  ==================================

So a look into three folders finds all pods, whatever the driver and the classes, and one into each
pod's the containers, whatever the runtime.
"""

import enum
import logging
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from wca.linux.cgroups import CgroupHierarchies
from wca.linux.files import Kernel

__all__ = ["CgroupDriverType", "PodCgroups"]

log = logging.getLogger(__name__)


class CgroupDriverType(enum.StrEnum):
    """How the kubelet makes cgroups."""

    SYSTEMD = "systemd"
    CGROUPFS = "cgroupfs"


#: The top of the pods' groups with each driver; the kubelet writes ``-`` of a name as ``_``.
_TOPS = {
    CgroupDriverType.SYSTEMD: re.compile(r"([^/]*-)?kubepods\.slice"),
    CgroupDriverType.CGROUPFS: re.compile(r"kubepods"),
}
_POD = re.compile(r"(?:.*-)?pod([0-9A-Za-z_-]+?)(\.slice)?")
_QOS = re.compile(r"(?:.*-)?(besteffort|burstable)(\.slice)?")
#: How deep below the root a kubelet's groups are looked for, and in how many folders at most: kind
#: has them below a container's, which may be below those of a user's session.
_DEEPEST, _MOST_FOLDERS = 9, 2000
#: Controllers of which the hierarchy is looked into, in this order.
_LOOKED_INTO = ("cpu", "cpuacct", "memory")
#: Seconds before the kubelet's groups are looked for again because a pod was in none of them.
_PAUSE = 30.0


class PodCgroups:
    """The cgroups of the pods that are here now.

    Args:
        kernel: what to look through.
        monotonic: seconds, for the pause between two searches.
        driver: the kubelet's; None: whichever is there.
    """

    def __init__(
        self,
        kernel: Kernel,
        monotonic: Callable[[], float],
        driver: CgroupDriverType | None = None,
    ) -> None:
        self._kernel = kernel
        self._monotonic = monotonic
        self._drivers = tuple(CgroupDriverType) if driver is None else (driver,)
        self._hierarchies = CgroupHierarchies(kernel)
        self._tops: list[str] = []
        self._searched: float | None = None
        self._pods: dict[str, list[str]] = {}
        self._known: dict[str, tuple[frozenset[str], dict[str, str]]] = {}

    def look(self, expected: Iterable[Sequence[str]]) -> None:
        """See which pods are there.

        Args:
            expected: of each pod that ought to be there the ids by one of which its group is named;
                while one is not, the kubelet's groups are searched for, but not every time.
        """
        self._pods = self._found()
        missing = any(all(_plain(one) not in self._pods for one in ids) for ids in expected)
        if missing and self._may_search():
            self._search()
            self._pods = self._found()
        here = {path for paths in self._pods.values() for path in paths}
        self._known = {path: self._known[path] for path in self._known.keys() & here}

    def find(
        self, ids: Iterable[str], containers: Mapping[str, object]
    ) -> tuple[str, dict[str, str]] | None:
        """The path of a pod's group and those of its containers; None where there is none.

        Args:
            ids: by one of which it is named.
            containers: ids of the containers whose groups are wanted.

        Returns:
            The path, and by the container's id the paths of those that have a group.
        """
        paths = [path for one in ids for path in self._pods.get(_plain(one), ())]
        found = [(path, self._containers(path, frozenset(containers))) for path in paths]
        # A group may be left over from another driver: the one with containers counts.
        return next((one for one in found if one[1]), found[0] if found else None)

    def _containers(self, pod: str, wanted: frozenset[str]) -> dict[str, str]:
        known = self._known.get(pod)
        if known is not None and known[0] == wanted == known[1].keys():
            return known[1]
        found = {
            runtime_id: f"{pod}/{name}"
            for name in self._folders(pod)
            for runtime_id in _container_ids(name)
            if runtime_id in wanted
        }
        self._known[pod] = (wanted, found)
        return found

    def _found(self) -> dict[str, list[str]]:
        pods: dict[str, list[str]] = {}
        for top in self._tops:
            for folder, name in self._candidates(top):
                match = _POD.fullmatch(name)
                if match:
                    pods.setdefault(_plain(match[1]), []).append(f"{folder}/{name}")
        return pods

    def _candidates(self, top: str) -> Iterator[tuple[str, str]]:
        """Folders in which pods may be, and the names in them."""
        for name in self._folders(top):
            yield top, name
            if _QOS.fullmatch(name):
                folder = f"{top}/{name}"
                yield from ((folder, below) for below in self._folders(folder))

    def _folders(self, path: str) -> list[str]:
        cgroup = self._hierarchies.locate(path)
        directory = next(filter(None, map(cgroup.directory, _LOOKED_INTO)), None)
        return (directory and self._kernel.subfolders(directory)) or []

    def _may_search(self) -> bool:
        now = self._monotonic()
        due = self._searched is None or now - self._searched >= _PAUSE
        if due:
            self._searched = now
        return due

    def _search(self) -> None:
        """Look for the kubelet's groups, those nearest to the root first."""
        tops: list[str] = []
        waiting = deque([("", 0)])
        for _ in range(_MOST_FOLDERS):
            if not waiting:
                break
            path, depth = waiting.popleft()
            for name in self._folders(path or "/"):
                if any(_TOPS[driver].fullmatch(name) for driver in self._drivers):
                    tops.append(f"{path}/{name}")
                elif depth < _DEEPEST:
                    waiting.append((f"{path}/{name}", depth + 1))
        else:
            log.debug("the search for the kubelet's cgroups ends after %d folders", _MOST_FOLDERS)
        if tops != self._tops:
            log.info("the kubelet's cgroups: %s", ", ".join(tops) or "none")
        self._tops = tops


def _plain(pod_id: str) -> str:
    """An id of a pod however it is written: the drivers do without its dashes, or replace them."""
    return pod_id.replace("-", "").replace("_", "")


def _container_ids(name: str) -> Iterator[str]:
    """What may be the id in the name of a container's group: all of it, or what is behind a dash.

    The groups of CRI-O's monitors have the ids of their containers too.
    """
    stem = name.removesuffix(".scope")
    if "-conmon-" not in stem:
        yield stem
        yield stem.rpartition("-")[2]
