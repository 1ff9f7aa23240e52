"""Several nodes as one."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any

from wca.abilities import ability
from wca.clock import Clock, SystemClock
from wca.config.types import Duration, Injected
from wca.errors import PLUGIN_ERRORS, StartError, TaskSynchronizationException, ValidationError
from wca.linux.files import Kernel
from wca.naming import named
from wca.nodes.api import KeepsList, Node, Task, TellsChanges
from wca.nodes.kept_list import KeptList

__all__ = ["UnionNode"]

log = logging.getLogger(__name__)

_KEEP = Duration(0, 86400)


class UnionNode(Node):
    """The tasks of several nodes together.

    A node that fails costs its own tasks only, and those not before its last list is too old; what
    fails is said by the name of its class, a second node of a class being ``Name#2``. Of two tasks
    with one id the one of the earlier node counts.

    It has no ``check``: the nodes in it are components of the file like all others.

    Args:
        nodes: in the order in which they count.
        keep: how long the last list of a node that fails is used. A node that asks a network keeps
            its list itself, as long as it says.
        clock: for tests: time.

    Raises:
        ValidationError: there is no node, or one is there twice.
    """

    def __init__(
        self,
        nodes: list[Node],
        keep: Annotated[float, _KEEP] = 300.0,
        *,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        _KEEP.check(keep)
        if not nodes:
            raise ValidationError("nodes is empty: write at least one node")
        if len({id(node) for node in nodes}) < len(nodes):
            raise ValidationError("one node is there twice: its tasks would be, too")
        self._clock = clock or SystemClock()
        self._children = [
            _Child(name, node, keep, self._clock) for name, node in named(nodes).items()
        ]
        self._doubled: set[str] = set()

    def use_kernel(self, kernel: Kernel) -> None:
        """Let the nodes that read kernel files read through this one."""
        for child in self._children:
            use = ability(child.node, "use_kernel")
            if use is not None:
                use(kernel)

    def on_change(self, changed: Callable[[], None]) -> None:
        """Call this when a node that notices has another list."""
        for child in self._children:
            if isinstance(child.node, TellsChanges):
                child.node.on_change(changed)

    def start(self) -> None:
        """Start the nodes in their order; ``close`` closes them all, started or not.

        Raises:
            StartError: a node cannot start.
        """
        for child in self._children:
            start = ability(child.node, "start")
            try:
                if start is not None:
                    start()
            except PLUGIN_ERRORS as error:
                raise StartError(f"{child.name} cannot start: {error}") from error

    def get_tasks(self) -> Sequence[Task]:
        """The tasks of all nodes that have a list.

        Raises:
            TaskSynchronizationException: none has one.
        """
        lists = [child.tasks() for child in self._children]
        if all(tasks is None for tasks in lists):
            reasons = "; ".join(f"{child.name}: {child.reason}" for child in self._children)
            raise TaskSynchronizationException(f"no node has a list of tasks: {reasons}")
        return self._without_doubles(task for tasks in lists for task in tasks or ())

    def list_ages(self) -> Mapping[str, float]:
        """Ages of the lists by the names of the nodes; ``Name/source`` of one with several."""
        return {name: age for child in self._children for name, age in child.ages().items()}

    def close(self, timeout: float = 5.0) -> None:
        """Close the nodes in reverse order; one that cannot keeps none of the others open.

        Args:
            timeout: for all of them together, in seconds. Each has an equal share of what is left.
        """
        deadline = self._clock.monotonic() + timeout
        for waiting, child in reversed(list(enumerate(self._children, 1))):
            close = ability(child.node, "close")
            try:
                if close is not None:
                    close(max(0.0, deadline - self._clock.monotonic()) / waiting)
            except PLUGIN_ERRORS as error:
                log.error("%s did not close: %s", child.name, error)  # noqa: TRY400

    def _without_doubles(self, tasks: Iterable[Any]) -> list[Task]:
        first: dict[object, Task] = {}
        doubled: set[str] = set()
        for task in tasks:
            task_id = getattr(task, "task_id", None)
            # What has no id is no task: discovery says so and leaves it out.
            key = task_id if isinstance(task_id, str) else id(task)
            if first.setdefault(key, task) is not task:
                doubled.add(str(task_id))
        new = sorted(doubled - self._doubled)
        self._doubled = doubled
        if new:
            more = f" and {len(new) - 1} more" if len(new) > 1 else ""
            log.warning(
                "task id %s%s: listed by more than one node; that of the earlier node counts",
                new[0],
                more,
            )
        return list(first.values())


class _Child:
    """One node, with its last list where it does not keep that itself.

    Args:
        name: what to call it.
        node: the node.
        keep: seconds for which its last list is used.
        clock: time.
    """

    def __init__(self, name: str, node: Node, keep: float, clock: Clock) -> None:
        self.name = name
        self.node = node
        #: Why it has no list; empty: it has one.
        self.reason = ""
        self._kept = None if isinstance(node, KeepsList) else KeptList(name, keep, clock)

    def tasks(self) -> Sequence[Task] | None:
        """Its list, or the last one that may be used; None: there is none, which is said once."""
        try:
            tasks = self._list()
        except TaskSynchronizationException as error:
            reason = str(error) or "no list of tasks"
        except PLUGIN_ERRORS as error:
            reason = f"{type(error).__name__}: {error}"
        else:
            if self.reason:
                log.info("the tasks of %s are there again", self.name)
            self.reason = ""
            return tasks
        if not self.reason:
            log.warning("the tasks of %s are left out: %s", self.name, reason)
        self.reason = reason
        return None

    def ages(self) -> Mapping[str, float]:
        """The age of its list, or of each of its lists."""
        if isinstance(self.node, KeepsList):
            ages = self.node.list_ages()
            alone = len(ages) == 1
            return {
                self.name if alone else f"{self.name}/{source}": age for source, age in ages.items()
            }
        age = self._kept.age if self._kept else None
        return {} if age is None else {self.name: age}

    def _list(self) -> Sequence[Task]:
        if self._kept is None:
            return self.node.get_tasks()
        try:
            self._kept.put(self.node.get_tasks())
        except TaskSynchronizationException as error:
            self._kept.fail(str(error) or "no list of tasks")
        except PLUGIN_ERRORS as error:
            self._kept.fail(f"{type(error).__name__}: {error}")
        return self._kept.get()
