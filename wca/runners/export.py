"""From what was read to metrics."""

import logging
from collections.abc import Callable, Iterable, Mapping

from wca.metrics import Measurements
from wca.metrics.batch import Batch
from wca.metrics.export import Exporter, Misshapen
from wca.metrics.metadata import MetricMetadata
from wca.nodes import Task
from wca.runners.stages import Sample, TaskSample
from wca.telemetry import Telemetry

__all__ = ["Export", "container_metric"]

log = logging.getLogger(__name__)

_Known = dict[str, tuple[Task, Exporter]]


def container_metric(name: str) -> str:
    """The name under which a number of one container is exported.

    ``task_*`` is about a task as a whole: a sum never stands beside its parts under one name.
    """
    return f"container_{name.removeprefix('task_')}"


class Export:
    """Turns what was read into metrics.

    Args:
        common_labels: labels of every metric; they win over a task's own.
        internal: gives what the agent measures about itself.
        information: labels of ``wca_information``.
        telemetry: where measurements that cannot be exported are reported.
        catalogue: metadata by metric name.
        series_limit: series at most; tasks beyond it are left out. None: no limit.
    """

    name = "export"

    def __init__(
        self,
        common_labels: Mapping[str, str],
        internal: Callable[[Sample], Measurements],
        information: Mapping[str, str],
        telemetry: Telemetry,
        catalogue: Mapping[str, MetricMetadata],
        series_limit: int | None = None,
    ) -> None:
        self._telemetry = telemetry
        self._common = dict(common_labels)
        self._internal = internal
        self._catalogue = catalogue
        self._limit = series_limit
        self._agent = Exporter(self._common, catalogue)
        self._platform = Exporter(self._common, catalogue)
        self._information = Exporter({**information, **self._common})
        self._tasks: _Known = {}
        self._parts: _Known = {}
        self._left_out = 0
        self._over = False

    def run(self, sample: Sample) -> None:
        """Fill ``internal``, and ``metrics``: of agent, machine, then tasks and containers."""
        out = sample.metrics
        out.common = self._common
        platform = {**sample.platform, "platform_last_seen": sample.timestamp}
        internal = sample.internal = self._internal(sample)
        if self._limit is not None:
            internal["wca_series_limit"] = self._limit
            internal["wca_tasks_left_out"] = self._left_out
        self._export(self._information, {"wca_information": 1}, out)
        self._export(self._agent, internal, out)
        self._export(self._platform, platform, out)
        others = len(out)
        self._tasks, tasks_out = self._targets(sample.tasks, self._tasks, str, out)
        self._parts, parts_out = self._targets(sample.parts, self._parts, container_metric, out)
        self._note(tasks_out + parts_out, others)

    def _targets(
        self,
        samples: Iterable[TaskSample],
        known: _Known,
        rename: Callable[[str], str],
        out: Batch,
    ) -> tuple[_Known, int]:
        """Export tasks or containers; the exporters used, and how many were left out."""
        used: _Known = {}
        left_out = 0
        limited = self._limit is not None
        for one in samples:
            # From the first that does not fit on, so that the same ones stay out.
            if limited and (left_out or not self._fits(one.measurements, out)):
                left_out += 1
                continue
            task = one.container.task
            exporter = known.get(task.task_id)
            if exporter is None or exporter[0] is not task:
                exporter = self._renewed(task, exporter, rename)
            used[task.task_id] = exporter
            self._export(exporter[1], one.measurements, out)
        return used, left_out

    def _fits(self, measurements: Measurements, out: Batch) -> bool:
        return self._limit is None or len(out) + _series(measurements) <= self._limit

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

    def _renewed(
        self, task: Task, known: tuple[Task, Exporter] | None, rename: Callable[[str], str]
    ) -> tuple[Task, Exporter]:
        """Keep the exporter, and the text cached for its labels, unless the labels changed."""
        labels = {**task.labels, **self._common}
        if known is not None and known[1].labels == labels:
            return task, known[1]
        return task, Exporter(labels, self._catalogue, rename)

    def _note(self, left_out: int, others: int) -> None:
        """Say when the limit begins to leave tasks out, and when it no longer does.

        Args:
            left_out: tasks and containers.
            others: series of the agent and the machine, which are always exported.
        """
        if self._limit is not None and others > self._limit and not self._over:
            self._over = True
            log.warning(
                "series_limit of %d series is below the %d of the agent and the machine alone: "
                "they are exported nevertheless, and no task is",
                self._limit,
                others,
            )
        if left_out and not self._left_out:
            log.warning(
                "series_limit of %d series is reached: %d tasks and containers are not exported, "
                "the last of the list; raise the limit or name fewer collectors",
                self._limit,
                left_out,
            )
        elif self._left_out and not left_out:
            log.info("all tasks are exported again: they fit into series_limit")
        self._left_out = left_out


def _series(values: Measurements) -> int:
    """How many numbers are in these, nested ones included."""
    return sum(_series(value) if isinstance(value, dict) else 1 for value in values.values())
