"""How many sockets, cores and CPUs the machine has."""

from functools import partial

from wca.collectors.api import Collector, NodeTarget, Probe, TaskTarget
from wca.collectors.decoders import Decoder
from wca.collectors.file_probe import attach_files, node_of
from wca.linux.topology import ONLINE_CPUS, read_topology
from wca.metrics import Measurements

__all__ = ["NodeTopologyCollector"]


def _decoder(node: NodeTarget) -> Decoder:
    """The file that lists the CPUs changes with the topology: only then is it read anew."""

    def decode(_data: bytes) -> Measurements:
        topology = read_topology(node)
        values: Measurements = {}
        if topology.cpus:
            values["platform_topology_cpus"] = len(topology.cpus)
        if topology.sockets:
            values["platform_topology_sockets"] = len(topology.sockets)
            values["platform_topology_cores"] = topology.cores
        return values

    return decode


class NodeTopologyCollector(Collector):
    """Sockets, physical cores, and logical CPUs that are online.

    Source: /sys/devices/system/cpu. Where sysfs has no topology, sockets and cores are left out.

    Args:
        interval: time between two readings; the runner's when left out.
    """

    scope = "node"
    emits = ("platform_topology_sockets", "platform_topology_cores", "platform_topology_cpus")

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Open the list of CPUs. Raises NotAvailable when sysfs has none."""
        node = node_of(target)
        return attach_files([(partial(node.open, ONLINE_CPUS), _decoder(node))])
