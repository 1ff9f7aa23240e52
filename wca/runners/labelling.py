"""The labels of a task: the orchestrator's, its id and name, and those made by generators."""

from collections.abc import Mapping
from dataclasses import replace

from wca.errors import PLUGIN_ERRORS
from wca.nodes import Task
from wca.nodes.labels import TaskLabelGenerator
from wca.telemetry import Telemetry

__all__ = ["TaskLabelling"]


class TaskLabelling:
    """Completes the labels of tasks.

    Args:
        generators: label name to what makes its value, in order; a label that the task already has
            is kept.
        telemetry: where a generator that fails is reported.
    """

    def __init__(self, generators: Mapping[str, TaskLabelGenerator], telemetry: Telemetry) -> None:
        self._generators = generators
        self._telemetry = telemetry

    def __call__(self, task: Task) -> Task:
        """A copy of the task with all its labels."""
        labels = {**task.labels, "task_id": task.task_id, "task_name": task.name}
        labelled = replace(task, labels=labels)
        for name, generator in self._generators.items():
            if name in labels:
                continue
            value = self._value(name, generator, labelled)
            if value is not None:
                labels[name] = value
        return labelled

    def _value(self, name: str, generator: TaskLabelGenerator, task: Task) -> str | None:
        try:
            value: object = generator.generate(task)
        except PLUGIN_ERRORS as error:
            self._telemetry.failure(f"label {name}", error)
            return None
        if value is None or isinstance(value, str):
            self._telemetry.success(f"label {name}")
            return value
        kind = type(value).__name__
        self._telemetry.failure(f"label {name}", f"generate() gave {kind}, expected text")
        return None
