"""What plugins see of the machine: its topology, its numbers, and the time."""

from dataclasses import dataclass, field
from typing import Any

from wca.metrics import Measurements

__all__ = ["Platform"]


@dataclass
class Platform:
    """One machine at one moment. Plugins get a new one in each interval and change nothing in it.

    All time that a detector or an allocator knows is in it, so that what they saw can be recorded
    and replayed.

    Args:
        sockets: CPU sockets; this and the other facts are as the agent found them when it started.
        cores: physical cores.
        cpus: logical CPUs that are online.
        numa_nodes: NUMA nodes, those without CPUs included.
        cpu_model: the CPU as its maker calls it; ``unknown`` where the kernel does not say.
        topology: socket to core to CPUs; empty where the kernel does not say.
        node_cpus: NUMA node to CPUs.
        node_distances: relative cost of access from the first node to the second; 10 is local.
        swap_enabled: whether there is swap space.
        cpu_model_number: the model as its maker numbers it, on arm64 the part; None: not known.
        cpu_codename: the family of the processor, such as ``skylakex`` or ``neoverse-n1``; None:
            not known.
        timestamp: Unix time in seconds, that of every metric of the interval. It may jump.
        monotonic: seconds on a clock that never goes back while the machine runs; for durations
            and rates.
        measurements: numbers of the machine, by metric name.
        read_at: monotonic time at which a metric was read, by metric name, of those that were not
            read in this interval but have their last values.
        rdt_information: what cache and memory bandwidth can be controlled with; None: nothing is.
    """

    sockets: int
    cores: int
    cpus: int
    numa_nodes: int
    cpu_model: str
    topology: dict[int, dict[int, list[int]]]
    node_cpus: dict[int, set[int]]
    node_distances: dict[int, dict[int, int]]
    swap_enabled: bool
    cpu_model_number: int | None = None
    cpu_codename: str | None = None
    timestamp: float = 0.0
    monotonic: float = 0.0
    measurements: Measurements = field(default_factory=dict)
    read_at: dict[str, float] = field(default_factory=dict)
    rdt_information: Any | None = None
