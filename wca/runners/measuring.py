"""All that measures in a run: the tasks, their containers, the machine, and at what pace."""

import enum
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Protocol, runtime_checkable

from wca.collectors import Collector
from wca.containers import Containers, Paces, Target
from wca.containers.background import Background
from wca.containers.costs import Costs
from wca.containers.departures import Departures
from wca.containers.ended import EndedTasks
from wca.containers.machine import Machine
from wca.containers.parts import parts_of
from wca.linux.cgroups import CgroupHierarchies
from wca.metrics import Measurements
from wca.metrics.cached import with_ages
from wca.metrics.catalogue import CATALOGUE
from wca.metrics.derived import SOURCES
from wca.metrics.metadata import MetricMetadata
from wca.naming import named
from wca.nodes import Task
from wca.runners.engine import Engine
from wca.runners.states import CollectorStates

__all__ = ["Granularity", "Measuring"]

#: What the node says of a task with each list.
_OF_LISTS = ("task_requested_cpus", "task_requested_mem_bytes", "task_subcontainers")


_TRAFFIC = "task_mem_bandwidth_bytes"
#: How long a task that is about to go may keep the loop waiting for what threads read of it: a part
#: of the interval, and seconds.
_PATIENCE_OF_INTERVAL, _MOST_PATIENCE = 0.05, 0.1


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
    """Keeps what is measured in step with the tasks.

    Args:
        engine: the services of the run.
        collectors: what measures.
        interval: of the runner, in seconds.
        granularity: of what there are series.
    """

    def __init__(
        self,
        engine: Engine,
        collectors: Iterable[Collector],
        interval: float,
        granularity: Granularity,
    ) -> None:
        self._engine = engine
        self._granularity = granularity
        self._hierarchies = CgroupHierarchies(engine.kernel)
        self._departures = Departures()
        given, costs = named(collectors), Costs()
        self._given = given
        self._nested: frozenset[str] | None = None
        self._runnables: list[tuple[Collector, Background]] = []
        self.paces = Paces(interval)
        self.collectors = {name: self._runnable(name, one, costs) for name, one in given.items()}
        self._threads = [one for one in self.collectors.values() if isinstance(one, Background)]
        self.ended = EndedTasks(_emitted(given.values()))
        self.machine = Machine(engine.kernel, engine.telemetry, self.paces, costs)
        self.tasks = self._containers(self._measured_as_a_whole, self.ended.add_task)
        self.parts = self._containers(lambda _part: True, self._part_ended)
        self.states = CollectorStates(
            self.collectors,
            self.machine,
            (self.tasks, self.parts),
            self.paces,
            engine.telemetry,
            costs,
        )
        self._introduce(given.values())

    def start(self, on_departure: Callable[[], None]) -> None:
        """Start the collectors and open what measures the machine.

        Args:
            on_departure: called, on another thread, when ``look`` has something to do.

        Raises:
            StartError: a collector cannot start.
        """
        lifecycle = self._engine.lifecycle
        self._engine.start_all(self.collectors)
        self._departures.start(on_departure)
        lifecycle.on_close("departures", self._departures.close, self)
        lifecycle.on_close("probes", lambda _timeout: self._close(), self)
        self._use_collectors()

    def change(
        self, collectors: Iterable[Collector], interval: float, granularity: Granularity
    ) -> None:
        """Measure these from now on; what is measured already goes on as it is.

        Probes of a collector that stays are neither read nor closed by this, so that its counters
        go on from where they are. Parameters as above.

        Raises:
            StartError: a collector cannot start; another ``change`` is to follow.
        """
        before, given = self._given, named(collectors, self._given)
        running, pace = dict(self.collectors), self.paces.of
        paced = {name: pace(one.interval) for name, one in running.items()}
        self.paces.base, self._granularity = interval, granularity
        stays = {
            name
            for name, one in given.items()
            if before.get(name) is one and pace(running[name].interval) is paced[name]
        }
        self._end(before.keys() - stays)
        self._given, self._nested = given, None
        self._run([name for name in given if name not in stays])
        self._engine.start_all(self.collectors)
        self._engine.lifecycle.use(self)
        self._use_collectors()

    @property
    def catalogue(self) -> Mapping[str, MetricMetadata]:
        """The metric catalogue with what the collectors add to it, once they are started."""
        own = {entry.name: entry for one in self.collectors.values() for entry in one.metrics}
        return {**CATALOGUE, **own}

    @property
    def nested(self) -> frozenset[str]:
        """Names of the metrics whose values are nested, once the collectors are started."""
        if self._nested is None:
            entries = self.catalogue.values()
            self._nested = frozenset(entry.name for entry in entries if entry.levels)
        return self._nested

    def catalogue_with_ages(
        self, stretch: int, discovery_interval: float
    ) -> Mapping[str, MetricMetadata]:
        """The same, where what may be old says so.

        Args:
            stretch: how many times longer than wanted the intervals of collectors may become.
            discovery_interval: seconds between two lists of tasks.
        """
        ages = dict.fromkeys(_OF_LISTS, discovery_interval)
        for one in self.collectors.values():
            names = _metrics_of(one)
            derived = {name for name, sources in SOURCES.items() if names.intersection(sources)}
            seconds = max(self.paces.base, one.interval or 0.0) * stretch
            ages |= dict.fromkeys(names | derived, seconds)
        return with_ages(self.catalogue, ages)

    def sync(self, tasks: Iterable[Task]) -> None:
        """Bring everything in step with the tasks that run now."""
        listed = list(tasks)
        apart = [] if self._granularity is Granularity.POD else listed
        self.tasks.sync(listed)
        self.parts.sync(part for task in apart for part in parts_of(task))
        self.machine.attach()

    def look(self) -> None:
        """Read the tasks once more that have lost their last process."""
        going = self._departures.take()
        self.tasks.look(going)
        self.parts.look(going)

    def look_after_threads(self) -> None:
        """Report collectors that hang on threads of their own."""
        for one in self._threads:
            one.look()

    def read_at(self, metrics: Collection[str], now: float) -> float:
        """Monotonic time at which the collector of some metrics was read last.

        Args:
            metrics: names of metrics of one collector.
            now: what to say where no collector is known to measure them.
        """
        intervals = (
            one.interval
            for one in self.collectors.values()
            if not set(metrics).isdisjoint(one.emits)
        )
        paces = (self.paces.of(interval) for interval in intervals)
        return next((pace.read_at for pace in paces if pace.read_at is not None), now)

    def read_before(self, now: float) -> dict[str, float]:
        """Monotonic time at which metrics were read that are not read in each iteration, by name.

        Args:
            now: monotonic time.
        """
        return {
            metric: now - age
            for name, age in self.states.ages(now).items()
            for metric in _metrics_of(self.collectors[name])
        }

    @property
    def names(self) -> list[str]:
        """The collectors that have a source here, in the order of the configuration."""
        stopped = self.states.stopped
        return [name for name in self.collectors if name in stopped or self.states.runs(name)]

    def stretch(self, times: int) -> None:
        """Make all collector intervals so many times longer than wanted."""
        self.paces.stretch = times

    def stop(self, names: Iterable[str]) -> None:
        """Measure without these collectors from now on, and with all others again.

        What they have open stays open, and new tasks are left alone: counters go on from where they
        were, and with what the kernel has counted meanwhile.
        """
        self.states.stopped = frozenset(names)
        for name in self.states.stopped:
            self.states.costs.forget(name)
        self._use_collectors()

    def _end(self, names: Collection[str]) -> None:
        """Close the probes of these collectors."""
        if not names:
            return
        for one in (self.tasks, self.parts, self.machine):
            one.forget(names)
        for name in names:
            self.states.costs.forget(name)
            del self.collectors[name]
        self.states.stopped -= set(names)
        self._use_collectors()

    def _run(self, names: Iterable[str]) -> None:
        """Let these run among the others, in the order of all."""
        known = self._engine.lifecycle.knows
        self._runnables = [one for one in self._runnables if known(one[1])]
        runnables = {id(one): runs for one, runs in self._runnables}
        for name in names:
            one = self._given[name]
            self.collectors[name] = runnables.get(id(one)) or self._runnable(
                name, one, self.states.costs
            )
        ordered = {name: self.collectors[name] for name in self._given}
        self.collectors.clear()
        self.collectors.update(ordered)
        self._threads = [one for one in ordered.values() if isinstance(one, Background)]
        self._introduce(self._given.values())
        self.ended.expect(_emitted(self._given.values()))
        self.tasks.patience = self.parts.patience = _patience(self.paces.base)

    def _introduce(self, collectors: Iterable[Collector]) -> None:
        """Give those what they need that need what another one measures."""
        for one in collectors:
            if isinstance(one, TakesMemoryTraffic):
                one.use_memory_traffic(self._memory_traffic)

    def _use_collectors(self) -> None:
        stopped = self.states.stopped
        running = {name: one for name, one in self.collectors.items() if name not in stopped}
        for name, one in self.collectors.items():
            if isinstance(one, Background):
                one.pause(paused=name in stopped)
        of_tasks = {name: one for name, one in running.items() if one.scope == "task"}
        of_parts = {name: one for name, one in of_tasks.items() if one.per_container}
        of_machine = {name: one for name, one in running.items() if one.scope == "node"}
        self.tasks.use(of_tasks, stopped)
        self.parts.use(of_parts, stopped)
        self.machine.use(of_machine, stopped)

    def _memory_traffic(self, task_id: str) -> float | None:
        """Bytes that a task has moved to and from memory, as its last sample says.

        Of one that is measured container by container it is the sum of these.
        """
        whole: float | None = self.tasks.last(task_id).get(_TRAFFIC)
        task = self.tasks.task(task_id)
        if whole is not None or task is None or self._measured_as_a_whole(task):
            return whole
        parts = [self.parts.last(part.task_id).get(_TRAFFIC) for part in parts_of(task)]
        known = [part for part in parts if part is not None]
        return sum(known) if known else None

    def _part_ended(self, last: Measurements) -> None:
        """Where its task is not measured as a whole, a container has numbers of its own."""
        if self._granularity is Granularity.CONTAINER:
            self.ended.add_part(last)

    def _close(self) -> None:
        self.tasks.close()
        self.parts.close()
        self.machine.close()

    def _runnable(self, name: str, collector: Collector, costs: Costs) -> Collector:
        """The collector, on a thread of its own if it may block."""
        if not collector.blocking:
            return collector
        interval, telemetry = collector.interval, self._engine.telemetry
        runs = Background(collector, name, telemetry, costs, lambda: self.paces.seconds(interval))
        self._runnables.append((collector, runs))
        return runs

    def _measured_as_a_whole(self, task: Task) -> bool:
        return self._granularity is not Granularity.CONTAINER or not task.subcgroups_paths

    def _containers(
        self, whole: Callable[[Task], bool], on_end: Callable[[Measurements], None]
    ) -> Containers:
        return Containers(
            self._target,
            {},
            self._engine.telemetry,
            self.paces,
            self._departures,
            self._engine.clock.now,
            whole,
            on_end,
            _patience(self.paces.base),
        )

    def _target(self, task: Task) -> Target:
        locate = self._hierarchies.locate
        return Target(task, locate(task.cgroup_path), self._engine.kernel, locate)


def _emitted(collectors: Iterable[Collector]) -> set[str]:
    return {name for one in collectors for name in one.emits}


def _patience(interval: float) -> float:
    """Seconds to wait for what threads read of a task that is about to go."""
    return min(_PATIENCE_OF_INTERVAL * interval, _MOST_PATIENCE)


def _metrics_of(collector: Collector) -> set[str]:
    """Names of the metrics that a collector says it has."""
    return {*collector.emits, *(entry.name for entry in collector.metrics)}
