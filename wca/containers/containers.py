"""Keeps the containers in step with the tasks that the node reports."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping

from wca.collectors import Collector
from wca.containers.container import Container, Identity
from wca.errors import PLUGIN_ERRORS, TargetGone
from wca.linux.cgroups import Cgroup
from wca.nodes import Task
from wca.telemetry import Telemetry

__all__ = ["Containers"]

log = logging.getLogger(__name__)


class Containers:
    """Every task that is being measured, by task id.

    Args:
        locate: gives the cgroups of a cgroup path.
        collectors: what measures each task, by name.
        telemetry: where failures are reported.
    """

    def __init__(
        self,
        locate: Callable[[str], Cgroup],
        collectors: Mapping[str, Collector],
        telemetry: Telemetry,
    ) -> None:
        self._locate = locate
        self._collectors = collectors
        self._telemetry = telemetry
        self._containers: dict[str, Container] = {}
        self._said: set[str] = set()
        self._doubled: set[str] = set()
        self._dropped: dict[str, Identity] = {}

    def __iter__(self) -> Iterator[Container]:
        return iter(list(self._containers.values()))

    def __len__(self) -> int:
        return len(self._containers)

    def sync(self, tasks: Iterable[Task]) -> None:
        """Open what is new, close what is gone, reopen what was replaced.

        A task whose cgroup is not there is left out; it is tried again with the next list.

        Args:
            tasks: the tasks that run now; of two with one id the first counts.
        """
        wanted: dict[str, Task] = {}
        for task in tasks:
            if wanted.setdefault(task.task_id, task) is not task:
                self._say_doubled(task.task_id)
        for task_id in self._containers.keys() - wanted.keys():
            self._close(task_id)
        self._doubled &= wanted.keys()
        self._dropped = {name: self._dropped[name] for name in self._dropped.keys() & wanted.keys()}
        for task in wanted.values():
            self._sync_task(task)
        if self._telemetry.failures("containers"):
            self._telemetry.success("containers")

    def drop(self, container: Container) -> None:
        """Close a container whose task has vanished, or so a probe says."""
        self._dropped[container.task.task_id] = container.identity
        self._close(container.task.task_id)

    def close(self) -> None:
        """Close all containers; safe twice."""
        for task_id in list(self._containers):
            self._close(task_id)

    def _sync_task(self, task: Task) -> None:
        try:
            container = self._container_of(task)
            container.attach(self._collectors)
            self._say_unavailable(container)
        except TargetGone:
            self._close(task.task_id)
        except PLUGIN_ERRORS as error:
            words = f"task {task.task_id}: {type(error).__name__}: {error}"
            self._telemetry.failure("containers", words)
            self._close(task.task_id)

    def _container_of(self, task: Task) -> Container:
        """The container of this task, made anew when its cgroup is another one."""
        container = self._containers.get(task.task_id)
        if container is not None and container.is_still(task):
            container.update(task)
            return container
        cgroup = self._locate(task.cgroup_path)
        inodes = cgroup.identity()
        if not inodes:
            raise TargetGone(f"{task.cgroup_path} has no cgroup")
        identity: Identity = (task.task_id, task.cgroup_path, inodes)
        if container is not None and container.identity == identity:
            container.update(task)
            return container
        self._close(task.task_id)
        if self._dropped.get(task.task_id) == identity:
            words = f"task {task.task_id} was said to be gone, but its cgroup is the same"
            self._telemetry.failure("containers", words)
        container = Container(task, cgroup, identity, self._telemetry)
        self._containers[task.task_id] = container
        return container

    def _say_unavailable(self, container: Container) -> None:
        """Once per collector: the reason may name the task, and tasks come and go."""
        for name, reason in container.unavailable.items():
            if name not in self._said:
                self._said.add(name)
                log.info("%s is not available: %s", name, reason)

    def _say_doubled(self, task_id: str) -> None:
        if task_id not in self._doubled:
            self._doubled.add(task_id)
            log.warning("task id %s is listed twice: the second is ignored", task_id)

    def _close(self, task_id: str) -> None:
        container = self._containers.pop(task_id, None)
        if container is not None:
            container.close()
