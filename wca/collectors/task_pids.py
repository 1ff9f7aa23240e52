"""How many processes and threads a task has, and may have."""

from functools import partial

from wca.collectors.api import Collector, NodeTarget, Probe, TaskTarget
from wca.collectors.decoders import keyed, limit, number
from wca.collectors.file_probe import attach_files, task_cgroup

__all__ = ["TaskPidsCollector"]


class TaskPidsCollector(Collector):
    """Processes and threads of a task, their limit, and how often it was met.

    Source: ``pids.current``, ``pids.max`` and ``pids.events`` (Linux 4.8) of either cgroup version.

    Args:
        interval: time between two readings; the runner's when left out.
    """

    emits = ("task_pids", "task_pids_limit", "task_pids_limit_hits")

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Open the files of the task. Raises NotAvailable and TargetGone."""
        cgroup = task_cgroup(target)
        files = (
            ("pids.current", number("task_pids")),
            ("pids.max", limit("task_pids_limit")),
            ("pids.events", keyed([(b"max ", "task_pids_limit_hits", None)])),
        )
        return attach_files((partial(cgroup.open, "pids", name), decode) for name, decode in files)
