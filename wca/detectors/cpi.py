"""``CPIDetector``: CPI squared."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from wca.config.types import Duration, LabelName, Numeric
from wca.detectors.api import (
    Anomaly,
    AnomalyDetector,
    ContendedResource,
    ContentionAnomaly,
    Evidence,
    Suspect,
    TaskData,
    TasksData,
)
from wca.detectors.interfering.ageing import APPLICATION, application_of
from wca.detectors.interfering.granted import Granted
from wca.detectors.interfering.hardware import Hardware
from wca.detectors.interfering.pace import Pace
from wca.detectors.interfering.specs import Specs
from wca.detectors.interfering.verdicts import Verdict
from wca.detectors.thresholds.signals import Signal
from wca.errors import ValidationError
from wca.metrics import CATALOGUE, Metric
from wca.metrics.patterns import LabelPatterns
from wca.platforms.api import Platform

__all__ = ["CPIDetector", "antagonist_score"]

#: Seconds over which a suspect's use of CPUs is held against the victim's samples.
_BLAME = 600.0
#: Victims whose suspects are looked at at once, others with the next samples; suspects that are
#: looked at, and that are told.
_VICTIMS, _SUSPECTS, _TOLD = 16, 12, 5
_USED, _CYCLES, _INSTRUCTIONS, _WORK = (
    Signal(name, rate=True, of_machine=False)
    for name in ("task_cpu_usage_seconds", "task_cycles", "task_instructions", "task_work")
)
_CPI, _COST = "cycles per instruction", "CPU seconds per unit of work"


class CPIDetector(AnomalyDetector):
    """Finds tasks whose instructions, or whose work, take more cycles than they do elsewhere.

    CPI squared (Zhang et al., EuroSys 2013): for each application mean and standard deviation of
    the cycles per instruction are learned; a task that is some deviations above the mean several
    times in a window is a victim, and the task whose use of CPUs was highest when the victim's
    samples were is accused. It sees caches and memory bandwidth, not waits. Where there is no
    counter of instructions, CPU seconds per unit of work (``task_work``) take their place; those
    change when the work itself does, so that another mix of requests looks like interference.

    The score is between -1 and 1 and grows with how much slower the victim is: at 20 % slower it
    does not reach a tenth, so that the paper's 0.35 accuses for large slowdowns only. Lower it to
    accuse earlier, and more often wrongly; ``InterferenceDetector`` compares suspects instead.

    Args:
        application_label: the label of tasks that says which of them share a specification; those
            without it share one with tasks of the same name.
        period: seconds that make one sample.
        samples: samples from which on a specification is one.
        deviations: standard deviations above the mean, from where on a sample is an outlier.
        outliers: so many in ``window`` make an anomaly.
        window: see ``outliers``.
        min_cpu: CPUs that a task must have used for a sample of it to count.
        score: of a suspect, from which on it is accused.
        victims: which tasks can be victims, regular expressions by label; none: all.
        culprits: which tasks can be accused, likewise.

    Raises:
        ValidationError: the window has no room for the outliers, or a regular expression is none.
    """

    def __init__(
        self,
        application_label: Annotated[str, LabelName()] = APPLICATION,
        period: Annotated[float, Duration(1, 600)] = 10.0,
        samples: Annotated[int, Numeric(2, 1_000_000)] = 100,
        deviations: Annotated[float, Numeric(0.1, 100)] = 2.0,
        outliers: Annotated[int, Numeric(1, 1000)] = 3,
        window: Annotated[float, Duration(1, 3600)] = 300.0,
        min_cpu: Annotated[float, Numeric(0, 1000)] = 0.25,
        score: Annotated[float, Numeric(0, 1)] = 0.35,
        victims: dict[Annotated[str, LabelName()], str] | None = None,
        culprits: dict[Annotated[str, LabelName()], str] | None = None,
    ) -> None:
        if window < outliers * period:
            raise ValidationError(
                f"window: {window:g}s has no room for outliers: {outliers} of period: {period:g}s"
            )
        self._label = application_label
        self._period = period
        self._samples = samples
        self._deviations = deviations
        self._outliers = outliers
        self._window = round(window / period)
        self._min_cpu = min_cpu
        self._score = score
        self._victims = LabelPatterns(victims, "victims") if victims else None
        self._culprits = LabelPatterns(culprits, "culprits") if culprits else None
        self._kept = max(self._window, round(_BLAME / period))
        self._hardware = Hardware()
        self._specs = Specs()
        self._pace = Pace()
        self._histories: dict[str, _History] = {}
        self._anomalies: dict[str, ContentionAnomaly] = {}
        self._next: float | None = None

    def detect(
        self, platform: Platform, tasks_data: TasksData
    ) -> tuple[Sequence[Anomaly], Sequence[Metric]]:
        """Take a sample of every task when its time has come; see the class."""
        now = platform.monotonic
        if self._hardware.changed(platform.cpu_model):
            self._specs.clear()
        if self._pace.broken(now):
            self._begin()
        self._histories = {
            task_id: self._histories.get(task_id) or _History(self._kept)
            for task_id in sorted(tasks_data)
        }
        if self._next is None or now >= self._next:
            self._next = now + self._period * 0.999
            self._sample(platform, tasks_data)
        present = self._anomalies.items()
        self._anomalies = {task_id: one for task_id, one in present if task_id in tasks_data}
        for one in self._anomalies.values():
            one.contending_task_ids = [a for a in one.contending_task_ids if a in tasks_data]
            one.suspects = [a for a in one.suspects if a.task_id in tasks_data]
        return list(self._anomalies.values()), list(self._metrics(tasks_data))

    def dump_state(self) -> Mapping[str, Any]:
        """The specifications, as JSON can hold them."""
        return {"cpu_model": self._hardware.cpu_model, "specs": self._specs.dump()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on with what ``dump_state`` gave. Raises ValidationError, and changes nothing then."""
        if not isinstance(state, Mapping) or "specs" not in state:
            raise ValidationError("the state of a CPIDetector has specs")
        hardware = Hardware.load(state.get("cpu_model"))
        self._specs.load(state["specs"])
        self._hardware = hardware

    def _begin(self) -> None:
        self._histories = {}
        self._anomalies = {}
        self._next = None

    def _sample(self, platform: Platform, tasks: TasksData) -> None:
        for task_id, history in self._histories.items():
            task = tasks[task_id]
            history.take(platform, task)
            self._judge(history, application_of(task, self._label))
        before, self._anomalies = self._anomalies, {}
        suffering = [one for one, h in self._histories.items() if self._count(h) >= self._outliers]
        victims = [
            one
            for one in suffering
            if self._victims is None or self._victims.match_all(tasks[one].labels)
        ]
        waiting = sorted(victims, key=lambda one: -self._histories[one].unblamed)
        searched = set(waiting[:_VICTIMS])
        for task_id in victims:
            history, known = self._histories[task_id], before.get(task_id)
            history.unblamed = 0 if task_id in searched else history.unblamed + 1
            if known is None or task_id in searched:
                known = self._anomaly(task_id, history, tasks, search=task_id in searched)
            self._anomalies[task_id] = known
        for task_id in sorted(set(self._histories) - set(suffering)):
            history = self._histories[task_id]
            history.unblamed = 0
            if history.value is not None and history.untouched:
                name = _name(application_of(tasks[task_id], self._label), history.kind)
                self._specs.learn(name, history.value, platform.timestamp)

    def _judge(self, history: "_History", application: str) -> None:
        if history.value is not None and history.used[-1] < self._min_cpu:
            history.value = None
        spec = self._specs.get(_name(application, history.kind))
        known = spec is not None and spec.weight >= self._samples
        history.limit = None
        if spec is not None and known:
            history.limit = spec.mean + self._deviations * spec.deviation
        value, limit = history.value, history.limit
        history.out.append(value is not None and limit is not None and value > limit)
        history.values.append(value)

    def _count(self, history: "_History") -> int:
        return sum(list(history.out)[-self._window :])

    def _anomaly(
        self, task_id: str, history: "_History", tasks: TasksData, *, search: bool
    ) -> ContentionAnomaly:
        """One victim; without suspects when others are looked for first."""
        limit = history.limit or 0.0
        others = sorted(
            (-sum(list(one.used)[-self._window :]), other)
            for other, one in self._histories.items()
            if other != task_id
        )[: _SUSPECTS if search else 0]
        samples = list(history.values)
        scores = sorted(
            (-antagonist_score(samples, list(self._histories[other].used), limit), other)
            for _, other in others
        )
        suspects = [Suspect(one, -s, min(1.0, -s)) for s, one in scores if s < 0][:_TOLD]
        accused = [
            one.task_id
            for one in suspects
            if one.score >= self._score and self._may_be_accused(tasks[one.task_id])
        ][:1]
        values: dict[str, float] = {"outliers": self._count(history)}
        thresholds: dict[str, float] = {"outliers": self._outliers, "score": self._score}
        if history.last is not None:
            values[history.kind] = history.last
        if history.limit is not None:
            thresholds[history.kind] = history.limit
        return ContentionAnomaly(
            ContendedResource.MEMORY_BW,
            task_id,
            accused,
            verdict=Verdict.MEMORY_NEIGHBOUR.value,
            evidence=Evidence(
                values,
                thresholds,
                self._window * self._period,
            ),
            suspects=suspects,
        )

    def _may_be_accused(self, task: TaskData) -> bool:
        return self._culprits is None or self._culprits.match_all(task.labels)

    def _metrics(self, tasks: TasksData) -> Iterator[Metric]:
        for task_id, history in self._histories.items():
            spec = self._specs.get(_name(application_of(tasks[task_id], self._label), history.kind))
            weight = 0.0 if spec is None else spec.weight
            yield _metric("cpi_spec_samples", weight, task_id)
            yield _metric("cpi_outliers", self._count(history), task_id)


