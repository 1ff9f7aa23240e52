"""Where tasks come from."""

from typing import TYPE_CHECKING

from wca.lazy import lazy_names
from wca.nodes.api import Node, Task, TaskId, TaskSynchronizationException

if TYPE_CHECKING:
    from wca.nodes.kubernetes import KubernetesNode
    from wca.nodes.static import StaticNode

__all__ = [
    "KubernetesNode",
    "Node",
    "StaticNode",
    "Task",
    "TaskId",
    "TaskSynchronizationException",
]

__getattr__ = lazy_names(
    __name__,
    {"KubernetesNode": "wca.nodes.kubernetes", "StaticNode": "wca.nodes.static"},
)
