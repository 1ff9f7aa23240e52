"""Which part of which cgroup hierarchy a mount shows."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from wca.linux.procfs import Mount

__all__ = ["CgroupMounts", "CgroupView", "cgroup_mounts"]

# Everything the kernel has ever had as a controller of cgroup v1 (man 7 cgroups); the other
# options of such a mount are flags.
_V1_CONTROLLERS = frozenset(
    {"blkio", "cpu", "cpuacct", "cpuset", "debug", "devices", "freezer", "hugetlb", "memory"}
    | {"misc", "net_cls", "net_prio", "perf_event", "pids", "rdma"}
)


@dataclass(frozen=True, slots=True)
class CgroupView:
    """One mount of one hierarchy.

    Args:
        version: of the hierarchy.
        controllers: of a hierarchy of version 1, and its name as ``name=systemd`` where it has
            one; empty for version 2.
        root: the group that is mounted, ``/`` for the whole hierarchy. In a cgroup namespace a
            mount that reaches above the namespace has a root such as ``/../..``.
        point: where it is mounted.
    """

    version: Literal[1, 2]
    controllers: frozenset[str]
    root: str
    point: str

    @property
    def reach(self) -> int:
        """Smaller for a view that shows more of its hierarchy."""
        if self._above_namespace:
            return -self.root.count("..")
        return 0 if self.root == "/" else self.root.count("/")

    @property
    def _above_namespace(self) -> bool:
        return set(self.root.split("/")) == {"", ".."}

    def directory(self, path: str) -> str | None:
        """The folder of a group in this view; None when the view does not show it.

        Args:
            path: below the root of the hierarchy. For a view that reaches above the namespace
                that is the host's root, which is what an orchestrator's paths begin at.
        """
        if self.root == "/" or self._above_namespace:
            below = path
        elif path == self.root or path.startswith(self.root + "/"):
            below = path[len(self.root) :]
        else:
            return None
        return self.point.rstrip("/") + below.rstrip("/")


@dataclass(frozen=True, slots=True)
class CgroupMounts:
    """The views of each hierarchy, the one that shows most of it first.

    Args:
        v1: by controller, or by name as ``name=systemd``; controllers mounted together have the
            same views.
        v2: of the unified hierarchy; empty where it is not mounted.
        measured: of each hierarchy that measurements need, once each.
    """

    v1: dict[str, tuple[CgroupView, ...]]
    v2: tuple[CgroupView, ...]
    measured: tuple[tuple[CgroupView, ...], ...]


def cgroup_mounts(mounts: Iterable[Mount], measured: Iterable[str]) -> CgroupMounts:
    """Sort out the mounts of cgroup hierarchies.

    Args:
        mounts: in the order of mounting.
        measured: controllers that measurements need; the unified hierarchy is always one of them.
    """
    # A later mount on the same folder hides an earlier one.
    by_point = {mount.point: _view(mount) for mount in mounts}
    views: dict[frozenset[str], list[CgroupView]] = {}
    for view in by_point.values():
        if view is not None:
            views.setdefault(view.controllers, []).append(view)
    ordered = {
        controllers: tuple(sorted(same, key=lambda view: view.reach))
        for controllers, same in views.items()
    }
    v1 = {name: same for controllers, same in ordered.items() for name in controllers}
    v2 = ordered.get(frozenset(), ())
    needed = dict.fromkeys((*(v1.get(name, ()) for name in measured), v2))
    return CgroupMounts(v1, v2, tuple(views for views in needed if views))


def _view(mount: Mount) -> CgroupView | None:
    if mount.type == "cgroup2":
        return CgroupView(2, frozenset(), mount.root, mount.point)
    names = {option for option in mount.options if option.startswith("name=")}
    controllers = _V1_CONTROLLERS.intersection(mount.options) | names
    if mount.type == "cgroup" and controllers:
        return CgroupView(1, controllers, mount.root, mount.point)
    return None
