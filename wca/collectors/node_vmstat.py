"""Counters of the memory management of the machine."""

import re
from functools import partial
from typing import Annotated

from wca.collectors.api import INTERVAL, Collector, NodeTarget, Probe, TaskTarget
from wca.collectors.decoders import Decoder, Field, keyed
from wca.collectors.file_probe import FileProbe, attach_files, node_of
from wca.collectors.numa_files import NumaNodeFiles
from wca.collectors.patterns import compile_keys
from wca.linux.parse import parse_key_numbers
from wca.metrics import Measurements

__all__ = ["NodeVmstatCollector"]

_ADVICE = (
    "write one that matches the beginning of the wanted keys, such as 'numa_|pgmigrate', or true "
    "for all keys"
)
_KEYS, _NODE_KEYS = "platform_vmstat", "platform_node_vmstat"

# The blank after the key makes the match exact: numa_hint_faults is not numa_hint_faults_local.
_FIELDS: tuple[Field, ...] = (
    (b"numa_pages_migrated ", "platform_vmstat_numa_pages_migrated", None),
    (b"pgmigrate_success ", "platform_vmstat_pgmigrate_success", None),
    (b"pgmigrate_fail ", "platform_vmstat_pgmigrate_fail", None),
    (b"numa_hint_faults ", "platform_vmstat_numa_hint_faults", None),
    (b"numa_hint_faults_local ", "platform_vmstat_numa_hint_faults_local", None),
    (b"pgfault ", "platform_vmstat_pgfaults", None),
)


def _pattern(keys: bool | str) -> re.Pattern[str] | None:
    if isinstance(keys, bool):
        return re.compile("") if keys else None
    return compile_keys(keys, _ADVICE)


def _select(data: bytes, pattern: re.Pattern[str]) -> dict[str, int]:
    return {key: value for key, value in parse_key_numbers(data).items() if pattern.match(key)}


class _WithKeys:
    """Decoder of /proc/vmstat: the named counters, and all keys that match."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._named = keyed(_FIELDS)
        self._pattern = pattern

    def __call__(self, data: bytes) -> Measurements:
        return self._named(data) | {_KEYS: _select(data, self._pattern)}


class _VmstatProbe:
    def __init__(self, machine: FileProbe, nodes: NumaNodeFiles, pattern: re.Pattern[str]) -> None:
        self._machine = machine
        self._nodes = nodes
        self._pattern = pattern

    def read(self, out: Measurements) -> None:
        """Add the numbers of the machine and of each node."""
        self._machine.read(out)
        nodes = {node: _select(data, self._pattern) for node, data in self._nodes.read().items()}
        if nodes:
            out[_NODE_KEYS] = nodes

    def close(self) -> None:
        """Close all files; safe twice."""
        self._machine.close()
        self._nodes.close()


class NodeVmstatCollector(Collector):
    """Page faults, page migration and NUMA balancing of the machine; by option all of vmstat.

    A kernel without NUMA balancing has only some of the counters; the others are left out.

    Source: /proc/vmstat, and /sys/devices/system/node/node*/vmstat of each NUMA node.

    Args:
        keys: give also the numbers of the machine and of each NUMA node by key: true for all keys
            (some 200 series, and some 60 for each node), or a regular expression that is matched
            with the beginning of a key; `$` at its end makes it match whole keys.
        interval: time between two readings; the runner's when left out.
    """

    scope = "node"
    emits = (*(name for _, name, _ in _FIELDS), _KEYS, _NODE_KEYS)

    def __init__(
        self, keys: bool | str = False, interval: Annotated[float, INTERVAL] | None = None
    ) -> None:
        super().__init__(interval)
        self._pattern = _pattern(keys)

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Open the files. Raises NotAvailable when there is no /proc/vmstat."""
        node, pattern = node_of(target), self._pattern
        decode: Decoder = keyed(_FIELDS) if pattern is None else _WithKeys(pattern)
        machine = attach_files([(partial(node.open, "/proc/vmstat"), decode)])
        if pattern is None:
            return machine
        return _VmstatProbe(machine, NumaNodeFiles(node, "vmstat"), pattern)
