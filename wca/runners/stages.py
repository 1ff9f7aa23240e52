"""One interval on its way through the stages of a runner."""

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from wca.containers import Container
from wca.errors import PLUGIN_ERRORS
from wca.metrics import Measurements
from wca.metrics.batch import Batch
from wca.storage.outlet import Outlet
from wca.telemetry import ITERATION, Telemetry

__all__ = [
    "ALLOCATIONS",
    "ANOMALIES",
    "METRICS",
    "Sample",
    "Stage",
    "Store",
    "TaskSample",
    "run_iteration",
]


@dataclass(slots=True)
class TaskSample:
    """What one task's probes read in this interval."""

    container: Container
    measurements: Measurements


@dataclass(slots=True)
class Sample:
    """One interval on its way through the stages.

    Args:
        timestamp: Unix time in seconds, the same for every metric of the interval.
        tasks: what was read of each task.
        parts: what was read of each container of the tasks.
        platform: what was read of the machine.
        monotonic: monotonic time in seconds at which the interval began.
        internal: what the agent has measured about itself.
        metrics: what was measured, as it is to be stored.
        anomalies: what was detected.
        allocations: what was allocated.
    """

    timestamp: float
    tasks: list[TaskSample] = field(default_factory=list)
    parts: list[TaskSample] = field(default_factory=list)
    platform: Measurements = field(default_factory=dict)
    monotonic: float = field(default=0.0, kw_only=True)
    internal: Measurements = field(default_factory=dict, kw_only=True)
    metrics: Batch = field(init=False)
    anomalies: Batch = field(init=False)
    allocations: Batch = field(init=False)

    def __post_init__(self) -> None:
        self.metrics = Batch(self.timestamp)
        self.anomalies = Batch(self.timestamp)
        self.allocations = Batch(self.timestamp)


class Stage(Protocol):
    """One step of an iteration. What it raises is reported under its name and ends nothing."""

    name: str

    def run(self, sample: Sample) -> None:
        """Take the sample a step further."""


METRICS: Callable[[Sample], Batch] = operator.attrgetter("metrics")
ANOMALIES: Callable[[Sample], Batch] = operator.attrgetter("anomalies")
ALLOCATIONS: Callable[[Sample], Batch] = operator.attrgetter("allocations")


class Store:
    """Hands batches of the sample to a storage, as one.

    Args:
        outlet: the storage's queue.
        first: gives the batch that this storage takes.
        others: give batches that it takes as well.
    """

    name = "store"

    def __init__(
        self,
        outlet: Outlet,
        first: Callable[[Sample], Batch] = METRICS,
        *others: Callable[[Sample], Batch],
    ) -> None:
        self._outlet = outlet
        self._first = first
        self._others = others

    def run(self, sample: Sample) -> None:
        """Give them away; they are not changed any more."""
        whole = self._first(sample)
        for other in self._others:
            whole.extend(other(sample))
        self._outlet.put(whole)


def run_iteration(stages: Iterable[Stage], sample: Sample, telemetry: Telemetry) -> None:
    """Run the stages in order; one that raises is reported, and the next goes on with the rest."""
    telemetry.begin_round()
    with telemetry.timed(ITERATION):
        for stage in stages:
            with telemetry.timed(stage.name):
                try:
                    stage.run(sample)
                except PLUGIN_ERRORS as error:
                    telemetry.failure(stage.name, error)
                else:
                    if telemetry.failures(stage.name):  # its health is told after a failure only
                        telemetry.success(stage.name)
