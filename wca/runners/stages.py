"""One interval on its way through the stages of a runner."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from wca.containers import Container
from wca.errors import PLUGIN_ERRORS
from wca.metrics import Measurements
from wca.metrics.batch import Batch
from wca.storage.outlet import Outlet
from wca.telemetry import ITERATION, Telemetry

__all__ = [
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
        metrics: what is to be stored.
    """

    timestamp: float
    tasks: list[TaskSample] = field(default_factory=list)
    parts: list[TaskSample] = field(default_factory=list)
    platform: Measurements = field(default_factory=dict)
    metrics: Batch = field(init=False)

    def __post_init__(self) -> None:
        self.metrics = Batch(self.timestamp)


class Stage(Protocol):
    """One step of an iteration. What it raises is reported under its name and ends nothing."""

    name: str

    def run(self, sample: Sample) -> None:
        """Take the sample a step further."""


class Store:
    """Hands the metrics to a storage.

    Args:
        outlet: the storage's queue.
    """

    name = "store"

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet

    def run(self, sample: Sample) -> None:
        """Give the batch away; it is not changed any more."""
        self._outlet.put(sample.metrics)


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
