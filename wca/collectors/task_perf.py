"""What the processor and the kernel count while a task runs: perf events."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Annotated, cast

from wca.collectors.api import INTERVAL, Cgroup, Collector, NodeTarget, Probe, TaskTarget
from wca.collectors.perf.cpus import OnlineCpus
from wca.collectors.perf.names import PerfEventName
from wca.collectors.perf.opening import PerfOpener
from wca.collectors.perf.plan import PerfPlan
from wca.collectors.perf.probe import PerfProbe
from wca.collectors.perf.turns import Turns
from wca.collectors.perf.wanted import event_metric, metrics_by_event
from wca.config.types import Injected
from wca.errors import WcaError
from wca.linux.perf.core_pmus import CorePmus
from wca.linux.perf.counting import OpenGroup, PerfGroup
from wca.linux.perf.cpu_model import CpuModel, read_cpu_model
from wca.linux.perf.events import KNOWN_EVENTS
from wca.linux.perf.names import resolve_event, table_event
from wca.linux.perf.tables import CORE_NAMES
from wca.metrics import CATALOGUE, MetricMetadata
from wca.metrics.derived import SOURCES
from wca.metrics.perf_entries import on_each_cpu

__all__ = ["TaskPerfCollector"]

log = logging.getLogger(__name__)

_FACTORS = ("task_scaling_factor_avg", "task_scaling_factor_max")


class TaskPerfCollector(Collector):
    """Perf events of a task, on every CPU: cycles, instructions, cache misses, switches.

    Events that the processor has no counter for are left out, with one line in the log. Where the
    counters do not suffice for all events at once, the kernel lets groups of them take turns, and
    the numbers are scaled; `task_scaling_factor_avg` and `task_scaling_factor_max` say by how much.
    See docs/perf.md.

    Source: perf_event_open on the task's cgroup in the hierarchy that holds perf_event. Needs the
    capability CAP_PERFMON, or root, or /proc/sys/kernel/perf_event_paranoid of 0 or lower, and one
    descriptor for each task, event and CPU.

    Args:
        event_names: what to count: names of docs/metrics.md that need event_names, such as
            task_cycles, names of docs/perf.md, or raw events `name__rEEUU`, `name__rEEUUCC` and
            `name__rEEUUCC` with 10 more digits: event, unit mask, counter mask and config1, in
            hexadecimal.
        aggregate_cpus: the sum over all CPUs; false gives each CPU its own series with the label
            `cpu`, which are as many times more.
        interval: time between two readings; the runner's when left out.
        open_group: for tests: how a group of events is opened.
        monotonic: for tests: time in seconds.
    """

    emits = (*KNOWN_EVENTS, *CORE_NAMES, *_FACTORS)

    def __init__(
        self,
        event_names: list[Annotated[str, PerfEventName()]],
        aggregate_cpus: bool = True,
        interval: Annotated[float, INTERVAL] | None = None,
        *,
        open_group: Annotated[OpenGroup | None, Injected()] = None,
        monotonic: Annotated[Callable[[], float] | None, Injected()] = None,
    ) -> None:
        super().__init__(interval)
        self.event_names = tuple(event_names)
        self._metrics = metrics_by_event(event_names)
        self.aggregate_cpus = aggregate_cpus
        self._open_group = PerfGroup.open if open_group is None else open_group
        self._monotonic = time.monotonic if monotonic is None else monotonic
        self._unmeasured: dict[str, str] = {}
        self._opener: PerfOpener | None = None
        self._online: OnlineCpus | None = None

    @property
    def metrics(self) -> Sequence[MetricMetadata]:
        """Events that the catalogue does not know; all that has a number on each CPU, if it has."""
        entries = [event_metric(name) for name in self.event_names]
        if self.aggregate_cpus:
            return tuple(entry for entry in entries if entry.name not in CATALOGUE)
        counted = set(self._metrics.values())
        derived = [name for name, counters in SOURCES.items() if counted.issuperset(counters)]
        entries += (CATALOGUE[name] for name in (*_FACTORS, *derived))
        return tuple(on_each_cpu(entry) for entry in entries)

    @property
    def unmeasured(self) -> Mapping[str, str]:
        """Tasks that are not counted yet, by id: ``opening``, ``exhausted``, ``failing``."""
        return self._unmeasured

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Open the events of the task on every online CPU and start counting.

        Where many tasks come at once, most of them open theirs with one of the next readings.

        Raises:
            NotAvailable: no right, no perf or none of the events here, or no group of the task.
            TargetGone: the task vanished.
            Exhausted: descriptors do not suffice; tried again with the next discovery.
        """
        task = cast("TaskTarget", target)
        opener, online = self._prepared(task.node)
        with ExitStack() as undo:
            alive = task.cgroup.open("perf_event", _small_file(task.cgroup))
            undo.callback(alive.close)
            alive.read()
            open_groups = partial(opener.open, task.cgroup)
            say, per_cpu = partial(self._note, task.task.task_id), not self.aggregate_cpus
            try:
                probe = PerfProbe(alive, online, open_groups, per_cpu=per_cpu, say=say)
            except WcaError:
                alive.read()  # a removed group and an event that is not there look the same
                raise
            undo.pop_all()
        return probe

    def close(self, timeout: float) -> None:  # noqa: ARG002 - the contract's
        """Give back what all tasks share; safe twice."""
        online, self._online = self._online, None
        if online is not None:
            online.close()

    def _prepared(self, node: NodeTarget) -> tuple[PerfOpener, OnlineCpus]:
        """What all tasks share, from the first one on."""
        if self._online is None:
            self._online = OnlineCpus(node)
        if self._opener is None:
            model = read_cpu_model(node)
            self._say_notes(model)
            plan = PerfPlan(
                self._metrics,
                partial(resolve_event, model=model),
                CorePmus(node),
                self._open_group,
                everywhere=self.aggregate_cpus,
            )
            turns = Turns(self._online, self._monotonic)
            self._opener = PerfOpener(plan, self._open_group, node, turns)
        return self._opener, self._online

    def _note(self, task_id: str, reason: str) -> None:
        if reason:
            self._unmeasured[task_id] = reason
        else:
            self._unmeasured.pop(task_id, None)

    def _say_notes(self, model: CpuModel | None) -> None:
        for name in self.event_names:
            entry = table_event(name, model)
            if entry is not None and entry.note:
                log.info("%s is %s on this processor, which %s", name, entry.source, entry.note)


def _small_file(cgroup: Cgroup) -> str:
    """A file that every group has, whose end is that of the group: perf events outlive it."""
    return "notify_on_release" if cgroup.version("perf_event") == 1 else "cgroup.subtree_control"
