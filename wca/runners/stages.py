"""The stages a runner is assembled from. Each takes the sample a step further."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from wca.collectors import Probe
from wca.containers import Container, Containers
from wca.errors import (
    PLUGIN_ERRORS,
    TargetGone,
    TaskSynchronizationException,
    ValidationError,
)
from wca.metrics import Measurements
from wca.metrics.batch import Batch
from wca.metrics.export import Exporter, Misshapen
from wca.nodes import Node, Task
from wca.storage.delivery import Outlet
from wca.telemetry import Telemetry

__all__ = [
    "Collect",
    "Discover",
    "Export",
    "Sample",
    "Stage",
    "Store",
    "TaskSample",
    "run_iteration",
]


@dataclass(slots=True)
class TaskSample:
    """What one task's probes read in this interval."""

    container: Container
    measurements: Measurements


@dataclass(slots=True)
class Sample:
    """One interval on its way through the stages.

    Args:
        timestamp: Unix time in seconds, the same for every metric of the interval.
        tasks: what was read of each task.
        platform: what was read of the machine.
        metrics: what is to be stored.
    """

    timestamp: float
    tasks: list[TaskSample] = field(default_factory=list)
    platform: Measurements = field(default_factory=dict)
    metrics: Batch = field(init=False)

    def __post_init__(self) -> None:
        self.metrics = Batch(self.timestamp)


class Stage(Protocol):
    """One step of an iteration. What it raises is reported under its name and ends nothing."""

    name: str

    def run(self, sample: Sample) -> None:
        """Take the sample a step further."""


class Discover:
    """Asks the node for its tasks and brings the containers in step. Has a period of its own.

    Args:
        node: what knows the tasks.
        containers: what is kept in step.
        label: completes a task's labels.
        telemetry: durations and failures.
    """

    def __init__(
        self,
        node: Node,
        containers: Containers,
        label: Callable[[Task], Task],
        telemetry: Telemetry,
    ) -> None:
        self._node = node
        self._containers = containers
        self._label = label
        self._telemetry = telemetry

    def __call__(self) -> None:
        """Discover and synchronise; on failure the last known tasks stay."""
        try:
            with self._telemetry.timed("discover"):
                tasks = self._tasks()
            with self._telemetry.timed("synchronise"):
                self._containers.sync(tasks)
        except TaskSynchronizationException as error:
            self._telemetry.failure("node", str(error) or "no list of tasks")
        except PLUGIN_ERRORS as error:
            self._telemetry.failure("node", error)
        else:
            self._telemetry.success("node")

    def _tasks(self) -> list[Task]:
        """The node's tasks with all their labels; an odd entry costs itself only."""
        tasks: list[Task] = []
        for task in self._node.get_tasks():
            try:
                _check(task)
                tasks.append(self._label(task))
            except PLUGIN_ERRORS as error:
                self._telemetry.failure("node", f"an entry of its list is left out: {error}")
        return tasks


def _check(task: object) -> None:
    """Raise ValidationError for what a node calls a task and is none."""
    if not isinstance(task, Task):
        raise ValidationError(f"it is {type(task).__name__}, expected a Task")
    texts = {"name": task.name, "task_id": task.task_id, "cgroup_path": task.cgroup_path}
    for field_name, value in texts.items():
        if not isinstance(value, str):
            raise ValidationError(f"its {field_name} is {type(value).__name__}, expected text")


