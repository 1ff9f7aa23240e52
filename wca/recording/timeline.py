"""A picture of a recording: what each task did, what was done to it, and what was said about it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, BinaryIO

from wca.detectors.api import TaskData, TasksData
from wca.errors import UsageError
from wca.recording.findings import Finding
from wca.recording.frame import Frame
from wca.recording.labels import Episode

__all__ = ["Signals", "Timeline"]

#: Tasks that are drawn; those that episodes and anomalies name come first.
_MOST_TASKS = 12
_CPU, _WORK, _SLI = "task_cpu_usage_seconds", "task_work", "task_sli_normalized"
#: Counters of seconds whose rates are shares of the time, with the colour of their line.
_SHARES = {
    "task_psi_cpu_some_seconds": ("waits for a CPU", "tab:red"),
    "task_psi_memory_some_seconds": ("waits for memory", "tab:purple"),
    "task_psi_io_some_seconds": ("waits for disks", "tab:brown"),
}
#: Columns of the picture for which there are points.
_COLUMNS = 1600
#: Readings between which a cost is taken, so that it does not jitter.
_COST_OVER = 5
#: Room above the lines, for what was said.
_HEADROOM = 1.4


class _Points:
    """A line: of all values in a column of the picture the least and the greatest.

    Args:
        begin: Unix time of the first column.
        width: of a column, in seconds.
    """

    def __init__(self, begin: float, width: float) -> None:
        self._begin = begin
        self._width = width
        self._columns: dict[int, tuple[tuple[float, float], tuple[float, float]]] = {}

    def add(self, time: float, value: float) -> None:
        """Take a point."""
        column = min(_COLUMNS, max(0, int((time - self._begin) / self._width)))
        point = (time, value)
        least, most = self._columns.get(column, (point, point))
        self._columns[column] = (
            min(least, point, key=lambda one: one[1]),
            max(most, point, key=lambda one: one[1]),
        )

    def __iter__(self) -> Iterator[tuple[float, float]]:
        """Time and value of what is left, in the order of the time."""
        return iter(sorted({point for column in self._columns.values() for point in column}))


class Signals:
    """What is drawn of one task.

    Args:
        new: makes an empty line.
    """

    def __init__(self, new: Callable[[], _Points]) -> None:
        #: CPUs that it used.
        self.cpus = new()
        #: By name of a metric, the share of the time.
        self.shares = {name: new() for name in _SHARES}
        #: Seconds of CPU for a unit of its work.
        self.cost = new()
        #: Of its service level, divided by the objective.
        self.indicator = new()
        self.readings: list[tuple[float, TaskData]] = []

    def add(self, timestamp: float, monotonic: float, task: TaskData) -> None:
        """Take one more reading."""
        if self.readings:
            since, before = self.readings[-1]
            self._take(timestamp, monotonic - since, before, task)
        self.readings = [*self.readings[-_COST_OVER:], (monotonic, task)]
        indicator = task.measurements.get(_SLI)
        if isinstance(indicator, (int, float)):
            self.indicator.add(timestamp, indicator)

    def _take(self, timestamp: float, seconds: float, before: TaskData, task: TaskData) -> None:
        if seconds <= 0:
            return
        used = _growth(_CPU, before, task)
        if used is not None:
            self.cpus.add(timestamp, used / seconds)
        for name in _SHARES:
            waited = _growth(name, before, task)
            if waited is not None:
                self.shares[name].add(timestamp, waited / seconds)
        first = self.readings[0][1]
        used, done = _growth(_CPU, first, task), _growth(_WORK, first, task)
        if used is not None and done:
            self.cost.add(timestamp, used / done)


class Timeline:
    """Finds out what is worth drawing, frame by frame, and draws it."""

    def __init__(self) -> None:
        self.begin: float | None = None
        self.end = 0.0
        self._used: dict[str, float] = {}
        self._before: TasksData = {}

    def add(self, frame: Frame) -> None:
        """Take one more interval: only what tells which tasks are the busiest is kept."""
        timestamp = frame.platform.timestamp
        self.begin = timestamp if self.begin is None else self.begin
        self.end = timestamp
        for task_id, task in frame.tasks.items():
            before = self._before.get(task_id)
            used = None if before is None else _growth(_CPU, before, task)
            self._used[task_id] = self._used.get(task_id, 0.0) + (used or 0.0)
        self._before = frame.tasks

    def draw(
        self,
        file: BinaryIO,
        frames: Iterable[Frame],
        found: Sequence[Finding],
        episodes: Sequence[Episode],
    ) -> None:
        """Write the picture as PNG.

        Args:
            file: takes it.
            frames: those that were added, once more.
            found: anomalies.
            episodes: what really happened; maybe nothing is known.

        Raises:
            UsageError: matplotlib is not installed.
            OSError: the file cannot be written.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError:
            raise UsageError(
                "a picture needs matplotlib: install wca with its extra `plot`, or matplotlib"
            ) from None
        tasks = self._chosen(found, episodes)
        signals = self._signals(frames, tasks)
        rows = max(1, len(tasks))
        figure = Figure(figsize=(16, 1.2 + 1.9 * rows), layout="constrained")
        axes = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
        for axis, task in zip(axes, tasks, strict=False):
            self._draw_task(axis, task, signals[task], found, episodes)
        if self.begin is not None:
            start = datetime.fromtimestamp(self.begin, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            axes[-1].set_xlabel(f"seconds since {start}")
            axes[-1].set_xlim(0, max(1.0, self.end - self.begin))
        figure.suptitle(_legend_of_bands(episodes))
        figure.savefig(file, format="png", dpi=100)

    def _chosen(self, found: Sequence[Finding], episodes: Sequence[Episode]) -> list[str]:
        named = [task for one in episodes for task in (one.victim, *one.culprits, *one.decoys)]
        named += [task for one in found for task in (one.task, *one.accused)]
        busy = sorted(self._used, key=lambda task: -self._used[task])
        known = [task for task in dict.fromkeys([*named, *busy]) if task in self._used]
        return known[:_MOST_TASKS]

    def _signals(self, frames: Iterable[Frame], tasks: Sequence[str]) -> dict[str, Signals]:
        """What is drawn of these tasks."""
        begin = self.begin or 0.0
        width = max(self.end - begin, 1e-9) / _COLUMNS
        signals = {task: Signals(lambda: _Points(begin, width)) for task in tasks}
        for frame in frames:
            platform = frame.platform
            for task in tasks:
                if task in frame.tasks:
                    signals[task].add(platform.timestamp, platform.monotonic, frame.tasks[task])
        return signals

    def _draw_task(
        self,
        axis: Any,
        task: str,
        signals: Signals,
        found: Sequence[Finding],
        episodes: Sequence[Episode],
    ) -> None:
        begin = self.begin or 0.0
        for episode in episodes:
            colour = _colour(episode, task)
            if colour is not None:
                axis.axvspan(episode.start - begin, episode.end - begin, color=colour, alpha=0.25)
                if task == episode.victim:
                    _write(axis, episode.start - begin, 0.02, episode.kind, "bottom")
        _line(axis, signals.cpus, begin, label="CPUs used", color="tab:blue")
        axis.set_ylim(0, axis.get_ylim()[1] * _HEADROOM)
        axis.set_ylabel("CPUs")
        axis.set_title(task, loc="left", fontsize=9, parse_math=False)
        right = axis.twinx()
        for name, points in signals.shares.items():
            words, colour = _SHARES[name]
            _line(right, points, begin, label=words, color=colour, linewidth=0.8)
        _line(right, _relative(signals.cost), begin, label="CPU per work", color="tab:green")
        _line(right, signals.indicator, begin, label="service level", color="black", linewidth=0.8)
        right.set_ylim(0, max(1.0, right.get_ylim()[1]) * _HEADROOM)
        right.set_ylabel("share, or times usual")
        for one in found:
            if one.task in (task, ""):
                _mark(axis, one, begin)
        lines = [*axis.get_lines(), *right.get_lines()]
        axis.legend(
            handles=[line for line in lines if not line.get_label().startswith("_")],
            loc="lower right",
            bbox_to_anchor=(1.0, 1.0),  # above the axis, beside the name of the task
            frameon=False,
            fontsize=7,
            ncols=7,
        )


def _growth(name: str, before: TaskData, after: TaskData) -> float | None:
    """How much a counter has grown; None where it was not counted or began anew."""
    old, new = before.measurements.get(name), after.measurements.get(name)
    if not isinstance(old, (int, float)) or not isinstance(new, (int, float)) or new < old:
        return None
    return new - old


def _relative(line: _Points) -> list[tuple[float, float]]:
    """Values as times of the one in the middle."""
    points = list(line)
    usual = sorted(value for _, value in points)[len(points) // 2] if points else 0.0
    return [(time, value / usual) for time, value in points] if usual else []


def _line(axis: Any, line: Iterable[tuple[float, float]], begin: float, **style: Any) -> None:
    points = list(line)
    if points:
        axis.plot([time - begin for time, _ in points], [value for _, value in points], **style)


def _mark(axis: Any, finding: Finding, begin: float) -> None:
    """A triangle where it begins, a bar as long as it lasts, and what was said."""
    start, stop = finding.begin - begin, finding.end - begin
    place = axis.get_xaxis_transform()  # the height as a share of the axis
    axis.plot([start, stop], [0.93, 0.93], transform=place, color="black", linewidth=3)
    axis.plot([start], [0.93], transform=place, color="black", marker="v", markersize=8)
    accused = f" by {', '.join(finding.accused)}" if finding.accused else ""
    _write(axis, start, 0.86, f"{finding.verdict or finding.resource}{accused}", "top")


def _write(axis: Any, at: float, height: float, text: str, align: str) -> None:
    place = axis.get_xaxis_transform()
    style: dict[str, Any] = {"fontsize": 7, "va": align, "clip_on": True, "parse_math": False}
    axis.text(at, height, f" {text}", transform=place, **style)


def _colour(episode: Episode, task: str) -> str | None:
    if episode.verdict is None:
        return "tab:gray"
    if task == episode.victim:
        return "tab:red"
    if task in episode.culprits:
        return "tab:orange"
    return "tab:cyan" if task in episode.decoys else None


def _legend_of_bands(episodes: Sequence[Episode]) -> str:
    bands = "red: victim, orange: culprit, blue: decoy, grey: control; " if episodes else ""
    return f"{bands}black: anomalies, from begin to end, with what was said"
