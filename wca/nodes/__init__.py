"""Where tasks come from."""

from typing import TYPE_CHECKING

from wca.lazy import lazy_names
from wca.nodes.api import Node, Task, TaskId, TaskSynchronizationException

if TYPE_CHECKING:
    from wca.nodes.container import ContainerNode

__all__ = ["ContainerNode", "Node", "Task", "TaskId", "TaskSynchronizationException"]

__getattr__ = lazy_names(__name__, {"ContainerNode": "wca.nodes.container"})
