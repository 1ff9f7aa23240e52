"""The tasks of the page, each with its last points: a bounded number of both."""

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wca.audit.sentences import plain
from wca.containers.parts import Part
from wca.nodes import Task
from wca.runners.stages import TaskSample
from wca.status.meter import Meter
from wca.status.readings import COLUMNS, task_values

__all__ = ["LENGTH", "MOST_TASKS", "Table", "TaskLine"]

#: Points that are kept of each task: 28 bytes for all that is shown of one.
LENGTH = 60
#: Tasks that are shown; of more, the first of the node's list are.
MOST_TASKS = 500
#: Labels of a task that are told, and letters of each.
_MOST_LABELS, _WIDE = 12, 200
#: Labels that say what the row says anyway.
_SAID = frozenset({"task_id", "task_name", "container"})
_WIDTH = len(COLUMNS)
#: Digits after the point that are told.
_DIGITS = {"cpu": 4, "throttled": 4, "memory_bytes": 0, "ipc": 3}


@dataclass(frozen=True, slots=True)
class TaskLine:
    """A task and its last points; never changed, so that other threads may read it.

    Args:
        task: as the node has told it.
        points: the values of ``COLUMNS``, point after point; NaN where there is none.
    """

    task: Task
    points: "array[float]"

    def row(self, *, history: bool) -> dict[str, Any]:
        """The task as the page is told of it; what is not measured is left out.

        Args:
            history: whether all points are told, or only the last one.
        """
        row: dict[str, Any] = {
            "id": self.task.task_id,
            "name": plain(self._name(), _WIDE),
            "labels": {plain(name, _WIDE): plain(str(one), _WIDE) for name, one in self._labels()},
        }
        points = self.points if history else self.points[-_WIDTH:]
        lines = {name: _told(points[n::_WIDTH], name) for n, name in enumerate(COLUMNS)}
        row |= {name: line[-1] for name, line in lines.items() if line[-1] is not None}
        if history:
            row["history"] = {name: one for name, one in lines.items() if set(one) != {None}}
        return row

    def _name(self) -> str:
        task = self.task
        return f"{task.name}/{task.labels['container']}" if isinstance(task, Part) else task.name

    def _labels(self) -> list[tuple[str, str]]:
        labels = [one for one in self.task.labels.items() if one[0] not in _SAID]
        return labels[:_MOST_LABELS]


def _told(points: "array[float]", name: str) -> list[float | None]:
    digits = _DIGITS.get(name, 4) or None  # None: a whole number
    return [None if math.isnan(one) else round(one, digits) for one in points]


class Table:
    """Keeps the lines of the tasks that there are."""

    def __init__(self) -> None:
        self._lines: Mapping[object, tuple[TaskLine, Meter]] = {}

    def add(
        self, samples: Iterable[TaskSample], read_at: Mapping[str, float], now: float
    ) -> Sequence[TaskLine]:
        """One point more of each task; tasks that are not there any more are forgotten.

        Args:
            samples: of the tasks; those beyond ``MOST_TASKS`` are left out.
            read_at: monotonic time at which counters were read last, by name of the metric.
            now: monotonic time.
        """
        lines: dict[object, tuple[TaskLine, Meter]] = {}
        for one in samples:
            if len(lines) == MOST_TASKS:
                break
            container = one.container
            before, meter = self._lines.get(container) or (None, Meter())
            points = array("f", task_values(one.measurements, meter, read_at, now))
            if before is not None:
                points = before.points[-(LENGTH - 1) * _WIDTH :] + points
            lines[container] = TaskLine(container.task, points), meter
        self._lines = lines
        return [line for line, _ in lines.values()]
