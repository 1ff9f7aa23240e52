"""Where tasks come from."""

from wca.nodes.api import Node, Task, TaskId, TaskSynchronizationException

__all__ = ["Node", "Task", "TaskId", "TaskSynchronizationException"]
