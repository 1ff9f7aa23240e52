"""The contract of a detector: who is hurt, by what, by whom."""

import enum
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol, runtime_checkable

from wca.metrics import CATALOGUE, Measurements, Metric
from wca.nodes.api import TaskId
from wca.platforms.api import Platform

__all__ = [
    "Anomaly",
    "AnomalyDetector",
    "ContendedResource",
    "ContentionAnomaly",
    "Detector",
    "Evidence",
    "Stateful",
    "Suspect",
    "TaskData",
    "TasksData",
    "TasksLabels",
    "TasksMeasurements",
    "TasksResources",
]

TasksMeasurements = dict[TaskId, Measurements]
TasksResources = dict[TaskId, dict[str, float | int | str]]
TasksLabels = dict[TaskId, dict[str, str]]


@dataclass
class TaskData:
    """One task in one interval. A detector changes nothing in it.

    Args:
        name: name for people.
        task_id: unique on this node at any one time.
        cgroup_path: path below the root of every cgroup hierarchy, with a leading ``/``.
        labels: all labels of its metrics, ``task_id`` and ``task_name`` among them.
        resources: what was asked for: ``cpus`` in cores, ``mem`` and ``disk`` in bytes, others.
        measurements: numbers of the task as a whole, by metric name; what was not counted is
            absent. Counters are totals: whoever wants a rate takes the difference.
        allocations: what the agent has granted it; empty where nothing is controlled.
        subcgroups_paths: cgroups of its containers, where it has several.
        containers: numbers of each of them by its path below the task's; empty unless containers
            are measured (``granularity: both``).
    """

    name: str
    task_id: TaskId
    cgroup_path: str
    labels: dict[str, str] = field(default_factory=dict)
    resources: dict[str, float | int | str] = field(default_factory=dict)
    measurements: Measurements = field(default_factory=dict)
    allocations: dict[Any, Any] = field(default_factory=dict)
    subcgroups_paths: list[str] = field(default_factory=list)
    containers: dict[str, Measurements] = field(default_factory=dict)


TasksData = dict[TaskId, TaskData]


class Anomaly(ABC):
    """Something that is not as it should be, as metrics."""

    #: What kind of anomaly it is, the value of the label ``type``.
    anomaly_type: ClassVar[str] = "anomaly"

    @abstractmethod
    def generate_metrics(self) -> list[Metric]:
        """The metrics that describe it.

        Called once in each interval in which the detector reports it, on the thread on which
        ``detect`` was called. The runner adds the labels of the node, and of the task that
        ``contended_task_id`` names.
        """


class ContendedResource(enum.StrEnum):
    """What tasks compete for."""

    MEMORY_BW = "memory bandwidth"
    LLC = "cache"
    CPUS = "cpus"
    TDP = "thermal design power"
    MEMORY = "memory"
    DISK = "disk"
    UNKN = "unknown resource"


@dataclass(frozen=True)
class Suspect:
    """A task that may be the cause.

    Args:
        task_id: its id.
        score: how much speaks against it, on the detector's own scale; more is worse.
        confidence: how sure the detector is, from 0 to 1.
    """

    task_id: TaskId
    score: float
    confidence: float


