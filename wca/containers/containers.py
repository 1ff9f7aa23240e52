"""Keeps the containers in step with the tasks that the node reports."""

import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from queue import Empty, SimpleQueue

from wca.collectors import Collector
from wca.containers.container import Container, Identity, Target
from wca.containers.departures import Departures
from wca.containers.pace import Paces
from wca.errors import PLUGIN_ERRORS, TargetGone
from wca.metrics import Measurements
from wca.nodes import Task
from wca.telemetry import Telemetry

__all__ = ["Containers"]

log = logging.getLogger(__name__)


class Containers:
    """Every task that is being measured, by task id.

    Args:
        locate: gives what a task's collectors attach to; TargetGone when it has no cgroup.
        collectors: what measures each task, by name.
        telemetry: where failures are reported.
        paces: how often each collector is read; every time when left out.
        departures: tells of tasks that are about to go; they are read once more.
        now: Unix time in seconds.
        whole: whether all collectors measure this task. One whose containers are measured by
            themselves is measured by those alone that cannot tell containers apart.
        on_end: told the last sample of each task that has ended.
        patience: seconds to wait for collectors with threads of their own to read a task once
            more that is about to go.
    """

    def __init__(
        self,
        locate: Callable[[Task], Target],
        collectors: Mapping[str, Collector],
        telemetry: Telemetry,
        paces: Paces | None = None,
        departures: Departures | None = None,
        now: Callable[[], float] = time.time,
        whole: Callable[[Task], bool] = lambda _task: True,
        on_end: Callable[[Measurements], None] = lambda _last: None,
        patience: float = 0.0,
    ) -> None:
        self._locate = locate
        self._collectors: dict[str, Collector] = {}
        self._undivided: dict[str, Collector] = {}  # those that cannot tell containers apart
        self._wholes: set[str] = set()  # their names, with those that are paused
        self._choose(collectors)
        self._paused: frozenset[str] = frozenset()
        self._telemetry = telemetry
        self._paces = Paces() if paces is None else paces
        self._departures = departures
        self._now = now
        self._whole = whole
        self._on_end = on_end
        #: Seconds to wait, see above.
        self.patience = patience
        self._containers: dict[str, Container] = {}
        self._leaving: list[Container] = []
        self._said: set[str] = set()
        self._doubled: set[str] = set()
        self._dropped: dict[str, Identity] = {}
        #: How many tasks each collector is to measure, by its name.
        self.measured: Counter[str] = Counter()
        #: How many of these it does not measure, by its name and the reason in a word.
        self.unmeasured: Counter[tuple[str, str]] = Counter()

    def __iter__(self) -> Iterator[Container]:
        return iter(list(self._containers.values()))

    def __len__(self) -> int:
        return len(self._containers)

    def sync(self, tasks: Iterable[Task]) -> None:
        """Open what is new, close what is gone, reopen what was replaced.

        A task whose cgroup is not there is left out; it is tried again with the next list. One
        that is not in the list any more is read once more, if it still can be.

        Args:
            tasks: the tasks that run now; of two with one id the first counts.
        """
        wanted: dict[str, Task] = {}
        for task in tasks:
            if wanted.setdefault(task.task_id, task) is not task:
                self._say_doubled(task.task_id)
        unlisted = self._containers.keys() - wanted.keys()
        self.look(unlisted)
        for task_id in unlisted:
            self._end(task_id)
        self._doubled &= wanted.keys()
        self._dropped = {name: self._dropped[name] for name in self._dropped.keys() & wanted.keys()}
        for task in wanted.values():
            self._sync_task(task)
        self._note_unavailable()
        if self._telemetry.failures("containers"):
            self._telemetry.success("containers")

    def drop(self, container: Container) -> None:
        """Close a container whose task has vanished, or so a probe says."""
        self._dropped[container.task.task_id] = container.identity
        if container.is_there():
            self._close(container.task.task_id)
        else:
            self._end(container.task.task_id)

    def look(self, task_ids: Collection[str]) -> None:
        """Read tasks that are about to go: what cannot be read again had its last sample here.

        Collectors with threads of their own are asked to read them too, and given some time; of
        one that does not answer, the last values stand.

        Args:
            task_ids: those that are not known are passed over.
        """
        going = [self._containers[one] for one in task_ids if one in self._containers]
        done: SimpleQueue[None] = SimpleQueue()
        asked, end = sum(one.ask(done) for one in going), time.monotonic() + self.patience
        with contextlib.suppress(Empty):
            for _ in range(asked):
                done.get(timeout=max(0.0, end - time.monotonic()))
        for container in going:
            with contextlib.suppress(TargetGone):  # too late
                container.look(self._now())

    def task(self, task_id: str) -> Task | None:
        """A task as the node reported it last; None for one that is not measured."""
        container = self._containers.get(task_id)
        return None if container is None else container.task

    def last(self, task_id: str) -> Measurements:
        """What was read last of a task; any thread may ask."""
        container = self._containers.get(task_id)
        return {} if container is None else container.last

    def take_leaving(self) -> list[Container]:
        """Containers that are closed, but whose last sample has not been taken yet.

        One whose id is that of a task by now is left out: both would have the same labels.
        """
        leaving, self._leaving = self._leaving, []
        return [one for one in leaving if one.task.task_id not in self._containers]

    def use(self, collectors: Mapping[str, Collector], paused: Collection[str] = ()) -> None:
        """Measure with these from now on; probes of others are closed.

        Args:
            collectors: by name, some of those or all that were given at first.
            paused: names of others, whose probes are neither read nor closed.
        """
        self._choose(collectors)
        self._paused = frozenset(paused)
        for container in self:
            self._attach(container)
        self._note_unavailable()

    def forget(self, names: Collection[str]) -> None:
        """Close the probes of these collectors; others may have their names from now on."""
        self._wholes.difference_update(names)
        self._said.difference_update(names)
        for container in self:
            container.forget(names)

    def close(self) -> None:
        """Close all containers; safe twice."""
        for task_id in list(self._containers):
            self._close(task_id)

    def _choose(self, collectors: Mapping[str, Collector]) -> None:
        self._collectors = dict(collectors)
        self._undivided = {name: one for name, one in collectors.items() if not one.per_container}
        self._wholes |= self._undivided.keys()

    def _wanted(self, task: Task) -> Mapping[str, Collector]:
        """The collectors that are to measure a task."""
        return self._collectors if self._whole(task) else self._undivided

    def _sync_task(self, task: Task) -> None:
        try:
            container = self._container_of(task)
        except TargetGone:
            self._end(task.task_id)
        except PLUGIN_ERRORS as error:
            words = f"task {task.task_id}: {type(error).__name__}: {error}"
            self._telemetry.failure("containers", words)
            self._close(task.task_id)
        else:
            self._attach(container)
            self._watch(container)

    def _watch(self, container: Container) -> None:
        """Follow its groups, which may be others by now, to their end."""
        if self._departures is None or container.task.task_id not in self._containers:
            return
        try:
            self._departures.watch(container.task.task_id, container.watched())
        except PLUGIN_ERRORS as error:
            words = f"containers of task {container.task.task_id}: {error}"
            self._telemetry.failure("containers", words)

    def _attach(self, container: Container) -> None:
        try:
            whole = self._whole(container.task)
            paused = self._paused if whole else self._paused & self._wholes
            container.attach(self._wanted(container.task), paused)
        except TargetGone:
            self._end(container.task.task_id)
        self._say_unavailable(container)

    def _container_of(self, task: Task) -> Container:
        """The container of this task, made anew when its cgroup is another one."""
        container = self._containers.get(task.task_id)
        if container is not None and container.is_still(task):
            container.update(task)
            return container
        target = self._locate(task)
        inodes = target.cgroup.identity()
        if not inodes:
            raise TargetGone(f"{task.cgroup_path} has no cgroup")
        identity: Identity = (task.task_id, task.cgroup_path, inodes)
        if container is not None and container.relocate(target.cgroup, identity):
            container.update(task)
            return container
        self._end(task.task_id)
        if self._dropped.get(task.task_id) == identity:
            words = f"task {task.task_id} was said to be gone, but its cgroup is the same"
            self._telemetry.failure("containers", words)
        container = Container(target, identity, self._telemetry, self._paces)
        self._containers[task.task_id] = container
        return container

    def _note_unavailable(self) -> None:
        whole = sum(self._whole(one.task) for one in self)
        self.measured = Counter(dict.fromkeys(self._collectors, whole))
        self.measured.update(dict.fromkeys(self._undivided, len(self) - whole))
        self.unmeasured = Counter()
        for one in self:
            wanted = self._wanted(one.task)
            lacking = (name for name in one.unavailable if name in wanted)
            self.unmeasured.update((name, "unavailable") for name in lacking)
            self.unmeasured.update(one.lacking.items())

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

    def _end(self, task_id: str) -> None:
        """The task has ended: count it, and keep a sample that nobody has seen yet."""
        container = self._containers.get(task_id)
        if container is not None:
            self._on_end(container.last)
            if container.unseen:
                self._leaving.append(container)
            self._close(task_id)

    def _close(self, task_id: str) -> None:
        container = self._containers.pop(task_id, None)
        if container is not None:
            container.close()
            if self._departures is not None:
                self._departures.forget(task_id)
