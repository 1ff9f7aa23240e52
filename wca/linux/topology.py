"""Sockets, cores, CPUs and NUMA nodes, from sysfs.

sysfs knows what /proc/cpuinfo does not: it has the same form on every architecture, and no entry
for a CPU that is offline (Documentation/ABI/stable/sysfs-devices-system-cpu).
"""

import re
from dataclasses import dataclass

from wca.errors import NotAvailable, TargetGone
from wca.linux.files import FileTree
from wca.linux.parse import parse_cpu_list, parse_number

__all__ = [
    "ONLINE_CPUS",
    "NumaTopology",
    "Topology",
    "numa_nodes",
    "online_cpus",
    "read_numa",
    "read_topology",
]

#: The file that changes when a CPU comes or goes.
ONLINE_CPUS = "/sys/devices/system/cpu/online"

_CPUS = "/sys/devices/system/cpu"
_NODES = "/sys/devices/system/node"


@dataclass(frozen=True)
class Topology:
    """The CPUs that are online.

    Args:
        cpus: their numbers, ascending.
        sockets: socket to core to CPUs; empty where sysfs does not tell.
    """

    cpus: tuple[int, ...]
    sockets: dict[int, dict[int, list[int]]]

    @property
    def cores(self) -> int:
        """Number of physical cores."""
        return sum(len(cores) for cores in self.sockets.values())


@dataclass(frozen=True)
class NumaTopology:
    """The NUMA nodes that are online.

    Args:
        cpus: CPUs of each node; a node of memory alone has none.
        distances: relative cost of access from the first node to the second, 10 is local.
    """

    cpus: dict[int, set[int]]
    distances: dict[int, dict[int, int]]


@dataclass(frozen=True)
class _Core:
    socket: int
    number: int
    cpus: tuple[int, ...]


def _text(files: FileTree, path: str) -> bytes | None:
    try:
        return files.read(path).strip()
    except (NotAvailable, TargetGone):  # gone: the CPU went offline at this moment
        return None


def _number(files: FileTree, path: str) -> int:
    text = _text(files, path)
    try:
        return int(text or b"-1")
    except ValueError:
        return -1


def online_cpus(files: FileTree) -> list[int]:
    """The numbers of the CPUs that are online, ascending.

    Raises:
        Malformed: the file has another form than documented.
    """
    text = _text(files, ONLINE_CPUS)
    if text is not None:
        return parse_cpu_list(text)
    names = (re.fullmatch(r"cpu(\d+)", name) for name in files.listdir(_CPUS))
    return sorted(int(match[1]) for match in names if match)


def _core(files: FileTree, cpu: int) -> _Core | None:
    folder = f"{_CPUS}/cpu{cpu}/topology"
    siblings = _text(files, f"{folder}/core_cpus_list")
    if siblings is None:  # before Linux 5.3
        siblings = _text(files, f"{folder}/thread_siblings_list")
    if siblings is None:
        return None
    # -1 is what a virtual machine or a small arm64 board says: one socket.
    socket = max(0, _number(files, f"{folder}/physical_package_id"))
    cpus = tuple(parse_cpu_list(siblings)) or (cpu,)
    number = _number(files, f"{folder}/core_id")
    return _Core(socket, number if number >= 0 else cpus[0], cpus)


def _numbered(cores: list[_Core], online: set[int]) -> dict[int, list[int]]:
    """The cores of a socket by number: the kernel's, where these tell the cores apart."""
    numbers = [core.number for core in cores]
    if len(set(numbers)) != len(numbers):  # dies of one socket may count from 0 each
        numbers = list(range(len(cores)))
    return {
        number: [cpu for cpu in core.cpus if cpu in online]
        for number, core in zip(numbers, cores, strict=True)
    }


def read_topology(files: FileTree) -> Topology:
    """Read which CPUs are online and how they make cores and sockets.

    Raises:
        Malformed: a file has another form than documented.
    """
    online = online_cpus(files)
    cores: dict[int, list[_Core]] = {}
    for cpu in online:
        core = _core(files, cpu)
        if core is not None and core not in cores.setdefault(core.socket, []):
            cores[core.socket].append(core)
    sockets = {socket: _numbered(cores[socket], set(online)) for socket in sorted(cores)}
    return Topology(tuple(online), sockets)


def numa_nodes(files: FileTree) -> list[int]:
    """The numbers of the NUMA nodes, ascending; empty where the kernel has no NUMA."""
    names = (re.fullmatch(r"node(\d+)", name) for name in files.listdir(_NODES))
    return sorted(int(match[1]) for match in names if match)


def read_numa(files: FileTree) -> NumaTopology:
    """Read the CPUs and distances of the NUMA nodes; empty where the kernel has no NUMA.

    Raises:
        Malformed: a file has another form than documented.
    """
    nodes = numa_nodes(files)
    cpus: dict[int, set[int]] = {}
    distances: dict[int, dict[int, int]] = {}
    for node in nodes:
        cpus[node] = set(parse_cpu_list(_text(files, f"{_NODES}/node{node}/cpulist") or b""))
        # One column for each node that is online, so numbers may have gaps.
        text = _text(files, f"{_NODES}/node{node}/distance") or b""
        columns = [parse_number(column) for column in text.split()]
        if len(columns) == len(nodes):
            distances[node] = dict(zip(nodes, columns, strict=True))
    return NumaTopology(cpus, distances)
