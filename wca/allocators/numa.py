"""``NUMAAllocator``: binds each task to one NUMA node."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from wca.allocators.api import AllocationType, Allocator, TaskAllocations, TasksAllocations
from wca.allocators.numa_placing import NUMAAlgorithm, Placing
from wca.allocators.numa_view import NumaTask, View, look
from wca.config.types import Duration, Numeric
from wca.detectors.api import Anomaly, TasksData
from wca.metrics import CATALOGUE, Metric
from wca.platforms.api import Platform

__all__ = ["NUMAAllocator"]

_SHARE = Numeric(0, 1)
_PAUSE = Duration(0, 86400)
#: How often the pause before the next attempt to move pages doubles.
_DOUBLINGS = 6


@dataclass
class _Move:
    """What was decided about a task.

    Args:
        node: the target.
        since: monotonic time in seconds.
        pages: that were to be moved so far.
        attempts: to move pages that were still elsewhere.
    """

    node: int
    since: float
    pages: int = 0
    attempts: int = 0


class NUMAAllocator(Allocator):
    """Binds tasks to the CPUs of one NUMA node, and moves their memory there.

    In each interval at most one task is placed, the one that needs most memory first: by what it
    has asked for (``mem``), else by its limit, its soft limit, the most that it has used. A task
    whose CPUs are all of one node is placed already and stays; one without memory, or whose CPUs
    are not known, is left alone. What was decided about a task holds for ``pause``, whatever
    comes of it, and counts as placed meanwhile.

    ``fill_biggest_first`` takes the node on which the least memory is placed.
    ``minimize_migration`` takes a node that has most of the task's memory, if also little is placed
    there, or much is free.

    Source: ``platform_mem_numa_free_bytes``, ``platform_mem_numa_used_bytes``,
    ``task_mem_numa_pages``, and what is in force for each task (``cpuset_cpus``).

    Args:
        algorithm: how a node is chosen.
        loop_min_task_balance: of ``minimize_migration``: a task that has on no node this share of
            its pages is left alone.
        free_space_check: whether a node must have room for all that a task may need, beside what
            others placed there still need; in the first releases it was false when left out.
        migrate_pages: whether the pages of a task are moved to its node; not while there is swap
            space.
        migrate_pages_min_task_balance: a task that is placed, and has less than this share of its
            pages on its node, has the rest moved if there is room; null: never.
        cgroups_memory_binding: whether new memory may come from the task's node only
            (``cpuset_mems``).
        cgroups_memory_migrate: on cgroup v1, whether ``cpuset_mems`` moves the pages, too; v2
            always does.
        dryrun: tell the state, and decide nothing. ``act: false`` of the runner tells what would be
            done as well.
        pause: how long a decision about a task holds before there is another one; before pages
            are moved again it doubles with each attempt that was not enough.
    """

    def __init__(
        self,
        algorithm: NUMAAlgorithm = NUMAAlgorithm.FILL_BIGGEST_FIRST,
        loop_min_task_balance: Annotated[float, _SHARE] = 0.0,
        free_space_check: bool = True,
        migrate_pages: bool = True,
        migrate_pages_min_task_balance: Annotated[float, _SHARE] | None = 0.95,
        cgroups_memory_binding: bool = False,
        cgroups_memory_migrate: bool = False,
        dryrun: bool = False,
        pause: Annotated[float, _PAUSE] = 300.0,
    ) -> None:
        self.algorithm = NUMAAlgorithm(algorithm)
        self.loop_min_task_balance = loop_min_task_balance
        self.free_space_check = free_space_check
        self.migrate_pages = migrate_pages
        self.migrate_pages_min_task_balance = migrate_pages_min_task_balance
        self.cgroups_memory_binding = cgroups_memory_binding
        self.cgroups_memory_migrate = cgroups_memory_migrate
        self.dryrun = dryrun
        self.pause = pause
        self._moves: dict[str, _Move] = {}

    def allocate(
        self, platform: Platform, tasks_data: TasksData
    ) -> tuple[TasksAllocations, Sequence[Anomaly], Sequence[Metric]]:
        """Place one task, or move pages of one that is placed."""
        view, now = look(platform, tasks_data), platform.monotonic
        self._moves = {key: move for key, move in self._moves.items() if key in tasks_data}
        placing = self._placing(view, now)
        asked: TasksAllocations = {}
        if not self.dryrun:
            moving = self.migrate_pages and not platform.swap_enabled
            for task, node in self._decided(view, placing, now):
                asked[task.task_id] = self._bound(tasks_data, task, placing, node, moving=moving)
            if moving and not asked:
                asked = self._left_behind(view, placing, now)
        return asked, [], self._metrics(view, placing, tasks_data)

    def _placing(self, view: View, now: float) -> Placing:
        """What is placed, or about to be."""
        placed = []
        for task in view.tasks:
            move = self._moves.get(task.task_id)
            node = task.node
            if node is None and move is not None and self._holds(move, now):
                node = move.node
            if node is not None and node in view.nodes:
                placed.append((task, node))
        return Placing(view.nodes, placed)

    def _holds(self, move: _Move, now: float) -> bool:
        pause = self.pause * float(2 ** min(move.attempts, _DOUBLINGS))
        return 0 <= now - move.since < pause

    def _decided(self, view: View, placing: Placing, now: float) -> Iterator[tuple[NumaTask, int]]:
        """The first task that gets a node, with it."""
        placed = {task.task_id for task, _ in placing.placed}
        for task in view.tasks:
            if task.task_id in placed or task.node is not None or not task.memory:
                continue
            node = self._node_for(task, placing)
            if node is not None:
                self._moves[task.task_id] = _Move(node, now)
                yield task, node
                return

    def _node_for(self, task: NumaTask, placing: Placing) -> int | None:
        nodes = placing.candidates(task, with_room=self.free_space_check)
        if self.algorithm is NUMAAlgorithm.FILL_BIGGEST_FIRST:
            return placing.fill_biggest_first(nodes)
        return placing.minimize_migration(task, nodes, self.loop_min_task_balance)

    def _bound(
        self, tasks: TasksData, task: NumaTask, placing: Placing, node: int, *, moving: bool
    ) -> TaskAllocations:
        cpus = (task.cpus or frozenset()) & placing.nodes[node].cpus
        granted: TaskAllocations = {AllocationType.CPUSET_CPUS: ",".join(map(str, sorted(cpus)))}
        if self.cgroups_memory_binding:
            migrates = AllocationType.CPUSET_MEMORY_MIGRATE
            if self.cgroups_memory_migrate and migrates in tasks[task.task_id].allocations:
                granted[migrates] = 1
            granted[AllocationType.CPUSET_MEMS] = str(node)
        if moving:
            granted[AllocationType.MIGRATE_PAGES] = node
            self._moves[task.task_id].pages += task.elsewhere(node)
        return granted

    def _left_behind(self, view: View, placing: Placing, now: float) -> TasksAllocations:
        """Of the tasks that are placed, the one with most pages elsewhere: they are moved."""
        least = self.migrate_pages_min_task_balance
        if least is None:
            return {}
        found = []
        for task in view.tasks:
            if task.node is None or not sum(task.pages.values()):
                continue
            move = self._moves.get(task.task_id)
            if task.share(task.node) >= least:
                if move is not None:
                    move.attempts = 0
            elif not (move and self._holds(move, now)) and placing.may_move(task, task.node):
                found.append((-task.elsewhere(task.node), task.task_id, task.node))
        for pages, task_id, node in sorted(found)[:1]:
            move = self._moves.setdefault(task_id, _Move(node, now))
            move.node, move.since = node, now
            move.pages, move.attempts = move.pages - pages, move.attempts + 1
            return {task_id: {AllocationType.MIGRATE_PAGES: node}}
        return {}

    def _metrics(self, view: View, placing: Placing, tasks: TasksData) -> list[Metric]:
        metrics = [_metric("numa__task_tasks_count", len(view.tasks))]
        for node in view.nodes:
            labels = {"numa_node": str(node)}
            count = len(placing.tasks(node))
            metrics.append(_metric("numa__balanced_memory_tasks", count, labels))
            metrics.append(_metric("numa__balanced_memory_size", placing.size(node), labels))
        if self.dryrun:
            return metrics
        for task in view.tasks:
            labels = dict(tasks[task.task_id].labels)
            current = -1 if task.node is None else task.node
            metrics.append(_metric("numa__task_current_node", current, labels))
            move = self._moves.get(task.task_id)
            if move is not None:
                metrics.append(_metric("numa__task_pages_to_move", move.pages, dict(labels)))
        total = sum(move.pages for move in self._moves.values())
        return [*metrics, _metric("numa__total_pages_to_move", total)]


def _metric(name: str, value: float, labels: dict[str, str] | None = None) -> Metric:
    entry = CATALOGUE[name]
    return Metric(name, value, labels or {}, entry.type, entry.help, entry.unit, entry.granularity)
