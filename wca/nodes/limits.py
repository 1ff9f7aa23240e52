"""The limits of cgroups as the resources of tasks."""

import zlib
from collections.abc import Container

from wca.clock import Clock, SystemClock
from wca.linux.cgroup_limits import read_limits
from wca.linux.cgroups import CgroupHierarchies

__all__ = ["LimitsAsResources"]

Resources = dict[str, float | int | str]

#: Seconds after which limits are read again: they change seldom, and a reading is some ten calls.
_AGE = 60.0


class LimitsAsResources:
    """Reads the limits of each cgroup when it is new, and from time to time.

    Args:
        clock: time.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._known: dict[str, tuple[float, Resources]] = {}

    def of(self, path: str, hierarchies: CgroupHierarchies) -> Resources:
        """``cpus`` in cores, ``mem`` in bytes and ``cpu_weight``, each where it is set.

        Args:
            path: of the cgroup.
            hierarchies: find it.
        """
        now = self._clock.monotonic()
        read_at, resources = self._known.get(path, (None, {}))
        if read_at is None or now - read_at >= _AGE:
            limits = read_limits(hierarchies.locate(path))
            found = {"cpus": limits.cpus, "mem": limits.memory, "cpu_weight": limits.cpu_weight}
            resources = {name: amount for name, amount in found.items() if amount is not None}
            # Spread over that time, so that not all of them are read again at once.
            ahead = zlib.crc32(path.encode("utf-8", "surrogateescape")) % _AGE
            self._known[path] = (now - (ahead if read_at is None else 0.0), resources)
        return dict(resources)

    def keep(self, paths: Container[str]) -> None:
        """Forget all cgroups but these."""
        for path in [path for path in self._known if path not in paths]:
            del self._known[path]
