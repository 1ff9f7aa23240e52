"""Frames as lines of JSON, each with what has changed since the line before; and back.

The keys of a line are in docs/recording.md.
"""

import json
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from wca.detectors.api import TaskData, TasksData
from wca.metrics import Measurements, Metric
from wca.platforms.api import Platform
from wca.recording.frame import Frame, FrameAnswer
from wca.recording.plain import from_json, to_json
from wca.recording.rows import Path, Rows, flatten, unflatten

__all__ = ["FrameDecoder", "FrameEncoder"]

#: Fields of a platform that are of one interval; the others are its facts.
_MOMENTARY = ("timestamp", "monotonic", "measurements", "read_at")
_FACTS = tuple(one.name for one in fields(Platform) if one.name not in _MOMENTARY)
#: Of a task, in the order of their list.
_TASK_FACTS = (
    "name",
    "task_id",
    "cgroup_path",
    "labels",
    "resources",
    "allocations",
    "subcgroups_paths",
)
_METRIC = tuple(one.name for one in fields(Metric) if one.name != "value")
_PLATFORM, _ANSWER = ("platform",), ("answer",)


class FrameEncoder:
    """Encodes one frame after the other; a new encoder depends on no frame before."""

    def __init__(self) -> None:
        self._rows = Rows()
        self._shapes: dict[tuple[Path, ...], int] = {}
        self._new_shapes: list[Any] = []
        self._last: dict[str, Any] = {}
        self._tasks: dict[str, Hashable] = {}

    def encode(self, frame: Frame) -> str:
        """The frame as one line; after an error the encoder is of no use any more."""
        platform = frame.platform
        line: dict[str, Any] = {"t": [to_json(platform.timestamp), to_json(platform.monotonic)]}
        if frame.lost:
            line["l"] = frame.lost
        self._put(line, "F", {name: getattr(platform, name) for name in _FACTS})
        self._put(line, "R", platform.read_at)
        tasks = {id_: facts for id_, facts in map(self._facts, frame.tasks.items()) if facts}
        numbers = self._numbers(platform, frame.tasks, line)
        if self._new_shapes:
            line["S"], self._new_shapes = self._new_shapes, []
        if tasks:
            line["T"] = tasks
        line["N"] = numbers
        if frame.answer is not None:
            line["A"] = self._answer(frame.answer)
        return json.dumps(line, separators=(",", ":"), allow_nan=False)

    def _put(self, line: dict[str, Any], key: str, value: Any) -> None:
        """What is written only when it has changed."""
        text = repr(value)
        if self._last.get(key) != text:
            self._last[key] = text
            line[key] = to_json(value)

    def _facts(self, item: tuple[str, TaskData]) -> tuple[str, Any]:
        """What is new about a task; None: nothing."""
        id_, task = item
        known = (
            *(task.name, task.task_id, task.cgroup_path),
            *(tuple(task.labels.items()), repr(task.resources), repr(task.allocations)),
            tuple(task.subcgroups_paths),
        )
        if self._tasks.get(id_) == known:
            return id_, None
        self._tasks[id_] = known
        return id_, [to_json(getattr(task, name)) for name in _TASK_FACTS]

    def _numbers(self, platform: Platform, tasks: TasksData, line: dict[str, Any]) -> list[Any]:
        """The numbers, column by column of the rows of each shape; the layout, when it is new."""
        columns: dict[int, list[list[Any]]] = {}

        def shape_of(row: Hashable, measurements: Measurements) -> int:
            paths, values = flatten(measurements)
            shape = self._shape(paths)
            columns.setdefault(shape, []).append(self._rows.differences(row, paths, values))
            return shape

        layout: list[Any] = [shape_of(_PLATFORM, platform.measurements)]
        for id_, task in tasks.items():
            shape = shape_of((id_,), task.measurements)
            parts = [[name, shape_of((id_, name), one)] for name, one in task.containers.items()]
            layout.append([id_, shape, parts] if parts else [id_, shape])
        if layout != self._last.get("L"):
            self._last["L"] = line["L"] = layout
            self._rows.keep((*_rows_of(layout), _ANSWER))
            self._tasks = {id_: self._tasks[id_] for id_ in tasks}
        return [
            [column if any(column) else 0 for column in zip(*rows, strict=True)]
            for rows in columns.values()
        ]

    def _shape(self, paths: tuple[Path, ...]) -> int:
        shape = self._shapes.get(paths)
        if shape is None:
            shape = self._shapes[paths] = len(self._shapes)
            self._new_shapes.append([list(path) for path in paths])
        return shape

    def _answer(self, answer: FrameAnswer) -> dict[str, Any]:
        line: dict[str, Any] = {}
        heads = [[_field(metric, name) for name in _METRIC] for metric in answer.metrics]
        self._put(line, "H", heads)
        paths = [(str(place),) for place in range(len(heads))]
        values = [metric.value for metric in answer.metrics]
        differences = self._rows.differences(_ANSWER, paths, values)
        if any(differences):
            line["V"] = differences
        if answer.anomalies:
            line["a"] = [to_json(record) for record in answer.anomalies]
        if answer.problems:
            line["p"] = list(answer.problems)
        if answer.error is not None:
            line["e"] = answer.error
        if answer.kind != FrameAnswer.kind:
            line["k"] = answer.kind
        if answer.allocations:
            line["g"] = to_json(answer.allocations)
        return line


