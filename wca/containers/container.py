"""One discovered task, or one container of it, with its probes."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from queue import SimpleQueue

from wca.collectors import Collector
from wca.collectors.api import NodeTarget
from wca.containers.pace import Paces
from wca.containers.parts import Part
from wca.containers.probes import Probes
from wca.linux.cgroups import Cgroup
from wca.metrics import Measurements
from wca.nodes import Task
from wca.telemetry import Telemetry

__all__ = ["Container", "Identity", "Target"]

#: What makes a task the same task: its id, its cgroup path and the inodes of its cgroups.
Identity = tuple[str, str, tuple[int, ...]]


@dataclass(slots=True)
class Target:
    """What a collector of tasks attaches to, see ``wca.collectors.api.TaskTarget``.

    Args:
        task: as the node reported it last.
        cgroup: its groups.
        node: the machine.
        locate: gives the groups of a path.
    """

    task: Task
    cgroup: Cgroup
    node: NodeTarget
    locate: Callable[[str], Cgroup]

    def containers(self) -> dict[str, Cgroup]:
        """The cgroups of the task's containers by path, looked up now."""
        return {path: self.locate(path) for path in self.task.subcgroups_paths}


class Container:
    """One task, measured until its cgroup vanishes.

    Args:
        target: the task as the node reported it last, its cgroups, its machine.
        identity: tells this task from a later one with the same id.
        telemetry: where broken collectors are reported.
        paces: how often each collector is read.
    """

    def __init__(
        self, target: Target, identity: Identity, telemetry: Telemetry, paces: Paces
    ) -> None:
        self.task = target.task
        self.identity = identity
        self._target = target
        self._facts = _facts(target.task)
        self._probes = Probes(target, telemetry, paces)
        self._divided: set[str] = set()  # collectors that know of its containers
        #: What was read last, and whether that was a last look which no sample has taken yet.
        self.last: Measurements = {}
        self.unseen = False
        self._cpu_seconds: float | None = None

    @property
    def unavailable(self) -> Mapping[str, str]:
        """Collectors that have no source here, with the reason."""
        return self._probes.unavailable

    @property
    def lacking(self) -> Mapping[str, str]:
        """Collectors that failed to attach, and why; the next discovery tries them again."""
        return self._probes.lacking

    def is_still(self, task: Task) -> bool:
        """Whether this is certainly the same task, with nothing new to measure.

        That takes no look at the kernel, unless a group was lacking. The files that file probes
        read are bound to its cgroups: one that was removed, even if it was made again under the
        same path, has ended them.
        """
        same_path = task.cgroup_path == self.task.cgroup_path
        return self._probes.bound and same_path and not self._target.cgroup.appeared()

    def is_there(self) -> bool:
        """Whether its cgroups are those that were there when it was found."""
        return self._target.cgroup.identity() == self.identity[2]

    def watched(self) -> dict[str, Cgroup]:
        """The groups by path whose last process tells that there is something to read once more.

        What the kernel counts for each group by itself goes with the group. On v1 that are the
        OOM kills of a container, which are likely to be what it has ended with.
        """
        groups = {self.task.cgroup_path: self._target.cgroup}
        if self.task.subcgroups_paths and self._target.cgroup.version("memory") == 1:
            groups |= self._target.containers()
        return groups

    def attach(self, collectors: Mapping[str, Collector], paused: Collection[str] = ()) -> None:
        """Open the probes that are not open yet, and close those of no collector given.

        Args:
            collectors: by name.
            paused: names of others, whose probes are neither read nor closed.

        Raises:
            TargetGone: the task vanished meanwhile.
        """
        if self.task.subcgroups_paths:
            self._divide(collectors)
        self._probes.attach(collectors, paused)

    def forget(self, names: Collection[str]) -> None:
        """Let the next ``attach`` open the probes of these collectors anew."""
        self._divided -= set(names)
        self._probes.forget(names)

    def _divide(self, collectors: Mapping[str, Collector]) -> None:
        """Let collectors that sum over containers begin anew once there are some."""
        summing = {name for name, one in collectors.items() if one.sums_containers}
        if summing - self._divided:
            self._probes.forget(summing - self._divided)
            self._divided |= summing

    def update(self, task: Task) -> None:
        """Take what the node says of the same task now: its labels and resources may change."""
        self.task = self._target.task = task
        self._facts = _facts(task)

    def relocate(self, cgroup: Cgroup, identity: Identity) -> bool:
        """Take the groups that the task has now, where they are the same, or more than before.

        What had no source is tried again if a group that was lacking is there. With one more of
        those that make the identity, what reads files is opened anew, for it may read more now.

        Args:
            cgroup: located now.
            identity: with its groups.

        Returns:
            Whether it is the same task.
        """
        if identity[:2] != self.identity[:2] or not set(identity[2]).issuperset(self.identity[2]):
            return False
        grown = identity != self.identity
        if grown or self._target.cgroup.appeared():
            self._target.cgroup, self.identity = cgroup, identity
            self._probes.forget([*self.unavailable, *(self._probes.of_files if grown else ())])
        return True

    def ask(self, done: SimpleQueue[None]) -> int:
        """Have what is read on threads of its own read now; see ``Probes.ask``."""
        return self._probes.ask(done)

    def read(self, timestamp: float, spent: dict[str, float] | None = None) -> Measurements:
        """Read every probe that is due. One that is broken costs its own numbers only.

        Args:
            timestamp: Unix time in seconds of this sample.
            spent: where the CPU seconds of each collector go; None: they are not measured.

        Raises:
            TargetGone: the task has vanished; nothing of this reading counts.
        """
        measurements: Measurements = {}  # empty, so that a probe's numbers are copied in one go
        if self.unseen:  # it was about to go: ask everything whether it has gone
            self._probes.read(measurements, at_once=True)
        elif spent is None and self._cpu_seconds is not None:
            self._probes.read(measurements)
        else:
            measurements = self._read_apart({} if spent is None else spent)
        return self._completed(measurements, timestamp)

    def look(self, timestamp: float) -> None:
        """Read all now, between two samples, because the task may be gone before the next.

        Args:
            timestamp: Unix time in seconds.

        Raises:
            TargetGone: the task has vanished already.
        """
        measurements: Measurements = {}
        self._probes.read(measurements, at_once=True)
        self._completed(measurements, timestamp)
        self.unseen = True

    def close(self) -> None:
        """Close every probe; safe twice."""
        self._probes.close()

    def _completed(self, measurements: Measurements, timestamp: float) -> Measurements:
        measurements.update(self._facts)
        measurements["task_last_seen"] = timestamp
        if self._cpu_seconds is not None:
            measurements["task_measuring_cpu_seconds"] = self._cpu_seconds
        self.last, self.unseen = measurements, False
        return measurements

    def _read_apart(self, spent: dict[str, float]) -> Measurements:
        """Read and measure each collector by itself: the first time, and when it is asked for."""
        read: Measurements = {}
        here: dict[str, float] = {}
        self._probes.read_apart(read, lambda name, cpu, _seconds: here.update({name: cpu}))
        if here or self._cpu_seconds is not None:  # a clock of large steps may say 0 of a reading
            self._cpu_seconds = self._probes.cpu_seconds
        spent.update(here)
        # In the order of the last time: as long as it stays, so do the series.
        return {name: read[name] for name in self.last if name in read} | read


def _facts(task: Task) -> Measurements:
    """What is known of a task without reading anything."""
    if isinstance(task, Part):  # what was asked for was asked for the whole task
        return {"task_up": 1}
    facts: Measurements = {"task_up": 1, "task_subcontainers": len(task.subcgroups_paths)}
    for resource, name in (("cpus", "task_requested_cpus"), ("mem", "task_requested_mem_bytes")):
        amount = task.resources.get(resource)
        # An orchestrator may say it in words, or say that there is no end to it.
        if isinstance(amount, (int, float)) and math.isfinite(amount):
            facts[name] = amount
    return facts
