"""Tasks where nobody has named any: the control groups that have processes."""

import glob

from wca.errors import UsageError
from wca.linux.cgroups import CgroupHierarchies, normal_cgroup_path
from wca.linux.files import Kernel
from wca.nodes import Node, Task
from wca.nodes.cgroup import CgroupNode

__all__ = ["BusyGroups"]


class BusyGroups(Node):
    """Control groups with processes that have none with processes below them.

    So no process is counted twice: of a service that has groups of its own, these are the tasks.

    Args:
        parent: the group that is searched, with all that is below it.

    Raises:
        UsageError: there is no such group.
    """

    def __init__(self, parent: str = "/") -> None:
        path = normal_cgroup_path(parent)
        kernel = Kernel()
        try:
            if not CgroupHierarchies(kernel).locate(path).exists():
                raise UsageError(
                    f"there is no control group {parent}: write its path as below "
                    "/sys/fs/cgroup, such as /system.slice"
                )
        finally:
            kernel.close()
        pattern = glob.escape(path).rstrip("/")
        self.parent = path
        self._found = CgroupNode([pattern or "/", f"{pattern}/**"], require_pids=True)

    def use_kernel(self, kernel: Kernel) -> None:
        """Read through this one from now on."""
        self._found.use_kernel(kernel)

    def get_tasks(self) -> list[Task]:
        """Those that there are now. Raises TaskSynchronizationException."""
        tasks = self._found.get_tasks()
        above = {parent for task in tasks for parent in _parents(task.cgroup_path)}
        return [task for task in tasks if task.cgroup_path not in above]


def _parents(path: str) -> list[str]:
    parts = path.strip("/").split("/")
    found = ["/" + "/".join(parts[:end]) for end in range(len(parts))]
    return found if path != "/" else []
