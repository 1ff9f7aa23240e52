"""On which NUMA node a task is placed: both algorithms of ``NUMAAllocator``. Pure."""

import enum
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wca.allocators.numa_view import PAGE, NumaNode, NumaTask

__all__ = ["NUMAAlgorithm", "Placing", "common"]

#: Shares of pages are compared in steps that are small where a task has few pages on a node.
_SHARES = 1000


class NUMAAlgorithm(enum.StrEnum):
    """How a node is chosen."""

    FILL_BIGGEST_FIRST = "fill_biggest_first"
    MINIMIZE_MIGRATION = "minimize_migration"


@dataclass(frozen=True)
class Placing:
    """The nodes with what is placed on them already.

    Args:
        nodes: by number.
        placed: tasks with the node that each is bound to, or is about to be.
    """

    nodes: Mapping[int, NumaNode]
    placed: Sequence[tuple[NumaTask, int]]

    def tasks(self, node: int) -> list[NumaTask]:
        """Those that are placed on a node."""
        return [task for task, number in self.placed if number == node]

    def size(self, node: int) -> float:
        """Bytes that those may need."""
        return sum(task.memory for task in self.tasks(node))

    def room(self, node: int, task: NumaTask) -> float:
        """Bytes that are free on a node, without what others that are placed there still need."""
        others = (one for one in self.tasks(node) if one.task_id != task.task_id)
        return self.nodes[node].free - sum(one.missing(node) for one in others)

    def candidates(self, task: NumaTask, *, with_room: bool) -> list[int]:
        """Nodes on which a task may run, ascending.

        Args:
            task: which.
            with_room: those only that have room for all that it may need.
        """
        return [
            number
            for number, node in self.nodes.items()
            if task.cpus is not None
            and task.cpus & node.cpus
            and (not with_room or task.missing(number) < self.room(number, task))
        ]

    def fill_biggest_first(self, nodes: Sequence[int]) -> int | None:
        """The node on which the least is placed; of several the first one."""
        return min(nodes, key=self.size, default=None)

    def minimize_migration(
        self, task: NumaTask, nodes: Sequence[int], least_share: float
    ) -> int | None:
        """A node that has much of the task's memory, and of those with little placed or much free.

        Args:
            task: which.
            nodes: those that it may be placed on.
            least_share: of its pages on one node, below which it is left alone.
        """
        if not nodes or max(map(task.share, nodes)) < least_share:
            return None
        after = {node: self.size(node) + task.memory for node in nodes}
        left = {node: self.nodes[node].free - task.memory for node in nodes}
        used = _most({node: round(math.log1p(task.share(node) * _SHARES)) for node in nodes})
        empty = _most({node: -round(math.log10(size), 1) for node, size in after.items()})
        free = _most({n: round(math.log10(size), 1) for n, size in left.items() if size > 0})
        return common(used, empty, free, lambda node: (-task.share(node), after[node], node))

    def may_move(self, task: NumaTask, node: int) -> bool:
        """Whether a node has room for the pages that a task has elsewhere."""
        return task.elsewhere(node) * PAGE < self.room(node, task)


def common(
    most_used: Collection[int],
    emptiest: Collection[int],
    freest: Collection[int],
    order: Callable[[int], Any],
) -> int | None:
    """A node that two of three agree on, the task's own memory before what is free.

    Args:
        most_used: nodes that have most of the task's memory.
        emptiest: nodes with the least placed on them.
        freest: nodes with the most memory free.
        order: of several the first one in it is taken.
    """
    for one, other in ((most_used, emptiest), (most_used, freest), (emptiest, freest)):
        both = set(one) & set(other)
        if both:
            return min(both, key=order)
    return None


def _most(scores: Mapping[int, float]) -> list[int]:
    """The nodes with the highest score."""
    highest = max(scores.values(), default=0.0)
    return [node for node, score in scores.items() if score == highest]
