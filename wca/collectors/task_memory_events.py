"""What happened to a task because of its memory limits."""

from functools import partial
from typing import Annotated, cast

from wca.collectors.api import INTERVAL, Collector, NodeTarget, NotAvailable, Probe, TaskTarget
from wca.collectors.decoders import Field, keyed, number
from wca.collectors.file_probe import attach_files

__all__ = ["TaskMemoryEventsCollector"]

_LIMIT_HITS, _OOM_KILLS = "task_mem_limit_hits", "task_mem_oom_kills"

_EVENTS: tuple[Field, ...] = (
    (b"high ", "task_mem_soft_limit_hits", None),
    (b"max ", _LIMIT_HITS, None),
    (b"oom_kill ", _OOM_KILLS, None),
)
_DETAILS: tuple[Field, ...] = (
    (b"oom ", "task_mem_ooms", None),
    (b"oom_group_kill ", "task_mem_oom_group_kills", None),
)


class TaskMemoryEventsCollector(Collector):
    """How often a task met its memory limits, and how many of its processes were killed for it.

    Source: ``memory.events`` of cgroup v2, which counts the groups below too; ``memory.failcnt``
    and ``memory.oom_control`` (Linux 4.13) of v1, which count the group itself alone. On v1 a task
    whose processes are in containers with groups of their own, a pod, is therefore left out.

    Args:
        details: measure also how often an allocation found no memory, and how often the whole
            group was killed (cgroup v2).
        interval: time between two readings; the runner's when left out.
    """

    emits = (*(name for _, name, _ in _EVENTS), *(name for _, name, _ in _DETAILS))

    def __init__(
        self, details: bool = False, interval: Annotated[float, INTERVAL] | None = None
    ) -> None:
        super().__init__(interval)
        self._details = details

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Open the files of the task. Raises NotAvailable and TargetGone."""
        task = cast("TaskTarget", target)
        cgroup = task.cgroup
        if cgroup.version("memory") == 2:
            fields = _EVENTS + (_DETAILS if self._details else ())
            files = [("memory.events", keyed(fields))]
        elif task.task.subcgroups_paths:
            raise NotAvailable("cgroup v1 does not count for a pod what its containers meet")
        else:
            files = [
                ("memory.failcnt", number(_LIMIT_HITS)),
                ("memory.oom_control", keyed([(b"oom_kill ", _OOM_KILLS, None)])),
            ]
        return attach_files(
            (partial(cgroup.open, "memory", name), decode) for name, decode in files
        )
