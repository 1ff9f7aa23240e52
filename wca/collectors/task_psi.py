"""Pressure stall information of a task."""

from functools import partial

from wca.collectors.api import Collector, NodeTarget, NotAvailable, Probe, TaskTarget
from wca.collectors.decoders import pressure
from wca.collectors.file_probe import attach_files, task_cgroup

__all__ = ["TaskPsiCollector"]

_RESOURCES = ("cpu", "memory", "io")


class TaskPsiCollector(Collector):
    """Seconds in which a task waited for CPU, memory or input and output.

    Source: ``cpu.pressure``, ``memory.pressure``, ``io.pressure`` of the task's group of cgroup
    v2, which a hybrid host may have beside the groups of v1. Needs a kernel with PSI
    (Linux 4.20, not switched off with ``psi=0``).
    """

    emits = tuple(
        f"task_psi_{resource}_{kind}_seconds"
        for resource in _RESOURCES
        for kind in ("some", "full")
    )

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Open the files of the task. Raises NotAvailable and TargetGone."""
        cgroup = task_cgroup(target)
        if cgroup.version("psi") is None:
            raise NotAvailable("no PSI: the task has no group in a hierarchy of cgroup v2")
        return attach_files(
            (
                partial(cgroup.open, "psi", f"{resource}.pressure"),
                pressure(f"task_psi_{resource}_some_seconds", f"task_psi_{resource}_full_seconds"),
            )
            for resource in _RESOURCES
        )
