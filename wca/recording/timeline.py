"""A picture of a recording: what each task did, what was done to it, and what was said about it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from wca.detectors.api import TaskData
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
#: Readings between which a cost is taken, so that it does not jitter.
_COST_OVER = 5
#: Room above the lines, for what was said.
_HEADROOM = 1.4


@dataclass
class Signals:
    """What is drawn of one task: time and value of each signal.

    Args:
        cpus: CPUs that it used.
        shares: by name of a metric, the share of the time.
        cost: seconds of CPU for a unit of its work.
        indicator: of its service level, divided by the objective.
    """

    cpus: list[tuple[float, float]] = field(default_factory=list)
    shares: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    cost: list[tuple[float, float]] = field(default_factory=list)
    indicator: list[tuple[float, float]] = field(default_factory=list)
    readings: list[tuple[float, TaskData]] = field(default_factory=list)

    def add(self, timestamp: float, monotonic: float, task: TaskData) -> None:
        """Take one more reading."""
        if self.readings:
            since, before = self.readings[-1]
            self._take(timestamp, monotonic - since, before, task)
        self.readings = [*self.readings[-_COST_OVER:], (monotonic, task)]
        indicator = task.measurements.get(_SLI)
        if isinstance(indicator, (int, float)):
            self.indicator.append((timestamp, indicator))

    def _take(self, timestamp: float, seconds: float, before: TaskData, task: TaskData) -> None:
        if seconds <= 0:
            return
        used = _growth(_CPU, before, task)
        if used is not None:
            self.cpus.append((timestamp, used / seconds))
        for name in _SHARES:
            waited = _growth(name, before, task)
            if waited is not None:
                self.shares.setdefault(name, []).append((timestamp, waited / seconds))
        first = self.readings[0][1]
        used, done = _growth(_CPU, first, task), _growth(_WORK, first, task)
        if used is not None and done:
            self.cost.append((timestamp, used / done))


class Timeline:
    """Collects what is drawn, frame by frame."""

    def __init__(self) -> None:
        self.tasks: dict[str, Signals] = {}
        self.begin: float | None = None
        self.end = 0.0

    def add(self, frame: Frame) -> None:
        """Take one more interval."""
        platform = frame.platform
        self.begin = platform.timestamp if self.begin is None else self.begin
        self.end = platform.timestamp
        for task_id, task in frame.tasks.items():
            signals = self.tasks.setdefault(task_id, Signals())
            signals.add(platform.timestamp, platform.monotonic, task)

    def draw(self, path: str, found: Sequence[Finding], episodes: Sequence[Episode]) -> None:
        """Write the picture as PNG.

        Args:
            path: of the file.
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
        rows = max(1, len(tasks))
        figure = Figure(figsize=(16, 1.2 + 1.9 * rows), layout="constrained")
        axes = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
        for axis, task in zip(axes, tasks, strict=False):
            self._draw_task(axis, task, found, episodes)
        if self.begin is not None:
            start = datetime.fromtimestamp(self.begin, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            axes[-1].set_xlabel(f"seconds since {start}")
            axes[-1].set_xlim(0, max(1.0, self.end - self.begin))
        figure.suptitle(_legend_of_bands(episodes))
        figure.savefig(path, format="png", dpi=100)

    def _chosen(self, found: Sequence[Finding], episodes: Sequence[Episode]) -> list[str]:
        named = [task for one in episodes for task in (one.victim, *one.culprits, *one.decoys)]
        named += [task for one in found for task in (one.task, *one.accused)]
        busy = sorted(self.tasks, key=lambda task: -sum(y for _, y in self.tasks[task].cpus))
        known = [task for task in dict.fromkeys([*named, *busy]) if task in self.tasks]
        return known[:_MOST_TASKS]

    def _draw_task(
        self, axis: Any, task: str, found: Sequence[Finding], episodes: Sequence[Episode]
    ) -> None:
        signals, begin = self.tasks[task], self.begin or 0.0
        for episode in episodes:
            colour = _colour(episode, task)
            if colour is not None:
                axis.axvspan(episode.start - begin, episode.end - begin, color=colour, alpha=0.25)
                if task == episode.victim:
                    _write(axis, episode.start - begin, 0.02, episode.kind, "bottom")
        _line(axis, signals.cpus, begin, label="CPUs used", color="tab:blue")
        axis.set_ylim(0, axis.get_ylim()[1] * _HEADROOM)
        axis.set_ylabel("CPUs")
        axis.set_title(task, loc="left", fontsize=9)
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


def _relative(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Values as times of the one in the middle."""
    usual = sorted(value for _, value in points)[len(points) // 2] if points else 0.0
    return [(time, value / usual) for time, value in points] if usual else []


def _line(axis: Any, points: Sequence[tuple[float, float]], begin: float, **style: Any) -> None:
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
    axis.text(at, height, f" {text}", transform=place, fontsize=7, va=align, clip_on=True)


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
