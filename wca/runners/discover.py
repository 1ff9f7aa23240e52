"""Finding the tasks."""

from collections.abc import Callable, Iterable

from wca.errors import PLUGIN_ERRORS, TaskSynchronizationException, ValidationError
from wca.nodes import Node, Task
from wca.telemetry import Telemetry

__all__ = ["Discover"]


class Discover:
    """Asks the node for its tasks and brings what is measured in step. Has a period of its own.

    Args:
        node: what knows the tasks.
        sync: told the tasks that run now.
        label: completes a task's labels.
        telemetry: durations and failures.
    """

    def __init__(
        self,
        node: Node,
        sync: Callable[[Iterable[Task]], None],
        label: Callable[[Task], Task],
        telemetry: Telemetry,
    ) -> None:
        self._node = node
        self._sync = sync
        self._label = label
        self._telemetry = telemetry

    def __call__(self) -> None:
        """Discover and synchronise; on failure the last known tasks stay."""
        try:
            with self._telemetry.timed("discover"):
                tasks = self._tasks()
            with self._telemetry.timed("synchronise"):
                self._sync(tasks)
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
