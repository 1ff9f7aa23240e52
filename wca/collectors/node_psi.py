"""Pressure stall information of the machine."""

from functools import partial

from wca.collectors.api import Collector, NodeTarget, Probe, TaskTarget
from wca.collectors.decoders import Decoder, irq_pressure, pressure
from wca.collectors.file_probe import attach_files, node_of
from wca.linux.psi import parse_pressure
from wca.metrics import Measurements

__all__ = ["NodePsiCollector"]

_CPU, _IRQ = "platform_psi_cpu_some_seconds", "platform_psi_irq_full_seconds"


def _cpu(data: bytes) -> Measurements:
    # For the machine as a whole the kernel does not count `full` of the CPU and writes 0.
    some, _ = parse_pressure(data)
    return {_CPU: some / 1e6}


_FILES: dict[str, Decoder] = {
    "cpu": _cpu,
    "memory": pressure("platform_psi_memory_some_seconds", "platform_psi_memory_full_seconds"),
    "io": pressure("platform_psi_io_some_seconds", "platform_psi_io_full_seconds"),
    "irq": irq_pressure(_IRQ),
}


class NodePsiCollector(Collector):
    """Seconds in which tasks of the machine waited for CPU, memory or I/O, or for interrupts.

    Source: /proc/pressure/cpu, memory, io and irq. Needs a kernel with PSI (Linux 4.20, not
    switched off with ``psi=0``); irq needs Linux 6.1 built with IRQ_TIME_ACCOUNTING.

    Args:
        interval: time between two readings; the runner's when left out.
    """

    scope = "node"
    emits = (
        _CPU,
        "platform_psi_memory_some_seconds",
        "platform_psi_memory_full_seconds",
        "platform_psi_io_some_seconds",
        "platform_psi_io_full_seconds",
        _IRQ,
    )

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Open the files. Raises NotAvailable when the kernel has no PSI."""
        node = node_of(target)
        return attach_files(
            (partial(node.open, f"/proc/pressure/{name}"), decode)
            for name, decode in _FILES.items()
        )
