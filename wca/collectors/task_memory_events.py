"""What happened to a task because of its memory limits."""

from functools import partial
from typing import Annotated, cast

from wca.collectors.api import INTERVAL, Cgroup, Collector, NodeTarget, Probe, TaskTarget
from wca.collectors.container_sums import ContainerSums
from wca.collectors.decoders import Decoder, Field, keyed, number
from wca.collectors.file_probe import FileProbe, attach_files

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
    and ``memory.oom_control`` (Linux 4.13) of v1, which count each group by itself. On v1 the
    numbers of a task with containers, a pod, are the sums over its own group and those of its
    containers, also of containers that have ended.

    Args:
        details: measure also how often an allocation found no memory, and how often the whole
            group was killed (cgroup v2).
        interval: time between two readings; the runner's when left out.
    """

    sums_containers = True
    emits = (*(name for _, name, _ in _EVENTS), *(name for _, name, _ in _DETAILS))

    def __init__(
        self, details: bool = False, interval: Annotated[float, INTERVAL] | None = None
    ) -> None:
        super().__init__(interval)
        self._details = details

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Open the files of the task. Raises NotAvailable and TargetGone."""
        task = cast("TaskTarget", target)
        own = self._attach(task.cgroup)
        if task.cgroup.version("memory") == 2 or not task.task.subcgroups_paths:
            return own
        return ContainerSums(own, task, self._attach, self.emits)

    def _attach(self, cgroup: Cgroup) -> FileProbe:
        files: list[tuple[str, Decoder]]
        if cgroup.version("memory") == 2:
            files = [("memory.events", keyed(_EVENTS + (_DETAILS if self._details else ())))]
        else:
            files = [
                ("memory.failcnt", number(_LIMIT_HITS)),
                ("memory.oom_control", keyed([(b"oom_kill ", _OOM_KILLS, None)])),
            ]
        return attach_files(
            (partial(cgroup.open, "memory", name), decode) for name, decode in files
        )
