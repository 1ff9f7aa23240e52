"""What ``NUMAAllocator`` sees: nodes with their memory, tasks with theirs. Pure."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wca.allocators.api import AllocationType
from wca.detectors.api import TaskData, TasksData
from wca.linux.parse import Malformed, parse_cpu_list
from wca.platforms.api import Platform

__all__ = ["PAGE", "NumaNode", "NumaTask", "View", "look"]

#: Bytes of a page, which ``task_mem_numa_pages`` counts; huge pages count as many of them.
PAGE = os.sysconf("SC_PAGESIZE")

_FREE, _USED = "platform_mem_numa_free_bytes", "platform_mem_numa_used_bytes"
_PAGES = "task_mem_numa_pages"
#: What a task may need, where it has not asked for memory: the first that makes sense.
_NEEDS = (
    "task_mem_limit_bytes",
    "task_mem_soft_limit_bytes",
    "task_mem_max_usage_bytes",
    "task_mem_usage_bytes",
)


@dataclass(frozen=True)
class NumaNode:
    """A node that tasks can be placed on.

    Args:
        number: of the node.
        cpus: its CPUs.
        free: bytes of memory that nobody uses.
    """

    number: int
    cpus: frozenset[int]
    free: float


@dataclass(frozen=True)
class NumaTask:
    """A task as it is placed.

    Args:
        task_id: its id.
        memory: bytes that it may need; 0: not known, and it is left alone.
        pages: that it has, by node.
        cpus: on which it may run; None: not known, and it is left alone.
        node: that it is bound to; None: it runs on several.
    """

    task_id: str
    memory: float
    pages: Mapping[int, int]
    cpus: frozenset[int] | None
    node: int | None = None

    def share(self, node: int) -> float:
        """Of its pages on a node, rounded; 0 for a task without pages."""
        total = sum(self.pages.values())
        return round(self.pages.get(node, 0) / total, 4) if total else 0.0

    def elsewhere(self, node: int) -> int:
        """Its pages on other nodes."""
        return sum(self.pages.values()) - self.pages.get(node, 0)

    def missing(self, node: int) -> float:
        """Bytes that a node has to have free for all that it may need."""
        return max(0.0, self.memory - self.pages.get(node, 0) * PAGE)


@dataclass(frozen=True)
class View:
    """All of it, nodes by number, tasks with the one that needs most first."""

    nodes: Mapping[int, NumaNode] = field(default_factory=dict)
    tasks: tuple[NumaTask, ...] = ()


def look(platform: Platform, tasks: TasksData) -> View:
    """Take what makes sense of what was measured.

    A node without CPUs, or whose memory was not measured, is none to place tasks on.
    """
    free, used = (_by_node(platform.measurements.get(name)) for name in (_FREE, _USED))
    nodes = {
        number: NumaNode(number, frozenset(cpus), free[number])
        for number, cpus in sorted(platform.node_cpus.items())
        if cpus and number in free
    }
    total = sum(free.values()) + sum(used.values())
    everything = frozenset(cpu for cpus in platform.node_cpus.values() for cpu in cpus)
    found = [_task(task, nodes, total, everything) for task in tasks.values()]
    return View(nodes, tuple(sorted(found, key=lambda task: (-task.memory, task.task_id))))


def _task(
    task: TaskData, nodes: Mapping[int, NumaNode], total: float, everything: frozenset[int]
) -> NumaTask:
    cpus = _cpus(task.allocations.get(AllocationType.CPUSET_CPUS), everything)
    # A part of the CPUs of a node is enough: others may be reserved, or isolated.
    node = next((n.number for n in nodes.values() if cpus and cpus <= n.cpus), None)
    pages = {
        number: int(count) for number, count in _by_node(task.measurements.get(_PAGES)).items()
    }
    return NumaTask(task.task_id, _memory(task, total), pages, cpus, node)


def _memory(task: TaskData, total: float) -> float:
    asked: Any = task.resources.get("mem")
    if _is_size(asked):
        return float(asked)
    measured: list[Any] = [task.measurements.get(name) for name in _NEEDS]
    return next((float(one) for one in measured if _is_size(one) and one <= total), 0.0)


def _cpus(given: Any, everything: frozenset[int]) -> frozenset[int] | None:
    """The CPUs of a cpuset; an empty one has all."""
    try:
        numbers = parse_cpu_list(given.encode()) if isinstance(given, str) else given
        found = None if numbers is None else frozenset(map(int, numbers))
    except (Malformed, TypeError, ValueError):
        return None
    return found if found is None else (found & everything or everything)


def _by_node(given: Any) -> dict[int, float]:
    """Numbers by node; the numbers of nodes are text."""
    if not isinstance(given, Mapping):
        return {}
    return {
        int(number): float(value)
        for number, value in given.items()
        if str(number).isdecimal() and _is_size(value)
    }


def _is_size(value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value) and value >= 0
