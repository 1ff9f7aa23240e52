"""What plugins see of an interval."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from wca.containers.parts import Part
from wca.detectors import TaskData, TasksData
from wca.metrics import Measurements
from wca.platforms import Platform
from wca.runners.engine import Engine
from wca.runners.measuring import Measuring
from wca.runners.stages import Sample

__all__ = ["View", "Views", "views_of"]


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
        nested: gives the names of metrics whose values are nested.
        read_at: gives the monotonic time at which metrics were read, of those that were not read in
            this interval, by name.
        allocations: gives what is in force for a task; None: nothing is controlled.
    """

    def __init__(
        self,
        platform: Platform,
        nested: Callable[[], frozenset[str]],
        read_at: Callable[[], Mapping[str, float]],
        allocations: Callable[[TaskData], dict[Any, Any]] | None = None,
    ) -> None:
        self._platform = platform
        self._nested = nested
        self._read_at = read_at
        self._allocations = allocations

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
        if self._allocations is not None:
            for task in tasks.values():
                task.allocations = self._allocations(task)
        return View(platform, tasks)

    def copied(self, view: View) -> View:
        """The same once more: what a plugin does to one of them changes nothing in the other."""
        platform = replace(
            view.platform,
            measurements=self._copied(view.platform.measurements),
            read_at=dict(view.platform.read_at),
        )
        tasks = {
            task_id: replace(
                task,
                labels=dict(task.labels),
                resources=dict(task.resources),
                measurements=self._copied(task.measurements),
                allocations=_copy(task.allocations),
                subcgroups_paths=list(task.subcgroups_paths),
                containers={name: self._copied(one) for name, one in task.containers.items()},
            )
            for task_id, task in view.tasks.items()
        }
        return View(platform, tasks)

    def _add_containers(self, sample: Sample, tasks: TasksData) -> None:
        for one in sample.parts:
            part = one.container.task
            task = tasks.get(part.labels.get("task_id", ""))
            if task is not None and isinstance(part, Part):
                task.containers[part.labels["container"]] = self._copied(one.measurements)

    def _copied(self, measurements: Measurements) -> Measurements:
        copied = measurements.copy()
        for name in self._nested().intersection(copied):
            copied[name] = _copy(copied[name])
        return copied


def views_of(
    engine: Engine,
    measuring: Measuring,
    allocations: Callable[[TaskData], dict[Any, Any]] | None = None,
) -> Views:
    """What makes the views of a run.

    Args:
        engine: has the facts of the machine and the clock.
        measuring: knows which metrics there are, and when they were read.
        allocations: gives what is in force for a task; None: nothing is controlled.
    """
    monotonic = engine.clock.monotonic
    return Views(
        engine.platform,
        lambda: measuring.nested,
        lambda: measuring.read_before(monotonic()),
        allocations,
    )


def _copy(value: Any) -> Any:
    return {key: _copy(one) for key, one in value.items()} if isinstance(value, dict) else value
