"""Tasks that are named in the configuration."""

import logging
from dataclasses import dataclass
from typing import Annotated

from wca.config.types import Injected, LabelName, Path, Str
from wca.errors import NotAvailable, TargetGone, ValidationError
from wca.linux.cgroups import Cgroup, normal_cgroup_path
from wca.linux.files import Kernel, OpenFile
from wca.nodes.api import Node, Task
from wca.nodes.reading import Reading

__all__ = ["StaticNode"]

_log = logging.getLogger(__name__)

# The hierarchies in which processes are looked for; of a task without a demand for processes, the
# first of them tells whether it is still there.
_ASKED = ("cpuacct", "cpu", "memory")


_Labels = dict[Annotated[str, LabelName()], str]


@dataclass(frozen=True, slots=True)
class _Present:
    """A task that was found, with its open ``cgroup.procs``."""

    task: Task
    cgroup: Cgroup
    procs: tuple[OpenFile, ...]

    def close(self) -> None:
        for file in self.procs:
            file.close()


class StaticNode(Node):
    """Tasks by the paths of their cgroups, written in the configuration.

    A task exists when it has a group in each hierarchy of cgroup v1 among cpu, cpuacct and memory
    that is mounted, or else in that of v2. One that does not exist is left out, with a warning
    when that changes, and looked for again each time.

    Args:
        tasks: cgroup paths, with or without a leading ``/``; without it the path is the task's
            name and id. An empty list measures the platform only.
        require_pids: take a task for existing only while processes are in its groups, or below.
        default_labels: labels of every task.
        default_resources: resources of every task: ``cpus`` in cores, ``mem`` in bytes, others.
        tasks_labels: labels by task name, which win over ``default_labels``.
        directory: a cgroup path of which every group directly below is a task too. While it does
            not exist it has no tasks.

    Raises:
        ValidationError: a path has ``..`` in it.
    """

    def __init__(
        self,
        tasks: list[Annotated[str, Str()]],
        require_pids: bool = False,
        default_labels: _Labels | None = None,
        default_resources: dict[str, str | float | int] | None = None,
        tasks_labels: dict[str, _Labels] | None = None,
        directory: Annotated[str, Path()] | None = None,
        *,
        kernel: Annotated[Kernel | None, Injected()] = None,
    ) -> None:
        self._names = [_name(path) for path in tasks]
        self._require_pids = require_pids
        self._default_labels = dict(default_labels or {})
        self._default_resources = dict(default_resources or {})
        self._labels = {_name(path): labels for path, labels in (tasks_labels or {}).items()}
        self._directory = None if directory is None else normal_cgroup_path(directory)
        self._reading = Reading(kernel)
        self._present: dict[str, _Present] = {}
        self._absent: dict[str, str] = {}
        self._said_unused = False

    def use_kernel(self, kernel: Kernel) -> None:
        """Read through this one from now on, unless one was given from Python."""
        if self._reading.use(kernel):
            self.close()

    def get_tasks(self) -> list[Task]:
        """List the tasks that exist now, in the order of the configuration, then of the name.

        A task that was there the last time costs one read, no search.
        """
        self._say_unused_labels()
        names = dict.fromkeys((*self._names, *self._names_in_directory()))
        for name in self._present.keys() - names.keys():
            self._forget(name)
        for name in self._absent.keys() - names.keys() - {self._directory}:
            del self._absent[name]
        return [task for name in names if (task := self._task(name)) is not None]

    def close(self, timeout: float = 0.0) -> None:  # noqa: ARG002 - it never waits
        """Close the files of all tasks; safe twice."""
        for name in list(self._present):
            self._forget(name)

    def _task(self, name: str) -> Task | None:
        present = self._present.get(name)
        if present is not None and self._still_there(present):
            return present.task
        if present is not None:
            self._forget(name)
        return self._find(name)

    def _still_there(self, present: _Present) -> bool:
        if not present.procs:
            return present.cgroup.exists()
        try:
            populated = [_has_process(file) for file in present.procs]
        except TargetGone:
            return False
        # Processes may be in groups below, which have no open file: then it is looked for anew.
        return not self._require_pids or all(populated) or self._populated(present.cgroup)

    def _find(self, name: str) -> Task | None:
        path = normal_cgroup_path(name)
        cgroup = self._reading.hierarchies.locate(path)
        lack = self._lack(cgroup)
        if lack:
            self._say_absent(name, f"task {name} is left out: {lack}")
            return None
        task = Task(
            name=name,
            task_id=name,
            cgroup_path=path,
            labels={**self._default_labels, **self._labels.get(name, {})},
            resources=dict(self._default_resources),
        )
        if self._absent.pop(name, None) is not None:
            _log.info("task %s is there now", name)
        self._present[name] = _Present(task, cgroup, self._open_procs(cgroup))
        return task

    def _lack(self, cgroup: Cgroup) -> str:
        """What keeps a cgroup from being a task; empty when nothing does."""
        missing = self._reading.hierarchies.missing(cgroup)
        if missing:
            return f"there is no cgroup {cgroup.path} for {', '.join(missing)}"
        if self._require_pids and not self._populated(cgroup):
            return f"no process is in the cgroup {cgroup.path}"
        return ""

    def _populated(self, cgroup: Cgroup) -> bool:
        asked = [name for name in _ASKED if cgroup.version(name) is not None]
        return all(cgroup.procs(controller, recursive=True) for controller in asked)

    def _open_procs(self, cgroup: Cgroup) -> tuple[OpenFile, ...]:
        asked: dict[str | None, str] = {}
        for controller in _ASKED:
            asked.setdefault(cgroup.directory(controller), controller)
        asked.pop(None, None)
        controllers = list(asked.values()) if self._require_pids else list(asked.values())[:1]
        try:
            return tuple(cgroup.open(controller, "cgroup.procs") for controller in controllers)
        except (NotAvailable, TargetGone):
            return ()

    def _names_in_directory(self) -> list[str]:
        if self._directory is None:
            return []
        cgroup = self._reading.hierarchies.locate(self._directory)
        folder = next(filter(None, (cgroup.directory(name) for name in _ASKED)), None)
        names = None if folder is None else self._reading.kernel.subfolders(folder)
        if names is None:
            self._say_absent(self._directory, f"no cgroup {self._directory} for 'directory'")
            return []
        self._absent.pop(self._directory, None)
        return [_name(f"{self._directory}/{name}") for name in names]

    def _say_absent(self, name: str, reason: str) -> None:
        if self._absent.get(name) != reason:
            self._absent[name] = reason
            _log.warning("%s", reason)

    def _say_unused_labels(self) -> None:
        unused = sorted(self._labels.keys() - set(self._names))
        if unused and self._directory is None and not self._said_unused:
            self._said_unused = True
            _log.warning("tasks_labels has labels for %s, but tasks does not", ", ".join(unused))

    def _forget(self, name: str) -> None:
        self._present.pop(name).close()


def _name(path: str) -> str:
    """A task's name: its normal path without the leading ``/``; the root keeps it."""
    if not path.strip():
        raise ValidationError("a task is named by the path of its cgroup, got empty text")
    return normal_cgroup_path(path).lstrip("/") or "/"


def _has_process(file: OpenFile) -> bool:
    try:
        return bool(file.read().strip())
    except NotAvailable:  # a threaded group of cgroup v2 refuses to list processes
        return True
