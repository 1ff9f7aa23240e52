"""One discovered task with its probes."""

from collections.abc import Mapping
from dataclasses import dataclass

from wca.collectors import Collector, NotAvailable, Probe
from wca.collectors.api import Cgroup
from wca.collectors.file_probe import FileProbe, join_file_probes
from wca.errors import PLUGIN_ERRORS, TargetGone
from wca.metrics import Measurements
from wca.nodes import Task
from wca.telemetry import Telemetry

__all__ = ["Container", "Identity"]

#: Discoveries in which the groups of a new task may still be on their way.
LATE_LOOKS = 3
#: What makes a task the same task: its id, its cgroup path and the inodes of its cgroups.
Identity = tuple[str, str, tuple[int, ...]]


@dataclass(frozen=True)
class _Target:
    task: Task
    cgroup: Cgroup


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
        self._joined: dict[str, Probe] = {}  # the same, with what can be read together as one
        self._unavailable: dict[str, str] = {}
        self._updates = 0
        self._bound = False  # whether some probe reads files of its cgroups
        #: Collectors that failed to attach; they are tried again with the next discovery.
        self.lacking: frozenset[str] = frozenset()

    @property
    def unavailable(self) -> Mapping[str, str]:
        """Collectors that have no source here, with the reason."""
        return self._unavailable

    def is_still(self, task: Task) -> bool:
        """Whether this is certainly the same task, without asking the kernel.

        The files that file probes read are bound to its cgroups: one that was removed, even if it
        was made again under the same path, has ended them. Where a source is lacking, its group
        may only be late, so that the first few times the answer is no.
        """
        if not self._bound or task.cgroup_path != self.task.cgroup_path:
            return False
        return not self._unavailable or self._updates >= LATE_LOOKS

    def attach(self, collectors: Mapping[str, Collector]) -> None:
        """Open the probes that are not open yet; one that failed before is tried again.

        Args:
            collectors: by name.

        Raises:
            TargetGone: the task vanished meanwhile.
        """
        before = len(self._probes)
        for name, collector in collectors.items():
            if name in self._probes or name in self._unavailable:
                continue
            try:
                self._probes[name] = collector.attach(_Target(self.task, self._cgroup))
            except NotAvailable as missing:
                self._unavailable[name] = missing.reason
            except TargetGone:
                raise
            except PLUGIN_ERRORS as error:
                self._telemetry.failure(name, error)
        self.lacking = frozenset(collectors.keys() - self._probes.keys() - self._unavailable.keys())
        if len(self._probes) != before:
            self._joined = join_file_probes(self._probes)
            self._bound = any(isinstance(probe, FileProbe) for probe in self._probes.values())

    def update(self, task: Task) -> None:
        """Take what the node says of the same task now: its labels and resources may change."""
        self.task = task
        self._facts = _facts(task)
        self._updates += 1

    def read(self, timestamp: float) -> Measurements:
        """Read every probe. One that is broken costs its own numbers only.

        Args:
            timestamp: Unix time in seconds of this sample.

        Raises:
            TargetGone: the task has vanished; nothing of this reading counts.
        """
        measurements: Measurements = {}  # empty, so that a probe's numbers are copied in one go
        if not self._read(self._joined, measurements):
            # Read one by one from now on, so that each failure has the name of its collector.
            self._joined = self._probes
            self._read(self._probes, measurements)
        measurements.update(self._facts)
        measurements["task_last_seen"] = timestamp
        return measurements

    def close(self) -> None:
        """Close every probe; safe twice."""
        for name, probe in self._probes.items():
            try:
                probe.close()
            except PLUGIN_ERRORS as error:
                self._telemetry.failure(name, error)
        self._probes, self._joined = {}, {}

    def _read(self, probes: Mapping[str, Probe], out: Measurements) -> bool:
        """Read probes; False when what failed were several that are read as one."""
        for name, probe in probes.items():
            try:
                probe.read(out)
            except TargetGone:
                raise
            except PLUGIN_ERRORS as error:
                if name not in self._probes:
                    return False
                self._telemetry.failure(name, error)
        return True


def _facts(task: Task) -> Measurements:
    """What is known of a task without reading anything."""
    facts: Measurements = {"task_up": 1, "task_subcontainers": len(task.subcgroups_paths)}
    for resource, name in (("cpus", "task_requested_cpus"), ("mem", "task_requested_mem_bytes")):
        amount = task.resources.get(resource)
        if isinstance(amount, (int, float)):  # an orchestrator may say it in words
            facts[name] = amount
    return facts
