"""Where tasks come from."""

from typing import TYPE_CHECKING

from wca.lazy import lazy_names
from wca.nodes.api import Node, Task, TaskId, TaskSynchronizationException

if TYPE_CHECKING:
    from wca.nodes.cgroup import CgroupNode
    from wca.nodes.container import ContainerNode
    from wca.nodes.kubernetes import KubernetesNode
    from wca.nodes.mesos import MesosNode
    from wca.nodes.own import OwnCgroupNode
    from wca.nodes.static import StaticNode
    from wca.nodes.systemd import SystemdNode
    from wca.nodes.union import UnionNode

__all__ = [
    "CgroupNode",
    "ContainerNode",
    "KubernetesNode",
    "MesosNode",
    "Node",
    "OwnCgroupNode",
    "StaticNode",
    "SystemdNode",
    "Task",
    "TaskId",
    "TaskSynchronizationException",
    "UnionNode",
]

__getattr__ = lazy_names(
    __name__,
    {
        "CgroupNode": "wca.nodes.cgroup",
        "ContainerNode": "wca.nodes.container",
        "KubernetesNode": "wca.nodes.kubernetes",
        "MesosNode": "wca.nodes.mesos",
        "OwnCgroupNode": "wca.nodes.own",
        "StaticNode": "wca.nodes.static",
        "SystemdNode": "wca.nodes.systemd",
        "UnionNode": "wca.nodes.union",
    },
)
