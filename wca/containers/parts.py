"""The containers of a task, each as something to measure of its own."""

from dataclasses import dataclass

from wca.nodes import Task

__all__ = ["Part", "parts_of"]


@dataclass(eq=False)
class Part(Task):
    """One container of a task: it has the task's labels and ``container``."""


def parts_of(task: Task) -> list[Part]:
    """The containers of a task that have cgroups of their own.

    Args:
        task: with all its labels.

    Returns:
        One for each of ``subcgroups_paths``, named by its path below the task's.
    """
    below = f"{task.cgroup_path.rstrip('/')}/"
    return [
        Part(
            name=task.name,
            task_id=f"{task.task_id}{path}",
            cgroup_path=path,
            labels={**task.labels, "container": path.removeprefix(below)},
        )
        for path in task.subcgroups_paths
    ]