def antagonist_score(
    samples: Sequence[float | None], used: Sequence[float], threshold: float
) -> float:
    """How a suspect's use of CPUs went along with the victim's samples, from -1 to 1.

    Args:
        samples: of the victim; None where there is none.
        used: CPUs in use by the suspect; the last ones are of the same time as the last samples.
        threshold: what a sample is held against.
    """
    size = min(len(samples), len(used))
    pairs = [
        (one, use)
        for one, use in zip(samples[len(samples) - size :], used[len(used) - size :], strict=True)
        if one is not None and one > 0
    ]
    whole = sum(use for _, use in pairs)
    if not size or whole <= 0 or threshold <= 0:
        return 0.0
    score = 0.0
    for one, use in pairs:
        weight = 1 - threshold / one if one > threshold else one / threshold - 1
        score += use / whole * weight
    return max(-1.0, min(1.0, score))


class _History:
    """The samples of one task.

    Args:
        kept: samples at most.
    """

    def __init__(self, kept: int) -> None:
        self.kind = _COST
        self.value: float | None = None
        self.last: float | None = None
        self.unblamed = 0
        self.limit: float | None = None
        self.untouched = True
        self.values: deque[float | None] = deque(maxlen=kept)
        self.used: deque[float] = deque(maxlen=kept)
        self.out: deque[bool] = deque(maxlen=kept)
        self._before: dict[str, tuple[float, float]] = {}
        self._granted = Granted()
        self._rate = 0.0

    def take(self, platform: Platform, task: TaskData) -> None:
        """Take a sample: the growth of all totals since the last one."""
        self.untouched = self._granted.untouched(task.allocations, platform.monotonic)
        grown = {}
        for signal in (_USED, _CYCLES, _INSTRUCTIONS, _WORK):
            grown[signal] = self._growth(signal, platform, task)
        used = grown[_USED]
        if used is not None:
            self._rate = used[1] / used[0]
        elif _USED.metric not in self._before:
            self._rate = 0.0
        self.used.append(self._rate)  # until the next reading it is as it was
        if self.kind == _COST and {_CYCLES.metric, _INSTRUCTIONS.metric} <= self._before.keys():
            self.kind, self.last = _CPI, None  # of two kinds of numbers there is no one limit
            self.values.extend([None] * len(self.values))
            self.out.extend([False] * len(self.out))
        if self.kind == _CPI:
            self.value = _quotient(grown[_CYCLES], grown[_INSTRUCTIONS])
        else:
            self.value = _quotient(used, grown[_WORK])
        self.last = self.last if self.value is None else self.value

    def _growth(
        self, signal: Signal, platform: Platform, task: TaskData
    ) -> tuple[float, float] | None:
        total = signal.read(task.measurements)
        time = platform.read_at.get(signal.metric, platform.monotonic)
        before = self._before.pop(signal.metric, None)
        if total is None:
            return None
        self._before[signal.metric] = time, total
        if before is None or time <= before[0] or total < before[1]:
            return None
        return time - before[0], total - before[1]


def _quotient(part: tuple[float, float] | None, whole: tuple[float, float] | None) -> float | None:
    """What the first grew for each of what the second grew, at equal times."""
    if part is None or whole is None or whole[1] <= 0:
        return None
    value = part[1] / part[0] / (whole[1] / whole[0])
    return value if 0 < value < 1e15 else None


def _name(application: str, kind: str) -> str:
    return f"{kind} of {application}"


def _metric(name: str, value: float, task_id: str) -> Metric:
    entry = CATALOGUE[name]
    labels = {"task_id": task_id}
    return Metric(name, value, labels, entry.type, entry.help, entry.unit, entry.granularity)
