"""One discovered task with its probes."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wca.collectors import Collector, NotAvailable, Probe
from wca.collectors.api import Cgroup
from wca.errors import TargetGone
from wca.metrics import Measurements
from wca.nodes import Task
from wca.telemetry import Telemetry

__all__ = ["Container", "Identity", "collector_name"]

log = logging.getLogger(__name__)

#: What makes a task the same task: its id, its cgroup path and the inodes of its cgroups.
Identity = tuple[str, str, tuple[int, ...]]


@dataclass(frozen=True)
class _Target:
    task: Task
    cgroup: Cgroup


def collector_name(collector: Collector) -> str:
    """The name of a collector in logs, health and durations."""
    return type(collector).__name__


class Container:
    """One task, measured until its cgroup vanishes.

    Args:
        task: the task as the node reported it last.
        cgroup: its cgroups.
        identity: tells this task from a later one with the same id.
        telemetry: where broken collectors are reported.
    """

    def __init__(
        self, task: Task, cgroup: Cgroup, identity: Identity, telemetry: Telemetry
    ) -> None:
        self.task = task
        self.identity = identity
        self._facts = _facts(task)
        self._cgroup = cgroup
        self._telemetry = telemetry
        self._probes: dict[str, Probe] = {}
        self._unavailable: dict[str, str] = {}

    @property
    def unavailable(self) -> Mapping[str, str]:
        """Collectors that have no source here, with the reason."""
        return self._unavailable

    def is_still(self, task: Task) -> bool:
        """Whether this is certainly the same task, without asking the kernel.

        The descriptors of its files are bound to its cgroups: while every collector reads it, a
        cgroup that was removed and made again under the same path would have ended it.
        """
        return not self._unavailable and task.cgroup_path == self.task.cgroup_path

    def attach(self, collectors: Sequence[Collector]) -> None:
        """Open the probes that are not open yet; one that failed before is tried again.

        Raises:
            TargetGone: the task vanished meanwhile.
        """
        for collector in collectors:
            name = collector_name(collector)
            if name in self._probes or name in self._unavailable:
                continue
            try:
                self._probes[name] = collector.attach(_Target(self.task, self._cgroup))
            except NotAvailable as missing:
                self._unavailable[name] = missing.reason
            except TargetGone:
                raise
            except Exception as error:  # noqa: BLE001 - a collector may be anyone's
                self._telemetry.failure(name, error)

    def update(self, task: Task) -> None:
        """Take what the node says of the same task now: its labels and resources may change."""
        self.task = task
        self._facts = _facts(task)

    def read(self, timestamp: float) -> Measurements:
        """Read every probe. One that is broken costs its own numbers only.

        Args:
            timestamp: Unix time in seconds of this sample.

        Raises:
            TargetGone: the task has vanished; nothing of this reading counts.
        """
        measurements = self._facts.copy()
        measurements["task_last_seen"] = timestamp
        for name, probe in self._probes.items():
            try:
                probe.read(measurements)
            except TargetGone:
                raise
            except Exception as error:  # noqa: BLE001 - a collector may be anyone's
                self._telemetry.failure(name, error)
        return measurements

    def close(self) -> None:
        """Close every probe; safe twice."""
        for name, probe in self._probes.items():
            try:
                probe.close()
            except Exception as error:  # noqa: BLE001 - a collector may be anyone's
                self._telemetry.failure(name, error)
        self._probes.clear()


def _facts(task: Task) -> Measurements:
    """What is known of a task without reading anything."""
    facts: Measurements = {"task_up": 1, "task_subcontainers": len(task.subcgroups_paths)}
    for resource, name in (("cpus", "task_requested_cpus"), ("mem", "task_requested_mem_bytes")):
        if resource in task.resources:
            facts[name] = task.resources[resource]
    return facts
