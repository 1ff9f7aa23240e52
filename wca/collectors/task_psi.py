"""Pressure stall information of a task."""

from functools import partial

from wca.collectors.api import Collector, NodeTarget, NotAvailable, Probe, TaskTarget
from wca.collectors.decoders import irq_pressure, pressure
from wca.collectors.file_probe import attach_files, task_cgroup

__all__ = ["TaskPsiCollector"]

_IRQ = "task_psi_irq_full_seconds"
_FILES = {
    f"{resource}.pressure": pressure(
        f"task_psi_{resource}_some_seconds", f"task_psi_{resource}_full_seconds"
    )
    for resource in ("cpu", "memory", "io")
} | {"irq.pressure": irq_pressure(_IRQ)}


class TaskPsiCollector(Collector):
    """Seconds in which a task waited for CPU, memory or input and output, or for interrupts.

    Source: ``cpu.pressure``, ``memory.pressure``, ``io.pressure`` and ``irq.pressure`` of the
    task's group of cgroup v2, which a hybrid host may have beside the groups of v1. Needs a kernel
    with PSI (Linux 4.20, not switched off with ``psi=0``); ``irq.pressure`` needs Linux 6.1 built
    with IRQ_TIME_ACCOUNTING, and is left out elsewhere.

    Args:
        interval: time between two readings; the runner's when left out.
    """

    emits = (
        *(
            f"task_psi_{resource}_{kind}_seconds"
            for resource in ("cpu", "memory", "io")
            for kind in ("some", "full")
        ),
        _IRQ,
    )

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Open the files of the task. Raises NotAvailable and TargetGone."""
        cgroup = task_cgroup(target)
        if cgroup.version("psi") is None:
            raise NotAvailable("no PSI: the task has no group in a hierarchy of cgroup v2")
        return attach_files(
            (partial(cgroup.open, "psi", name), decode) for name, decode in _FILES.items()
        )
