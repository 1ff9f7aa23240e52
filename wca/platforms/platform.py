"""Reads what this machine is made of."""

import re

from wca.errors import NotAvailable
from wca.linux.files import Kernel
from wca.linux.perf.cpu_model import event_family, read_cpu_model
from wca.linux.swap import swap_enabled
from wca.linux.topology import Topology, read_numa, read_topology
from wca.platforms.api import Platform

__all__ = ["read_platform"]


def read_platform(kernel: Kernel) -> Platform:
    """Read the facts of the machine that hold until a CPU or a memory node comes or goes.

    Source: sysfs for CPUs and nodes; where it has no topology, psutil for the number of cores,
    and one socket. A kernel without NUMA is one node with all CPUs.

    Args:
        kernel: what to read through.

    Raises:
        Malformed: a file of sysfs has another form than documented.
    """
    topology = read_topology(kernel)
    cpus = len(topology.cpus)
    cores, sockets = topology.cores, len(topology.sockets)
    if not topology.sockets:
        cpus, cores = _counted(topology)
        sockets = 1
    numa = read_numa(kernel)
    model = read_cpu_model(kernel)
    family = event_family(model)
    return Platform(
        sockets=sockets,
        cores=cores,
        cpus=cpus,
        numa_nodes=max(1, len(numa.cpus)),
        cpu_model=cpu_model(_content(kernel, "/proc/cpuinfo")),
        topology=topology.sockets,
        node_cpus=numa.cpus or {0: set(topology.cpus)},
        node_distances=numa.distances or {0: {0: 10}},
        swap_enabled=swap_enabled(kernel),
        cpu_model_number=model.model if model else None,
        cpu_codename=family.rpartition("/")[2] if family else None,
    )


def _content(kernel: Kernel, path: str) -> bytes:
    try:
        return kernel.read(path)
    except NotAvailable:
        return b""


def _counted(topology: Topology) -> tuple[int, int]:
    import psutil

    cpus = len(topology.cpus) or psutil.cpu_count() or 1
    return cpus, psutil.cpu_count(logical=False) or cpus


def cpu_model(cpuinfo: bytes) -> str:
    """The model of the first CPU.

    Args:
        cpuinfo: content of /proc/cpuinfo. arm64 gives numbers instead of a name: the implementer
            and the part, which are what the model is known by there.
    """
    fields: dict[str, str] = {}
    for line in cpuinfo.decode("utf-8", "replace").split("\n"):
        key, separator, value = line.partition(":")
        if separator:
            fields.setdefault(key.strip().lower(), value.strip())
    for key in ("model name", "cpu model", "cpu", "uarch"):
        if fields.get(key):
            return re.sub(r"\s+", " ", fields[key])
    if "cpu implementer" in fields and "cpu part" in fields:
        return f"implementer {fields['cpu implementer']} part {fields['cpu part']}"
    return "unknown"
