"""Memory of the machine and of its NUMA nodes."""

from functools import partial

from wca.collectors.api import (
    Collector,
    NodeTarget,
    NotAvailable,
    Probe,
    Readable,
    TargetGone,
    TaskTarget,
)
from wca.collectors.file_probe import FileProbe, attach_files, node_of
from wca.linux.parse import KeyedNumbers
from wca.linux.topology import numa_nodes
from wca.metrics import Measurements

__all__ = ["NodeMemoryCollector"]

_KIB = 1024
_FREE, _USED = "platform_mem_numa_free_bytes", "platform_mem_numa_used_bytes"


class _Meminfo:
    """Decoder of /proc/meminfo."""

    def __init__(self) -> None:
        keys = (b"MemTotal:", b"MemFree:", b"MemAvailable:", b"Buffers:", b"Cached:")
        self._numbers = KeyedNumbers(keys, unit=b" kB")

    def __call__(self, data: bytes) -> Measurements:
        total, free, available, buffers, cached = self._numbers.parse(data)
        values: Measurements = {}
        if total is not None:
            values["platform_mem_total_bytes"] = total * _KIB
        if available is not None:
            values["platform_mem_available_bytes"] = available * _KIB
        if None not in (total, free, buffers, cached):
            used = (total or 0) - (free or 0) - (buffers or 0) - (cached or 0)
            values["memory_usage"] = used * _KIB
        return values


class _NumaNode:
    """The meminfo file of one NUMA node."""

    def __init__(self, name: str, file: Readable) -> None:
        prefix = b"Node " + name.encode() + b" "
        self._numbers = KeyedNumbers((prefix + b"MemFree:", prefix + b"MemUsed:"), unit=b" kB")
        self._file = file
        self.name = name
        self.close = file.close

    def read(self) -> tuple[int | None, int | None]:
        """Free and used memory in KiB; None and None when the node was taken offline."""
        try:
            free, used = self._numbers.parse(self._file.read())
        except (NotAvailable, TargetGone):
            return None, None
        return free, used


class _NodeMemoryProbe:
    def __init__(self, meminfo: FileProbe, nodes: list[_NumaNode]) -> None:
        self._meminfo = meminfo
        self._nodes = nodes

    def read(self, out: Measurements) -> None:
        """Add the numbers of the machine and of each node."""
        self._meminfo.read(out)
        free_by_node: dict[str, int] = {}
        used_by_node: dict[str, int] = {}
        for node in self._nodes:
            free, used = node.read()
            if free is not None:
                free_by_node[node.name] = free * _KIB
            if used is not None:
                used_by_node[node.name] = used * _KIB
        if free_by_node:
            out[_FREE] = free_by_node
        if used_by_node:
            out[_USED] = used_by_node

    def close(self) -> None:
        """Close all files; safe twice."""
        self._meminfo.close()
        for node in self._nodes:
            node.close()


def _open_nodes(target: NodeTarget) -> list[_NumaNode]:
    nodes = []
    for number in numa_nodes(target):
        try:
            file = target.open(f"/sys/devices/system/node/node{number}/meminfo")
        except NotAvailable:
            continue
        nodes.append(_NumaNode(str(number), file))
    return nodes


class NodeMemoryCollector(Collector):
    """Memory in use, available and in all, and free and used memory of each NUMA node.

    Source: /proc/meminfo and /sys/devices/system/node/node*/meminfo.
    """

    scope = "node"
    emits = (
        "memory_usage",
        "platform_mem_total_bytes",
        "platform_mem_available_bytes",
        _FREE,
        _USED,
    )

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Open the files. Raises NotAvailable when there is no /proc/meminfo."""
        node = node_of(target)
        meminfo = attach_files([(partial(node.open, "/proc/meminfo"), _Meminfo())])
        return _NodeMemoryProbe(meminfo, _open_nodes(node))
