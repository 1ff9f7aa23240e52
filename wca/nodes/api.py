"""The contract of a node: which tasks run here."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from wca.errors import TaskSynchronizationException

__all__ = [
    "KeepsList",
    "Node",
    "Task",
    "TaskId",
    "TaskSynchronizationException",
    "TellsChanges",
]

TaskId = str


@dataclass
class Task:
    """One task as the orchestrator knows it. Two tasks are equal when their ids are.

    Args:
        name: name for people.
        task_id: unique on this node at any one time.
        cgroup_path: path below the root of every cgroup hierarchy, with a leading ``/``.
        labels: metadata of the orchestrator.
        resources: what was asked for: ``cpus`` in cores, ``mem`` and ``disk`` in bytes, others.
        subcgroups_paths: cgroups of the task's containers, where the task has several.
        subcgroups_labels: labels that only a container has, by the path of its cgroup; the label
            ``container``, no two of a task the same, is its name instead of that path.
    """

    name: str
    task_id: TaskId
    cgroup_path: str
    labels: dict[str, str] = field(default_factory=dict)
    resources: dict[str, float | int | str] = field(default_factory=dict)
    subcgroups_paths: list[str] = field(default_factory=list)
    subcgroups_labels: dict[str, dict[str, str]] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Task) and self.task_id == other.task_id

    def __hash__(self) -> int:
        return hash(self.task_id)


class Node(ABC):
    """Finds the tasks of this machine.

    Optional abilities, as for a storage: ``start()``, ``check()``, ``close(timeout)``; besides, a
    node that reads kernel files has ``use_kernel(kernel)`` and is given the runner's, through which
    all of them are read, before it is started.
    """

    @abstractmethod
    def get_tasks(self) -> Sequence[Task]:
        """List the tasks that run now.

        Called on the loop's thread once per discovery period; a node that asks a network keeps
        its answer up to date on a thread of its own and returns the last one.

        Raises:
            TaskSynchronizationException: no list can be had this time; the loop goes on with the
                last known one.
        """


@runtime_checkable
class TellsChanges(Protocol):
    """A node that learns by itself that its list has become another one."""

    def on_change(self, changed: Callable[[], None]) -> None:
        """Before ``start``: ``changed`` is to be called then, on any thread; it returns at once."""


@runtime_checkable
class KeepsList(Protocol):
    """A node that goes on with its last list while its source is away."""

    def list_ages(self) -> Mapping[str, float]:
        """Seconds since each of its sources has given its list, by a name for the source.

        A source that has not given one yet is left out.
        """
