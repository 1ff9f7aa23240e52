"""The container that the agent runs in."""

from typing import Annotated

from wca.config.types import Injected, LabelName, Str
from wca.errors import WcaError
from wca.linux.files import Kernel
from wca.nodes.api import Node, Task, TaskSynchronizationException
from wca.nodes.reading import Reading

__all__ = ["OwnCgroupNode"]


class OwnCgroupNode(Node):
    """One task: the cgroup that the agent itself is in.

    In a container with a cgroup namespace of its own, as containers have them, that is the whole
    container, with all that runs beside the agent in it.

    Args:
        name: of the task, and its id.
        labels: of the task.
    """

    def __init__(
        self,
        name: Annotated[str, Str()] = "container",
        labels: dict[Annotated[str, LabelName()], str] | None = None,
        *,
        kernel: Annotated[Kernel | None, Injected()] = None,
    ) -> None:
        self._name = name
        self._labels = dict(labels or {})
        self._reading = Reading(kernel)

    def use_kernel(self, kernel: Kernel) -> None:
        """Read through this one from now on, unless one was given from Python."""
        self._reading.use(kernel)

    def get_tasks(self) -> list[Task]:
        """The one task. Raises TaskSynchronizationException where the group cannot be told."""
        try:
            path = self._reading.hierarchies.own_cgroup_path()
        except WcaError as error:
            raise TaskSynchronizationException(f"the agent's own cgroup: {error}") from error
        return [Task(self._name, self._name, path, dict(self._labels))]
