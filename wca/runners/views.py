"""What plugins see of an interval."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from wca.containers.parts import Part
from wca.detectors import TaskData, TasksData
from wca.metrics import Measurements
from wca.platforms import Platform
from wca.runners.stages import Sample

__all__ = ["View", "Views"]


@dataclass(frozen=True)
class View:
    """One interval.

    Args:
        platform: the machine and the time.
        tasks: by task id.
    """

    platform: Platform
    tasks: TasksData


class Views:
    """Makes a view of each interval, a copy: what a plugin does to it disturbs nobody.

    Args:
        platform: the facts of the machine.
        nested: names of metrics whose values are nested.
        read_at: gives the monotonic time at which metrics were read, of those that were not read in
            this interval, by name.
    """

    def __init__(
        self,
        platform: Platform,
        nested: Collection[str],
        read_at: Callable[[], Mapping[str, float]],
    ) -> None:
        self._platform = platform
        self._nested = frozenset(nested)
        self._read_at = read_at

    def of(self, sample: Sample) -> View:
        """The view of a sample."""
        platform = replace(
            self._platform,
            timestamp=sample.timestamp,
            monotonic=sample.monotonic,
            measurements=self._copied(sample.platform),
            read_at=dict(self._read_at()),
        )
        tasks = {
            one.container.task.task_id: TaskData(
                name=one.container.task.name,
                task_id=one.container.task.task_id,
                cgroup_path=one.container.task.cgroup_path,
                labels=dict(one.container.task.labels),
                resources=dict(one.container.task.resources),
                measurements=self._copied(one.measurements),
                subcgroups_paths=list(one.container.task.subcgroups_paths),
            )
            for one in sample.tasks
        }
        self._add_containers(sample, tasks)
        return View(platform, tasks)

    def _add_containers(self, sample: Sample, tasks: TasksData) -> None:
        for one in sample.parts:
            part = one.container.task
            task = tasks.get(part.labels.get("task_id", ""))
            if task is not None and isinstance(part, Part):
                task.containers[part.labels["container"]] = self._copied(one.measurements)

    def _copied(self, measurements: Measurements) -> Measurements:
        copied = measurements.copy()
        for name in self._nested.intersection(copied):
            copied[name] = _copy(copied[name])
        return copied


def _copy(value: Any) -> Any:
    return {key: _copy(one) for key, one in value.items()} if isinstance(value, dict) else value