class FrameDecoder:
    """Decodes what one encoder has made, from its beginning on."""

    def __init__(self) -> None:
        self._rows = Rows()
        self._shapes: list[tuple[Path, ...]] = []
        self._facts: Platform | None = None
        self._read_at: dict[str, float] = {}
        self._layout: list[Any] = []
        self._tasks: dict[str, list[Any]] = {}
        self._heads: list[list[Any]] = []

    def decode(self, text: str) -> Frame:
        """A line as the frame that it was.

        Raises:
            ValueError, TypeError, LookupError, AttributeError: it is no such line.
        """
        line = json.loads(text)
        if "F" in line:
            self._facts = Platform(**from_json(line["F"]))
        if "R" in line:
            self._read_at = from_json(line["R"])
        self._shapes += [tuple(tuple(path) for path in shape) for shape in line.get("S", ())]
        self._tasks.update(line.get("T", {}))
        if "L" in line:
            self._layout = line["L"]
            self._rows.keep((*_rows_of(self._layout), _ANSWER))
            self._tasks = {id_: self._tasks[id_] for id_, *_ in self._layout[1:]}
        if self._facts is None:
            raise ValueError("a frame before the facts of the machine")
        measurements = iter(self._measurements(line["N"]))
        timestamp, monotonic = map(from_json, line["t"])
        platform = replace(
            self._facts,
            timestamp=timestamp,
            monotonic=monotonic,
            measurements=next(measurements),
            read_at=dict(self._read_at),
        )
        answer = self._answer(line["A"]) if "A" in line else None
        return Frame(platform, self._tasks_data(measurements), answer, line.get("l", 0))

    def _measurements(self, numbers: list[Any]) -> Iterator[Measurements]:
        """Of each row, in the order of the layout."""
        rows = list(zip(_rows_of(self._layout), _shapes_of(self._layout), strict=True))
        counts: dict[int, int] = {}
        for _, shape in rows:
            counts[shape] = counts.get(shape, 0) + 1
        differences = {
            shape: _by_row(columns, count)
            for (shape, count), columns in zip(counts.items(), numbers, strict=True)
        }
        for row, shape in rows:
            paths = self._shapes[shape]
            yield unflatten(paths, self._rows.values(row, paths, next(differences[shape])))

    def _tasks_data(self, measurements: Iterator[Measurements]) -> TasksData:
        tasks: TasksData = {}
        for id_, _, *parts in self._layout[1:]:
            facts = dict(zip(_TASK_FACTS, map(from_json, self._tasks[id_]), strict=True))
            tasks[id_] = TaskData(**facts, measurements=next(measurements))
            for name, _ in parts[0] if parts else ():
                tasks[id_].containers[name] = next(measurements)
        return tasks

    def _answer(self, line: Mapping[str, Any]) -> FrameAnswer:
        if "H" in line:
            self._heads = from_json(line["H"])
        paths = [(str(place),) for place in range(len(self._heads))]
        values = self._rows.values(_ANSWER, paths, line.get("V") or [0] * len(paths))
        return FrameAnswer(
            from_json(line.get("a", [])),
            [
                Metric(**dict(zip(_METRIC, head, strict=True)), value=value)
                for head, value in zip(self._heads, values, strict=True)
            ],
            line.get("p", []),
            line.get("e"),
            line.get("k", FrameAnswer.kind),
            from_json(line["g"]) if "g" in line else {},
        )


def _field(metric: Metric, name: str) -> Any:
    value = getattr(metric, name)
    return dict(value) if name == "labels" else value


def _rows_of(layout: list[Any]) -> Iterator[Hashable]:
    yield _PLATFORM
    for id_, _, *parts in layout[1:]:
        yield (id_,)
        for name, _ in parts[0] if parts else ():
            yield (id_, name)


def _shapes_of(layout: list[Any]) -> Iterator[int]:
    yield layout[0]
    for _, shape, *parts in layout[1:]:
        yield shape
        for _, part in parts[0] if parts else ():
            yield part


def _by_row(columns: list[Any], count: int) -> Iterator[Iterable[Any]]:
    whole = [column or [0] * count for column in columns]
    return iter(zip(*whole, strict=True)) if whole else iter([()] * count)
