"""Counters of the memory management of the machine."""

from functools import partial

from wca.collectors.api import Collector, NodeTarget, Probe, TaskTarget
from wca.collectors.decoders import Field, keyed
from wca.collectors.file_probe import attach_files, node_of

__all__ = ["NodeVmstatCollector"]

# The blank after the key makes the match exact: numa_hint_faults is not numa_hint_faults_local.
_FIELDS: tuple[Field, ...] = (
    (b"numa_pages_migrated ", "platform_vmstat_numa_pages_migrated", None),
    (b"pgmigrate_success ", "platform_vmstat_pgmigrate_success", None),
    (b"pgmigrate_fail ", "platform_vmstat_pgmigrate_fail", None),
    (b"numa_hint_faults ", "platform_vmstat_numa_hint_faults", None),
    (b"numa_hint_faults_local ", "platform_vmstat_numa_hint_faults_local", None),
    (b"pgfault ", "platform_vmstat_pgfaults", None),
)


class NodeVmstatCollector(Collector):
    """Page faults, page migration and NUMA balancing of the machine.

    A kernel without NUMA balancing has only some of the counters; the others are left out.

    Source: /proc/vmstat.
    """

    scope = "node"
    emits = tuple(name for _, name, _ in _FIELDS)

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Open /proc/vmstat. Raises NotAvailable."""
        return attach_files([(partial(node_of(target).open, "/proc/vmstat"), keyed(_FIELDS))])
