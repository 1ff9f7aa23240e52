"""What a task may use at most: limits of its groups and of those above, and of the machine."""

import posixpath
from collections.abc import Callable, Iterator
from typing import TypeVar

from wca.collectors.api import NodeTarget, NotAvailable, TargetGone, TaskTarget
from wca.linux.cpu_limits import parse_cpu_max, parse_quota
from wca.linux.parse import KeyedNumbers, Malformed, parse_cpu_list, parse_limit, parse_number

__all__ = ["Limits", "online_cpus", "total_memory"]

_T = TypeVar("_T")

#: Seconds for which what was read holds: limits change seldom.
_HOLDS = 10.0
_KIB = 1024
_ONLINE = "/sys/devices/system/cpu/online"


class Limits:
    """Of one task.

    Args:
        target: the task.
    """

    def __init__(self, target: TaskTarget) -> None:
        self._node = target.node
        self._cgroup = target.cgroup
        self._cpus = self._memory = 0.0
        self._until: float | None = None

    def read(self, now: float) -> tuple[float, float]:
        """Cores and bytes; read anew every ten seconds.

        Args:
            now: monotonic time in seconds.

        Raises:
            NotAvailable: the machine does not say how much it has.
        """
        if self._until is None or now >= self._until:
            self._cpus = min(self._all_cpus())
            self._memory = min(self._all_memory())
            self._until = now + _HOLDS
        return self._cpus, self._memory

    def _all_cpus(self) -> Iterator[float]:
        yield online_cpus(self._node)
        version = self._cgroup.version("cpuset")
        name = "cpuset.effective_cpus" if version == 1 else "cpuset.cpus.effective"
        for folder in _upwards(self._cgroup.directory("cpuset")):
            cpus = self._parsed(lambda data: len(parse_cpu_list(data)), folder, name)
            if cpus:  # those of the groups above are in it
                yield cpus
                break
        quota = self._quota_v1 if self._cgroup.version("cpu") == 1 else self._quota_v2
        for folder in _upwards(self._cgroup.directory("cpu")):
            cores = quota(folder)
            if cores:
                yield cores

    def _quota_v1(self, folder: str) -> float | None:
        quota = self._parsed(parse_quota, folder, "cpu.cfs_quota_us")
        period = self._parsed(parse_number, folder, "cpu.cfs_period_us")
        return quota / period if quota and period else None

    def _quota_v2(self, folder: str) -> float | None:
        found = self._parsed(parse_cpu_max, folder, "cpu.max")
        return found[0] / found[1] if found and found[0] and found[1] else None

    def _all_memory(self) -> Iterator[float]:
        yield total_memory(self._node)
        directory = self._cgroup.directory("memory")
        if self._cgroup.version("memory") == 1:  # the kernel has looked at the groups above
            key = KeyedNumbers((b"hierarchical_memory_limit ",))
            found = self._parsed(key.parse, directory or "", "memory.stat") or [None]
            if found[0]:
                yield found[0]
            return
        for folder in _upwards(directory):
            limit = self._parsed(parse_limit, folder, "memory.max")
            if limit:
                yield limit

    def _parsed(self, parse: Callable[[bytes], _T], folder: str, name: str) -> _T | None:
        try:
            return parse(self._node.read(f"{folder}/{name}"))
        except (NotAvailable, TargetGone, Malformed):
            return None


def online_cpus(node: NodeTarget) -> int:
    """CPUs that are online. Raises NotAvailable."""
    try:
        return len(parse_cpu_list(node.read(_ONLINE)))
    except Malformed as error:
        raise NotAvailable(f"{_ONLINE}: {error}") from None


def total_memory(node: NodeTarget) -> float:
    """Memory of the machine in bytes. Raises NotAvailable."""
    (total,) = KeyedNumbers((b"MemTotal:",), unit=b" kB").parse(node.read("/proc/meminfo"))
    if not total:
        raise NotAvailable("/proc/meminfo does not say how much memory there is")
    return total * _KIB


def _upwards(folder: str | None) -> Iterator[str]:
    """A group, and those above as far as they can be seen; folders that are none have no files."""
    while folder and folder != "/":
        yield folder
        folder = posixpath.dirname(folder)
