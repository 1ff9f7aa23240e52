"""L3 cache occupancy and memory bandwidth of a task: monitoring groups of resctrl."""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, cast

from wca.clock import Clock, SystemClock
from wca.collectors.api import INTERVAL, Cgroup, Collector, NodeTarget, Probe, TaskTarget
from wca.collectors.resctrl.groups import ResctrlGroups
from wca.collectors.resctrl.names import group_name
from wca.collectors.resctrl.placement import Obstacle, Placement
from wca.collectors.resctrl.probe import ResctrlProbe
from wca.config.types import Injected
from wca.errors import NotAvailable, StartError, TargetGone
from wca.linux.cgroup_threads import cgroup_threads
from wca.linux.resctrl.files import ResctrlFiles
from wca.linux.resctrl.tree import Resctrl, find_resctrl

__all__ = ["TaskResctrlCollector"]

log = logging.getLogger(__name__)

# Hierarchies in which the threads of a task are looked up, the first that has a group.
_ASKED = ("cpu", "cpuacct", "memory", "psi")


class TaskResctrlCollector(Collector):
    """Bytes of a task in the L3 caches, and bytes it moved to and from memory: all, local, remote.

    Each task gets a monitoring group of its own, named `wca-` and its id, inside the control group
    that it is in, so that what it may use stays the same. Groups of other programs are not touched;
    one that holds nothing but threads of the task is read. The groups are removed at the end. Only
    one agent on a machine can measure with resctrl at a time.

    A processor can tell a limited number of groups apart (`info/L3_MON/num_rmids`). A task that
    gets none has no numbers until one is free; one line in the log says so. See docs/resctrl.md.

    Source: `mon_data/mon_L3_*` of the resctrl file system. Needs a processor with L3 monitoring
    (Intel RDT, AMD QoS, Arm MPAM), resctrl mounted for writing, and root.

    Args:
        required: whether the agent refuses to start where this cannot be measured.
        interval: time between two readings; the runner's when left out.
        files: for tests: what resctrl is read and written through.
        clock: for tests: time.
    """

    blocking = True
    changes = "it makes a monitoring group for each task"
    emits = (
        "task_llc_occupancy_bytes",
        "task_mem_bandwidth_bytes",
        "task_mem_bandwidth_local_bytes",
        "task_mem_bandwidth_remote_bytes",
    )

    def __init__(
        self,
        required: bool = False,
        interval: Annotated[float, INTERVAL] | None = None,
        *,
        files: Annotated[ResctrlFiles | None, Injected()] = None,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        super().__init__(interval)
        self.required = required
        self._files = ResctrlFiles() if files is None else files
        self._clock = SystemClock() if clock is None else clock
        self._groups: ResctrlGroups | None = None
        self._events: tuple[str, ...] = ()
        self._lock: int | None = None
        self._waiting: dict[str, Obstacle] = {}

    @property
    def waiting(self) -> Mapping[str, str]:
        """Tasks that cannot be measured at the moment, by id, with the reason as a sentence."""
        return {name: one.sentence for name, one in self._waiting.copy().items()}

    @property
    def unmeasured(self) -> Mapping[str, str]:
        """The same tasks: ``exhausted``, ``shared_group`` (with others), ``moving``."""
        return {name: one.reason for name, one in self._waiting.copy().items()}

    def check(self) -> list[str]:
        """What keeps this machine from being measured, where that is an error."""
        try:
            self._find()
        except NotAvailable as missing:
            if self.required:
                return [f"resctrl is required, but not available: {missing.reason}"]
        return []

    def start(self) -> None:
        """Refuse to start where resctrl is required and not available.

        Raises:
            StartError: the reason, and what to do.
        """
        for problem in self.check():
            raise StartError(problem)

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Begin to measure a task; its group is made with the first reading.

        Raises:
            NotAvailable: this machine, or this process, cannot measure with resctrl.
            TargetGone: the task vanished.
        """
        task = cast("TaskTarget", target)
        groups = self._open_groups()
        name = group_name(task.task.task_id)
        threads = _threads_of(task.node, task.cgroup)
        placement = Placement(groups, name, task.task.cgroup_path, self._events, task.node)
        return ResctrlProbe(groups, placement, threads, partial(self._say, task.task.task_id))

    def close(self, timeout: float = 0.0) -> None:  # noqa: ARG002 - it does not wait
        """Remove what is left of our groups and let another agent measure; safe twice."""
        groups, lock = self._groups, self._lock
        self._groups = self._lock = None
        try:
            if groups is not None and groups.used:
                groups.sweep()
        finally:
            if lock is not None:
                self._files.unlock(lock)

    def _open_groups(self) -> ResctrlGroups:
        if self._groups is None:
            resctrl = self._find()
            events, groups = resctrl.events(), ResctrlGroups(resctrl, self._clock.monotonic)
            folder = f"{resctrl.point}/mon_groups"
            lock = self._files.lock(folder)  # the last that can fail: whoever has it gives it back
            if lock is None:
                raise NotAvailable(
                    f"another WCA agent measures with resctrl (it holds the lock of {folder}): "
                    "stop it, or leave out resctrl here"
                )
            self._lock, self._events, self._groups = lock, events, groups
        return self._groups

    def _find(self) -> Resctrl:
        resctrl = find_resctrl(self._files)
        if not resctrl.events():
            raise NotAvailable(
                "resctrl is mounted, but counts neither L3 occupancy nor memory bandwidth "
                f"({resctrl.point}/info/L3_MON/mon_features): the processor, or its kernel, has "
                "no L3 monitoring"
            )
        if not self._files.writable(f"{resctrl.point}/mon_groups"):
            raise NotAvailable(
                f"{resctrl.point}/mon_groups cannot be written, and a task is measured by a group "
                "that is made there: run the agent as root and mount resctrl for writing"
            )
        return resctrl

    def _say(self, task_id: str, obstacle: Obstacle | None) -> None:
        """Take note of why a task cannot be measured, and log it when that is new.

        Of several tasks with one reason the first is named; how many there are is a metric.
        """
        before = self._waiting.get(task_id)
        if obstacle:
            self._waiting[task_id] = obstacle
        else:
            self._waiting.pop(task_id, None)
        others = (other for name, other in self._waiting.items() if name != task_id)
        if obstacle and obstacle != before and obstacle not in others:
            log.warning("task %s has no numbers of resctrl for now: %s", task_id, obstacle.sentence)
        elif before and not self._waiting:
            log.info("no task waits for numbers of resctrl any more")


def _threads_of(node: NodeTarget, cgroup: Cgroup) -> Callable[[], set[int]]:
    """What gives the threads of a task."""
    for controller in _ASKED:
        version, directory = cgroup.version(controller), cgroup.directory(controller)
        if version is not None and directory is not None:
            return partial(cgroup_threads, node, directory, version)
    raise TargetGone("the task has no cgroup")
