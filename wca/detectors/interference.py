"""``InterferenceDetector``: who is hurt, by what, and by whom."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any

from wca.config.types import LabelName, Numeric, Ratio
from wca.detectors.api import Anomaly, AnomalyDetector, TaskData, TasksData
from wca.detectors.interfering.ageing import APPLICATION, application_of
from wca.detectors.interfering.baselines import Baselines
from wca.detectors.interfering.blame import Suspects, is_low_priority
from wca.detectors.interfering.judged import Strictness
from wca.detectors.interfering.pace import Pace
from wca.detectors.interfering.patients import Patient
from wca.detectors.interfering.sampling import CPU
from wca.detectors.interfering.table import EVERYBODY_PAYS, EVERYBODY_WAITS, Level
from wca.detectors.interfering.tracks import Machine, Timeline
from wca.detectors.interfering.triage import Scene, triage
from wca.detectors.interfering.verdicts import Verdict
from wca.detectors.interfering.watches import Confirmation
from wca.errors import ValidationError
from wca.metrics import CATALOGUE, Metric
from wca.metrics.patterns import LabelPatterns
from wca.platforms.api import Platform

__all__ = ["InterferenceDetector"]

#: Intervals that are kept.
_KEPT = 64
#: Victims that are looked at closely in one interval; others wait their turn.
_CLOSELY = 16
#: Tasks from which on it can be said that all of them wait, and that the work of all costs more;
#: and which share of them is all.
_WAITING, _PAYING, _ALL = 3, 2, 0.8


class InterferenceDetector(AnomalyDetector):
    """Finds tasks that suffer from others, says from what, and from whom where one stands out.

    It learns for each application, and for each load of it, what is usual: pressure, delay in the
    run queue, throttling, CPU seconds per unit of work, cycles per instruction, waits for io,
    refaults. What is unusual again and again is held against a table that tells neighbours from
    the task's own quota, from the hypervisor, from a machine that is full; a task whose activity
    rose when the victim's trouble began is accused if no other explains it as well, otherwise
    nobody is. Any of the measurements may be missing: what cannot be told apart then is not said.
    docs/detection.md has the table and the limits.

    Source: robust baselines as in statistics; confirmation, ageing and the stand-in of CPU seconds
    per unit of work for CPI after CPI squared (Zhang et al., EuroSys 2013) at the scale of seconds.

    Args:
        application_label: the label of tasks that says which of them are of one kind and share
            baselines; those without it share them with tasks of the same name.
        samples: readings, at a load, after which a baseline is one.
        deviations: how many standard deviations above the median are unusual; the deviation is
            made of the median absolute deviation.
        share: how much of the median above it is unusual at least. Half of it counts for CPU
            seconds per unit of work and for cycles per instruction, which are smoothed.
        outliers: unusual readings that make an anomaly, of the last ``readings``.
        readings: see ``outliers``.
        quiet: readings without an unusual one that end it.
        min_cpu: CPUs that a task must use before its waits for a CPU and its costs are judged.
        victims: which tasks can be victims, regular expressions by label; none: all. Those with
            the least CPU shares never are.

    Raises:
        ValidationError: ``outliers`` are more than ``readings``, or ``victims`` has no regular
            expression.
    """

    def __init__(
        self,
        application_label: Annotated[str, LabelName()] = APPLICATION,
        samples: Annotated[int, Numeric(10, 1_000_000)] = 60,
        deviations: Annotated[float, Numeric(0.1, 100)] = 3.0,
        share: Annotated[float, Ratio(0, 10)] = 0.2,
        outliers: Annotated[int, Numeric(1, 60)] = 3,
        readings: Annotated[int, Numeric(1, 60)] = 10,
        quiet: Annotated[int, Numeric(1, 3600)] = 10,
        min_cpu: Annotated[float, Numeric(0, 1000)] = 0.05,
        victims: dict[Annotated[str, LabelName()], str] | None = None,
    ) -> None:
        if outliers > readings:
            raise ValidationError(f"outliers: {outliers} of readings: {readings} can never be")
        self._application_label = application_label
        self._confirmation = Confirmation(outliers, readings, min_cpu)
        self._quiet = quiet
        self._victims = LabelPatterns(victims, "victims") if victims else None
        self._baselines = Baselines(samples, Strictness(deviations, share))
        self._pace = Pace()
        self._found: Counter[str] = Counter({one.value: 0 for one in Verdict})
        self._patients: dict[str, Patient] = {}
        self._begin()

    def detect(
        self, platform: Platform, tasks_data: TasksData
    ) -> tuple[Sequence[Anomaly], Sequence[Metric]]:
        """Look at all tasks; see the class."""
        now = platform.monotonic
        if self._pace.broken(now):
            self._begin()
        self._timeline.step()
        before, self._patients = self._patients, {}
        for task_id in sorted(tasks_data):  # the order of tasks means nothing
            task = tasks_data[task_id]
            patient = before.get(task_id) or self._new(task)
            patient.look(now, platform.read_at, task.measurements)
            self._patients[task_id] = patient
        self._machine.look(
            platform.read_at.get("platform_cpu_seconds", now),
            platform.measurements,
            [patient.track.now[CPU] for patient in self._patients.values()],
        )
        for patient in self._patients.values():
            patient.judge(self._baselines)
        self._look_closely(platform, tasks_data)
        self._learn(platform.timestamp, tasks_data)
        found = [one.anomaly(task_id, tasks_data) for task_id, one in self._patients.items()]
        return [one for one in found if one is not None], list(self._metrics())

    def dump_state(self) -> Mapping[str, Any]:
        """What was learned, as JSON can hold it."""
        return {"baselines": self._baselines.dump()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on with what ``dump_state`` gave. Raises ValidationError, and changes nothing then."""
        if not isinstance(state, Mapping) or "baselines" not in state:
            raise ValidationError("the state of an InterferenceDetector has baselines")
        self._baselines.load(state["baselines"])

    def _begin(self) -> None:
        """Nothing is known of the last minutes."""
        self._timeline = Timeline(_KEPT)
        self._machine = Machine(self._timeline)
        self._patients = {}

    def _new(self, task: TaskData) -> Patient:
        application = application_of(task, self._application_label)
        return Patient(application, self._timeline, self._confirmation, self._quiet)

    def _look_closely(self, platform: Platform, tasks: TasksData) -> None:
        """Find out what is wrong with those that something is wrong with."""
        waiting = []
        for task_id, patient in self._patients.items():
            if patient.suspected and self._may_suffer(patient, tasks[task_id]):
                patient.waiting += 1
                waiting.append((-patient.waiting, task_id))
            else:
                patient.waiting = 0
        if not waiting:
            return
        scene = self._scene(platform)
        for _, task_id in sorted(waiting)[:_CLOSELY]:
            patient = self._patients[task_id]
            patient.waiting = 0
            finding = triage(task_id, patient.track, patient.watch, scene, patient.lasting)
            verdict = None if finding is None else patient.decide(finding)
            if verdict is not None:
                self._found[verdict.value] += 1

    def _may_suffer(self, patient: Patient, task: TaskData) -> bool:
        if is_low_priority(patient.track):
            return False
        return self._victims is None or self._victims.match_all(task.labels)

    def _scene(self, platform: Platform) -> Scene:
        ordinary = {k: one for k, one in self._patients.items() if not is_low_priority(one.track)}
        waits = [one.watch.waits(one.track) for one in ordinary.values()]
        costs = {task_id: one.watch.costs(one.track) for task_id, one in ordinary.items()}
        pays = _all(costs.values(), _PAYING)
        paying = {task_id for task_id, more in costs.items() if more}
        tracks = {task_id: one.track for task_id, one in self._patients.items()}
        return Scene(
            self._timeline,
            self._machine,
            platform.cpus,
            Suspects(tracks, self._machine, paying if pays is Level.HIGH else ()),
            {EVERYBODY_WAITS: _all(waits, _WAITING), EVERYBODY_PAYS: pays},
            self._pace.seconds or 0.0,
        )

    def _learn(self, timestamp: float, tasks: TasksData) -> None:
        for task_id, patient in self._patients.items():
            untouched = not tasks[task_id].allocations
            if patient.learn(self._baselines, timestamp, untouched=untouched):
                self._found[Verdict.WORKLOAD_CHANGED.value] += 1

    def _metrics(self) -> Iterator[Metric]:
        for verdict, count in self._found.items():
            yield _metric("interference_verdicts", count, {"verdict": verdict})
        for task_id, patient in self._patients.items():
            known = self._baselines.samples(patient.application)
            yield _metric("interference_baseline_samples", known, {"task_id": task_id})
            if patient.change is not None:
                labels = {"task_id": task_id, "signal": patient.change.group.value}
                yield _metric("interference_workload_change_ratio", patient.change.ratio, labels)


def _all(answers: Iterable[bool | None], least: int) -> Level:
    known = [one for one in answers if one is not None]
    if len(known) < least:
        return Level.UNKNOWN
    return Level.HIGH if sum(known) >= _ALL * len(known) else Level.FLAT


def _metric(name: str, value: float, labels: dict[str, str]) -> Metric:
    entry = CATALOGUE[name]
    return Metric(name, value, labels, entry.type, entry.help, entry.unit, entry.granularity)
