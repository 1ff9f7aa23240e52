"""What own sampling measures: control groups of this machine, or what a configuration names."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from wca.collectors import Collector
from wca.collectors.task_network import TaskNetworkCollector
from wca.collectors.task_perf import TaskPerfCollector
from wca.collectors.task_pids import TaskPidsCollector
from wca.errors import UsageError
from wca.nodes import Node
from wca.nodes.labels import TaskLabelGenerator
from wca.runners.measuring import Granularity
from wca.runners.selection import default_collectors
from wca.top.groups import BusyGroups

__all__ = ["Chosen", "chosen_groups", "chosen_of"]

#: Collectors that change something to measure it, which who only looks may not.
_WRITING = frozenset(("TaskResctrlCollector", "TaskWssCollector"))
#: Cache misses besides, because they are counted in one group with the others.
_EVENTS = ("task_cycles", "task_instructions", "task_cache_misses")


@dataclass(frozen=True)
class Chosen:
    """What is measured.

    Args:
        name: what to call it in a title.
        node: finds the tasks.
        collectors: measure them, and the machine.
        generators: label name to what makes its value for each task.
        granularity: tasks as a whole, their containers, or both.
        left_out: names of collectors of the configuration that are not used.
    """

    name: str
    node: Node
    collectors: Sequence[Collector]
    generators: dict[str, TaskLabelGenerator] = field(default_factory=dict)
    granularity: Granularity = Granularity.POD
    left_out: Sequence[str] = ()


def chosen_groups(parent: str, *, ipc: bool) -> Chosen:
    """The control groups below one.

    Args:
        parent: its path.
        ipc: count cycles and instructions, too.

    Raises:
        UsageError: there is no such group.
    """
    node = BusyGroups(parent)
    collectors = [*default_collectors(), TaskPidsCollector(), TaskNetworkCollector()]
    if ipc:
        collectors.append(TaskPerfCollector(list(_EVENTS)))
    return Chosen(f"control groups below {node.parent}", node, collectors)


def chosen_of(runner: Any, path: str) -> Chosen:
    """The tasks and collectors of a configuration's runner; nothing else of it is used.

    Args:
        runner: of the configuration.
        path: of the file.

    Raises:
        UsageError: it has none.
    """
    node = getattr(runner, "node", None)
    collectors = getattr(runner, "collectors", None)
    if not isinstance(node, Node) or not isinstance(collectors, list):
        raise UsageError(
            f"{path}: its runner, {type(runner).__name__}, measures no tasks: name a file with a "
            "MeasurementRunner, a DetectionRunner or an AllocationRunner"
        )
    names = [type(one).__name__ for one in collectors]
    used = [one for one, name in zip(collectors, names, strict=True) if name not in _WRITING]
    return Chosen(
        path,
        node,
        used,
        dict(getattr(runner, "task_label_generators", {})),
        Granularity(getattr(runner, "granularity", Granularity.POD)),
        [name for name in names if name in _WRITING],
    )
