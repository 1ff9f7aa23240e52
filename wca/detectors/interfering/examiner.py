"""Looks at all tasks, finds who suffers, from what and from whom; what is usual it is told."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from wca.detectors.api import Anomaly, TaskData, TasksData
from wca.detectors.interfering.ageing import application_of
from wca.detectors.interfering.blame import Suspects, is_low_priority
from wca.detectors.interfering.norms import Norms
from wca.detectors.interfering.pace import Pace
from wca.detectors.interfering.patients import Patient
from wca.detectors.interfering.table import EVERYBODY_PAYS, EVERYBODY_WAITS, Level
from wca.detectors.interfering.tracks import Machine, Timeline
from wca.detectors.interfering.triage import Scene, triage
from wca.detectors.interfering.verdicts import Verdict
from wca.detectors.interfering.watches import Confirmation
from wca.metrics import CATALOGUE, Metric
from wca.metrics.patterns import LabelPatterns
from wca.platforms.api import Platform

__all__ = ["Examiner", "metric"]

#: Intervals that are kept.
_KEPT = 64
#: Victims that are looked at closely in one interval; others wait their turn.
_CLOSELY = 16
#: Tasks from which on it can be said that all of them wait, and that the work of all costs more;
#: and which share of them is all.
_WAITING, _PAYING, _ALL = 3, 2, 0.8


class Examiner:
    """The part that detectors have in common which hold tasks against what is usual for them.

    Args:
        norms: what is usual; is given what nothing is wrong with.
        application_label: the label of tasks that says which of them are of one kind.
        confirmation: when unusual readings are an anomaly.
        quiet: intervals without an unusual reading that end it.
        victims: which tasks can be victims; None: all.
    """

    def __init__(
        self,
        norms: Norms,
        application_label: str,
        confirmation: Confirmation,
        quiet: int,
        victims: LabelPatterns | None,
    ) -> None:
        self._norms = norms
        self._application_label = application_label
        self._confirmation = confirmation
        self._quiet = quiet
        self._victims = victims
        self._pace = Pace()
        self._found: Counter[str] = Counter({one.value: 0 for one in Verdict})
        self._patients: dict[str, Patient] = {}
        self._begin()

    @property
    def patients(self) -> Iterable[tuple[str, Patient]]:
        """The tasks of this interval, by id."""
        return self._patients.items()

    def examine(self, platform: Platform, tasks_data: TasksData) -> Sequence[Anomaly]:
        """Look at all tasks; what there is to report of them."""
        now = platform.monotonic
        if self._pace.broken(now):
            self._begin()
        self._timeline.step()
        before, self._patients = self._patients, {}
        for task_id in sorted(tasks_data):  # the order of tasks means nothing
            task = tasks_data[task_id]
            patient = before.get(task_id) or self._new(task)
            patient.belong(application_of(task, self._application_label))
            patient.look(now, platform.read_at, task.measurements)
            self._patients[task_id] = patient
        self._machine.look(
            platform.read_at.get("platform_cpu_seconds", now),
            platform.measurements,
            [patient.track for patient in self._patients.values()],
        )
        for patient in self._patients.values():
            patient.judge(self._norms)
        self._look_closely(platform, tasks_data)
        for task_id, patient in self._patients.items():
            if patient.look_at_objective() and self._may_suffer(patient, tasks_data[task_id]):
                self._found[Verdict.OBJECTIVE_MISSED.value] += 1
        self._learn(platform, tasks_data)
        return [
            anomaly
            for task_id, patient in self._patients.items()
            for anomaly in patient.anomalies(task_id, tasks_data)
            if self._may_suffer(patient, tasks_data[task_id])
        ]

    def metrics(self) -> Iterator[Metric]:
        """What was found so far, and whose workload is another one than it was."""
        for verdict, count in self._found.items():
            yield metric("interference_verdicts", count, {"verdict": verdict})
        for task_id, patient in self._patients.items():
            if patient.change is not None:
                labels = {"task_id": task_id, "signal": patient.change.group.value}
                yield metric("interference_workload_change_ratio", patient.change.ratio, labels)

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
            question = patient.question(self._patients)
            if question is not None:
                patient.waiting += 1
                reported = self._may_suffer(patient, tasks[task_id])
                waiting.append((-patient.waiting, not reported, task_id, question))
            else:
                patient.waiting = 0
        if not waiting:
            return
        scene = self._scene(platform)
        for _, _, task_id, question in sorted(waiting, key=lambda one: one[:3])[:_CLOSELY]:
            patient = self._patients[task_id]
            patient.waiting = 0
            finding = triage(task_id, patient.track, patient.watch, scene, question)
            verdict = None if finding is None else patient.decide(finding)
            if verdict is not None and self._may_suffer(patient, tasks[task_id]):
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

    def _learn(self, platform: Platform, tasks: TasksData) -> None:
        for task_id, patient in self._patients.items():
            allocations = tasks[task_id].allocations
            untouched = patient.granted.untouched(allocations, platform.monotonic)
            if patient.learn(self._norms, platform.timestamp, untouched=untouched):
                self._found[Verdict.WORKLOAD_CHANGED.value] += 1


def _all(answers: Iterable[bool | None], least: int) -> Level:
    known = [one for one in answers if one is not None]
    if len(known) < least:
        return Level.UNKNOWN
    return Level.HIGH if sum(known) >= _ALL * len(known) else Level.FLAT


def metric(name: str, value: float, labels: dict[str, str]) -> Metric:
    """A metric of the catalogue."""
    entry = CATALOGUE[name]
    return Metric(name, value, labels, entry.type, entry.help, entry.unit, entry.granularity)
