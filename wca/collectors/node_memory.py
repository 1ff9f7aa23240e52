"""Memory of the machine and of its NUMA nodes."""

from functools import partial

from wca.collectors.api import Collector, NodeTarget, Probe, TaskTarget
from wca.collectors.file_probe import FileProbe, attach_files, node_of
from wca.collectors.numa_files import NumaNodeFiles
from wca.linux.parse import KeyedNumbers
from wca.metrics import Measurements

__all__ = ["NodeMemoryCollector"]

_KIB = 1024
_SWAP = ("platform_swap_total_bytes", "platform_swap_free_bytes")
_FREE, _USED = "platform_mem_numa_free_bytes", "platform_mem_numa_used_bytes"


class _Meminfo:
    """Decoder of /proc/meminfo."""

    def __init__(self) -> None:
        memory = (b"MemTotal:", b"MemFree:", b"MemAvailable:", b"Buffers:", b"Cached:")
        self._numbers = KeyedNumbers((*memory, b"SwapTotal:", b"SwapFree:"), unit=b" kB")

    def __call__(self, data: bytes) -> Measurements:
        total, free, available, buffers, cached, *swap = self._numbers.parse(data)
        values: Measurements = {}
        if total is not None:
            values["platform_mem_total_bytes"] = total * _KIB
        if available is not None:
            values["platform_mem_available_bytes"] = available * _KIB
        for name, value in zip(_SWAP, swap, strict=True):
            if value is not None:
                values[name] = value * _KIB
        if None not in (total, free, buffers, cached):
            used = (total or 0) - (free or 0) - (buffers or 0) - (cached or 0)
            values["memory_usage"] = used * _KIB
        return values


class _NodeMemoryProbe:
    def __init__(self, meminfo: FileProbe, nodes: NumaNodeFiles) -> None:
        self._meminfo = meminfo
        self._nodes = nodes
        self._parsers: dict[str, KeyedNumbers] = {}  # by number of the node

    def read(self, out: Measurements) -> None:
        """Add the numbers of the machine and of each node."""
        self._meminfo.read(out)
        free_by_node: dict[str, int] = {}
        used_by_node: dict[str, int] = {}
        for number, data in self._nodes.read().items():
            free, used = self._parser(number).parse(data)
            if free is not None:
                free_by_node[number] = free * _KIB
            if used is not None:
                used_by_node[number] = used * _KIB
        if free_by_node:
            out[_FREE] = free_by_node
        if used_by_node:
            out[_USED] = used_by_node

    def close(self) -> None:
        """Close all files; safe twice."""
        self._meminfo.close()
        self._nodes.close()

    def _parser(self, number: str) -> KeyedNumbers:
        if number not in self._parsers:
            prefix = f"Node {number} ".encode()
            keys = (prefix + b"MemFree:", prefix + b"MemUsed:")
            self._parsers[number] = KeyedNumbers(keys, unit=b" kB")
        return self._parsers[number]


class NodeMemoryCollector(Collector):
    """Memory in use, available and in all, and free and used memory of each NUMA node.

    Source: /proc/meminfo and /sys/devices/system/node/node*/meminfo.

    Args:
        interval: time between two readings; the runner's when left out.
    """

    scope = "node"
    emits = (
        "memory_usage",
        "platform_mem_total_bytes",
        "platform_mem_available_bytes",
        *_SWAP,
        _FREE,
        _USED,
    )

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Open the files. Raises NotAvailable when there is no /proc/meminfo."""
        node = node_of(target)
        meminfo = attach_files([(partial(node.open, "/proc/meminfo"), _Meminfo())])
        return _NodeMemoryProbe(meminfo, NumaNodeFiles(node, "meminfo"))
