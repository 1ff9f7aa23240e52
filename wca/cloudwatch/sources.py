"""Whether a scope has a source of numbers where the agent runs."""

from wca.cloudwatch.options import Scope
from wca.collectors import Collector
from wca.collectors.api import NodeTarget, TaskTarget
from wca.collectors.utilization.ecs import EcsUtilizationCollector
from wca.collectors.utilization.node import NodeUtilizationCollector
from wca.collectors.utilization.task import TaskUtilizationCollector
from wca.collectors.utilization.tree import ProcessTreeUtilizationCollector
from wca.containers import Target
from wca.errors import PLUGIN_ERRORS, NotAvailable, TargetGone, TaskSynchronizationException
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.files import Kernel
from wca.nodes import OwnCgroupNode

__all__ = ["missing_source"]

_COLLECTORS: dict[Scope, type[Collector]] = {
    Scope.HOST: NodeUtilizationCollector,
    Scope.CONTAINER: TaskUtilizationCollector,
    Scope.TREE: ProcessTreeUtilizationCollector,
    Scope.TASK: EcsUtilizationCollector,
}


def missing_source(scope: Scope, kernel: Kernel | None = None) -> str | None:
    """Why nothing can be measured of a scope; None: something can.

    Args:
        scope: whose CPU time and memory.
        kernel: for tests: what kernel files are read through.
    """
    try:
        probe = _COLLECTORS[scope]().attach(_target(scope, kernel or Kernel()))
        try:
            probe.read({})
        finally:
            probe.close()
    except (NotAvailable, TargetGone, TaskSynchronizationException) as missing:
        return str(missing)
    except PLUGIN_ERRORS:
        return None  # such as an endpoint that does not answer yet: a run tries again, and tells
    return None


def _target(scope: Scope, kernel: Kernel) -> TaskTarget | NodeTarget:
    if scope in (Scope.HOST, Scope.TASK):
        return kernel
    (task,) = OwnCgroupNode(kernel=kernel).get_tasks()
    hierarchies = CgroupHierarchies(kernel)
    cgroup = hierarchies.locate(task.cgroup_path)
    if not cgroup.identity():
        raise NotAvailable(f"the agent's own group {task.cgroup_path} is in no cgroup hierarchy")
    return Target(task, cgroup, kernel, hierarchies.locate)
