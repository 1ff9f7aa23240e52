"""All that measures in a run: the tasks, their containers, the machine, and at what pace."""

import enum
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, runtime_checkable

from wca.collectors import Collector
from wca.containers import Containers, Paces, Target
from wca.containers.background import Background
from wca.containers.costs import Costs
from wca.containers.departures import Departures
from wca.containers.machine import Machine
from wca.containers.parts import parts_of
from wca.linux.cgroups import CgroupHierarchies
from wca.metrics import Measurements
from wca.metrics.catalogue import CATALOGUE
from wca.metrics.metadata import MetricMetadata
from wca.nodes import Task
from wca.runners.engine import Engine, named

__all__ = ["Granularity", "Measuring"]


#: States of a collector that is not stopped, and has a source here.
RUNNING = ("working", "failing")


class Granularity(enum.StrEnum):
    """Of what there are series: of tasks as a whole, of each of their containers, or of both."""

    POD = "pod"
    CONTAINER = "container"
    BOTH = "both"


@runtime_checkable
class TakesMemoryTraffic(Protocol):
    """A collector that needs what another one measures: the memory traffic of a task."""

    def use_memory_traffic(self, traffic: Callable[[str], float | None]) -> None:
        """Take it from here: task id to bytes; None where it is not measured."""


class Measuring:
    """Keeps what is measured in step with the tasks, and knows the state of each collector.

    Args:
        engine: the services of the run.
        collectors: what measures.
        interval: of the runner, in seconds.
        granularity: of what there are series.
        on_departure: called, on another thread, when ``look`` has something to do.
    """

    def __init__(
        self,
        engine: Engine,
        collectors: Iterable[Collector],
        interval: float,
        granularity: Granularity,
        on_departure: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._granularity = granularity
        self.paces = Paces(interval)
        self.costs = Costs()
        self._given = named(collectors)
        self.collectors = {name: self._runnable(name, one) for name, one in self._given.items()}
        self.stopped: frozenset[str] = frozenset()
        self._hierarchies = CgroupHierarchies(engine.kernel)
        self._departures = Departures(on_departure)
        self.tasks = self._containers(self._measured_as_a_whole)
        self.parts = self._containers(lambda _part: True)
        self.machine = Machine(engine.kernel, engine.telemetry, self.paces, self.costs)
        for one in self._given.values():
            if isinstance(one, TakesMemoryTraffic):
                one.use_memory_traffic(self._memory_traffic)

    def start(self) -> None:
        """Start the collectors and open what measures the machine. Raises StartError."""
        lifecycle = self._engine.lifecycle
        self._engine.start_all(self.collectors)
        lifecycle.start(self._departures, "departures")
        lifecycle.on_close("probes", lambda _timeout: self._close())
        self.machine.use(self._of("node"))

    @property
    def catalogue(self) -> Mapping[str, MetricMetadata]:
        """The metric catalogue with what the collectors add to it, once they are started."""
        own = {entry.name: entry for one in self._given.values() for entry in one.metrics}
        return {**CATALOGUE, **own}

    def sync(self, tasks: Iterable[Task]) -> None:
        """Bring everything in step with the tasks that run now."""
        listed = list(tasks)
        apart = [task for task in listed if task.subcgroups_paths]
        if self._granularity is Granularity.POD:
            apart = []
        self.tasks.sync(listed)
        self.parts.sync(part for task in apart for part in parts_of(task))
        self.machine.attach()

    def look(self) -> None:
        """Read the tasks once more that have lost their last process."""
        for key in self._departures.take():
            self.tasks.look(key)
            self.parts.look(key)

    def read_at(self, metric: str, now: float) -> float:
        """Monotonic time at which the collector of a metric was read last.

        Args:
            metric: its name.
            now: what to say where no collector is known to measure it.
        """
        intervals = (one.interval for one in self.collectors.values() if metric in one.emits)
        paces = (self.paces.of(interval) for interval in intervals)
        return next((pace.read_at for pace in paces if pace.read_at is not None), now)

    def begin(self, now: float) -> None:
        """A new iteration begins at this monotonic time."""
        self.paces.begin(now)

    @property
    def names(self) -> list[str]:
        """The collectors, in the order of the configuration."""
        return list(self.collectors)

    def stretch(self, times: int) -> None:
        """Make all collector intervals so many times longer than wanted."""
        self.paces.stretch = times

    def stop(self, names: Iterable[str]) -> None:
        """Measure without these collectors from now on, and with all others again."""
        self.stopped = frozenset(names)
        for name in self.stopped:
            self.costs.forget(name)
        self.tasks.use(self._of("task"))
        self.parts.use(self._of("task"))
        self.machine.use(self._of("node"))

    def measurements(self, now: float) -> Measurements:
        """State, cost and age of each collector, at this monotonic time."""
        values = self.costs.measurements(now)
        ages = values.pop("wca_collector_age_seconds", {}) | self._ages(now)
        states = {name: self._state(name) for name in self.collectors}
        ages = {name: age for name, age in ages.items() if states[name] in RUNNING}
        if ages:
            values["wca_collector_age_seconds"] = ages
        return {
            **values,
            "wca_collector_state": {name: {state: 1} for name, state in states.items()},
        }

    def _ages(self, now: float) -> dict[str, float]:
        """Of the collectors that are read on this thread, but not in each iteration."""
        paces = {
            name: self.paces.of(one.interval)
            for name, one in self.collectors.items()
            if not one.blocking
        }
        return {
            name: now - pace.read_at
            for name, pace in paces.items()
            if not pace.every and pace.read_at is not None
        }

    def runs(self, name: str) -> bool:
        """Whether a collector is not stopped, and has a source here."""
        return self._state(name) in RUNNING

    def _state(self, name: str) -> str:
        if name in self.stopped:
            return "stopped"
        if self.collectors[name].scope == "node":
            unavailable = name in self.machine.unavailable
        else:
            unavailable = name in self.tasks.unavailable or name in self.parts.unavailable
        if unavailable:
            return "unavailable"
        return "failing" if self._engine.telemetry.healthy(name) is False else "working"

    def _memory_traffic(self, task_id: str) -> float | None:
        """Bytes that a task has moved to and from memory, as its last sample says."""
        return self.tasks.last(task_id).get("task_mem_bandwidth_bytes")

    def _close(self) -> None:
        self.tasks.close()
        self.parts.close()
        self.machine.close()

    def _of(self, scope: str) -> dict[str, Collector]:
        return {
            name: one
            for name, one in self.collectors.items()
            if one.scope == scope and name not in self.stopped
        }

    def _runnable(self, name: str, collector: Collector) -> Collector:
        """The collector, on a thread of its own if it may block."""
        if not collector.blocking:
            return collector
        return Background(
            collector,
            name,
            self._engine.telemetry,
            self.costs,
            lambda: self.paces.seconds(collector.interval),
        )

    def _measured_as_a_whole(self, task: Task) -> bool:
        return self._granularity is not Granularity.CONTAINER or not task.subcgroups_paths

    def _containers(self, measures: Callable[[Task], bool]) -> Containers:
        return Containers(
            self._target,
            self._of("task"),
            self._engine.telemetry,
            self.paces,
            self._departures,
            self._engine.clock.now,
            measures,
        )

    def _target(self, task: Task) -> Target:
        return Target(task, self._hierarchies.locate(task.cgroup_path), self._engine.kernel)
