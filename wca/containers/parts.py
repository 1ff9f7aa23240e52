"""The containers of a task, each as something to measure of its own."""

from dataclasses import dataclass

from wca.nodes import Task

__all__ = ["Part", "parts_of"]


@dataclass(eq=False)
class Part(Task):
    """One container of a task: it has the task's labels, its own, and ``container``."""


def parts_of(task: Task) -> list[Part]:
    """The containers of a task that have cgroups of their own.

    Args:
        task: with all its labels.

    Returns:
        One for each of ``subcgroups_paths``, named as the node names it, else by its path below the
        task's. That path is in the label ``container_id`` where it has another name.
    """
    return [
        Part(
            name=task.name,
            task_id=f"{task.task_id}{path}",
            cgroup_path=path,
            labels={**task.labels, **_labels(task, path)},
        )
        for path in task.subcgroups_paths
    ]


def _labels(task: Task, path: str) -> dict[str, str]:
    below = path.removeprefix(f"{task.cgroup_path.rstrip('/')}/")
    labels = {"container": below, **task.subcgroups_labels.get(path, {})}
    return labels if labels["container"] == below else {**labels, "container_id": below}