@dataclass(frozen=True)
class Evidence:
    """What an anomaly was concluded from.

    Args:
        values: what was measured, by signal.
        thresholds: what it was held against, by what it is a threshold for.
        window: seconds that it covers; None: a single moment.
        ruled_out: what it is not, each with the reason.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    window: float | None = None
    ruled_out: Mapping[str, str] = field(default_factory=dict)


@dataclass
class ContentionAnomaly(Anomaly):
    """A task suffers from what others use.

    Args:
        resource: what it lacks.
        contended_task_id: the task that suffers; empty: the machine as a whole.
        contending_task_ids: the tasks that take it; empty when nobody could be singled out.
        metrics: what else describes it, each with its own name.
        verdict: what kind of trouble it is, in a word or two.
        evidence: what the verdict rests on.
        suspects: who may be the cause, the likeliest first, whether accused or not.
    """

    resource: ContendedResource
    contended_task_id: TaskId
    contending_task_ids: Sequence[TaskId] = ()
    metrics: Sequence[Metric] = ()
    verdict: str | None = None
    evidence: Evidence | None = None
    suspects: Sequence[Suspect] = ()
    anomaly_type: ClassVar[str] = "contention"

    @property
    def uuid(self) -> str:
        """The same for the same tasks, whatever their order and part in it."""
        import hashlib
        import uuid

        tasks = sorted(one for one in (self.contended_task_id, *self.contending_task_ids) if one)
        return str(uuid.UUID(bytes=hashlib.sha256(",".join(tasks).encode()).digest()[:16]))

    def generate_metrics(self) -> list[Metric]:
        """One ``anomaly`` for each task that takes, one without if there is none; the context."""
        entry, labels = CATALOGUE["anomaly"], self._labels()
        accused: list[dict[str, str]] = [
            {"contending_task_id": one} for one in self.contending_task_ids
        ]
        anomalies = [
            Metric(
                entry.name,
                1,
                {**labels, **one, "type": self.anomaly_type},
                entry.type,
                entry.help,
                entry.unit,
                entry.granularity,
            )
            for one in accused or [{}]
        ]
        context = {"type": "anomaly"}
        context |= {key: labels[key] for key in ("uuid", "contended_task_id") if key in labels}
        return anomalies + [
            replace(metric, labels={**metric.labels, **context}) for metric in self.metrics
        ]

    def _labels(self) -> dict[str, str]:
        labels = {
            "contended_task_id": self.contended_task_id,
            "resource": str(getattr(self.resource, "value", self.resource)),
            "uuid": self.uuid,
            "verdict": self.verdict,
        }
        return {name: text for name, text in labels.items() if text}


class AnomalyDetector(ABC):
    """Looks at all tasks once per interval and says who is hurt, by what and by whom.

    ``detect`` is called on one thread of the detector's own, always the same. The loop waits for
    the answer, for an interval and at least a second; one that takes longer costs its answers until
    it has returned, and is not asked meanwhile. Nobody waits for a detector that says that it is
    ``blocking``: it gets the newest data each time it is free, and the loop reports what it has
    said last. Whatever it raises costs its answer for this interval, is reported and counted, and
    ends nothing.

    It knows no other time than that of the platform, and nothing that is random, so that a
    recording can be replayed. It has to bear everything that may be missing: measurements, tasks,
    the interval before.

    Optional abilities, as for a storage: ``start()``, ``check()``, ``close(timeout)``; and those of
    ``Stateful``.

    A ``detect`` as detectors had it in the first releases, with the parameters ``platform,
    tasks_measurements, tasks_resources, tasks_labels``, is called with those, by task id.
    """

    #: Whether ``detect`` may wait, or compute for longer than a part of the interval.
    blocking: ClassVar[bool] = False

    @abstractmethod
    def detect(
        self, platform: Platform, tasks_data: TasksData
    ) -> tuple[Sequence[Anomaly], Sequence[Metric]]:
        """Find anomalies.

        Args:
            platform: the machine and the time; see ``Platform``.
            tasks_data: every task that was measured in this interval, by task id; maybe none.

        Returns:
            The anomalies that there are now, those of the interval before again as long as they
            last; and metrics of the detector's own. The labels of the node are added to both.
        """


@runtime_checkable
class Stateful(Protocol):
    """A detector that has learned something which is worth keeping over a restart.

    It reads and writes no file: ``DetectionRunner`` does, where its field ``state`` names one. Both
    are called on the thread on which ``detect`` is called, or when it is not called any more, and
    not while it runs; what they raise costs the state, is reported, and ends nothing.
    """

    def dump_state(self) -> Mapping[str, Any]:
        """What it has learned: plain data of JSON, with names that are text, and no NaN.

        Called every few minutes and at the end, and encoded later, on another thread: the detector
        changes nothing any more in what it gave. The same at every call while nothing was detected
        in between.
        """

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what an earlier ``dump_state`` gave, maybe of an earlier version.

        Called at most once, after ``start`` and before the first ``detect``. Two that were given
        the same state answer the same, so that a recording can be replayed from its beginning.

        Raises:
            ValidationError: it cannot be used, with a sentence; then the detector is as it was.
        """


Detector = AnomalyDetector