class Collect:
    """Reads every task and the machine.

    Args:
        containers: the tasks.
        probes: the machine's probes by collector name.
        names: of the collectors whose health is reported.
        telemetry: where broken probes are reported.
        rediscover: called when a task has vanished, so that the node is asked again soon.
    """

    name = "collect"

    def __init__(
        self,
        containers: Containers,
        probes: Mapping[str, Probe],
        names: Iterable[str],
        telemetry: Telemetry,
        rediscover: Callable[[], None],
    ) -> None:
        self._containers = containers
        self._probes = probes
        self._names = tuple(names)
        self._telemetry = telemetry
        self._rediscover = rediscover

    def run(self, sample: Sample) -> None:
        """Fill ``tasks`` and ``platform``. A vanished task is left out and dropped."""
        lacking = self._read_tasks(sample)
        self._read_platform(sample)
        for name in self._names:
            if name not in lacking:
                self._telemetry.success(name)  # without effect where it failed just now

    def _read_tasks(self, sample: Sample) -> set[str]:
        """Read the tasks; the collectors that could not be attached to some of them."""
        lacking: set[str] = set()
        for container in self._containers:
            if container.lacking:
                lacking |= container.lacking
            try:
                sample.tasks.append(TaskSample(container, container.read(sample.timestamp)))
            except TargetGone:
                self._containers.drop(container)
                self._rediscover()
        return lacking

    def _read_platform(self, sample: Sample) -> None:
        for name, probe in self._probes.items():
            try:
                probe.read(sample.platform)
            except PLUGIN_ERRORS as error:
                self._telemetry.failure(name, error)


class Export:
    """Turns what was read into metrics.

    Args:
        common_labels: labels of every metric; they win over a task's own.
        internal: gives what the agent measures about itself.
        information: labels of ``wca_information``.
        telemetry: where measurements that cannot be exported are reported.
    """

    name = "export"

    def __init__(
        self,
        common_labels: Mapping[str, str],
        internal: Callable[[Sample], Measurements],
        information: Mapping[str, str],
        telemetry: Telemetry,
    ) -> None:
        self._telemetry = telemetry
        self._common = dict(common_labels)
        self._internal = internal
        self._agent = Exporter(self._common)
        self._platform = Exporter(self._common)
        self._information = Exporter({**information, **self._common})
        self._tasks: dict[str, tuple[Task, Exporter]] = {}

    def run(self, sample: Sample) -> None:
        """Fill ``metrics``: the agent's, the machine's, then the tasks'."""
        out = sample.metrics
        platform = {**sample.platform, "platform_last_seen": sample.timestamp}
        self._export(self._information, {"wca_information": 1}, out)
        self._export(self._agent, self._internal(sample), out)
        self._export(self._platform, platform, out)
        exporters: dict[str, tuple[Task, Exporter]] = {}
        for task_sample in sample.tasks:
            task = task_sample.container.task
            known = self._tasks.get(task.task_id)
            if known is None or known[0] is not task:
                known = self._renewed(task, known)
            exporters[task.task_id] = known
            self._export(known[1], task_sample.measurements, out)
        self._tasks = exporters

    def _export(self, exporter: Exporter, measurements: Measurements, out: Batch) -> None:
        """Export; a measurement that makes no sense costs itself only."""
        while True:
            try:
                exporter.export(measurements, out)
            except Misshapen as error:
                self._telemetry.failure(self.name, error)
                measurements = {n: v for n, v in measurements.items() if n != error.metric}
            else:
                return

    def _renewed(self, task: Task, known: tuple[Task, Exporter] | None) -> tuple[Task, Exporter]:
        """Keep the exporter, and the text cached for its labels, unless the labels changed."""
        labels = {**task.labels, **self._common}
        if known is not None and known[1].labels == labels:
            return task, known[1]
        return task, Exporter(labels)


class Store:
    """Hands the metrics to a storage.

    Args:
        outlet: the storage's queue.
    """

    name = "store"

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet

    def run(self, sample: Sample) -> None:
        """Give the batch away; it is not changed any more."""
        self._outlet.put(sample.metrics)


def run_iteration(stages: Iterable[Stage], sample: Sample, telemetry: Telemetry) -> None:
    """Run the stages in order; one that raises is reported, and the next goes on with the rest."""
    telemetry.begin_round()
    with telemetry.timed("iteration"):
        for stage in stages:
            with telemetry.timed(stage.name):
                try:
                    stage.run(sample)
                except PLUGIN_ERRORS as error:
                    telemetry.failure(stage.name, error)
                else:
                    if telemetry.failures(stage.name):  # reported after a failure only
                        telemetry.success(stage.name)
