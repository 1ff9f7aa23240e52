"""Some real intervals of a configuration, of which nothing is stored."""

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from wca.clock import Clock
from wca.config.loader import Loaded
from wca.errors import PLUGIN_ERRORS, StartError, TaskSynchronizationException
from wca.linux.descriptors import count_descriptors
from wca.linux.files import Kernel
from wca.linux.heap import give_back_memory
from wca.logger import LogCounter
from wca.naming import named
from wca.nodes import Node, Task
from wca.planning.scales import Scales
from wca.runners.assembly import stages_of_measuring
from wca.runners.discover import Discover
from wca.runners.engine import Engine
from wca.runners.internal import Internal
from wca.runners.labelling import TaskLabelling
from wca.runners.measurement import MeasurementRunner
from wca.runners.measuring import Measuring
from wca.runners.stages import Sample, Stage, Store, run_iteration
from wca.runners.state_line import Reloaded
from wca.storage import Storage
from wca.storage.outlet import Outlet
from wca.storage.weight import Weight

__all__ = ["Observation", "Rehearsal", "rehearsal"]

#: Seconds between two intervals at most: an interval costs the same whatever lies between.
_LONGEST_PAUSE = 1.0
#: Seconds for closing.
_GRACE = 5.0


@dataclass(frozen=True)
class Observation:
    """What some intervals were like, with the same tasks all the time.

    Args:
        series: samples of one interval.
        cpu: seconds of an interval, without pages.
        fetching: seconds of CPU for each page, all of them together.
        descriptors: open at the end.
        resident: bytes of memory at the end.
        settled: the same, after what was freed has been given back.
        weights: of a batch, by the name of the storage's place.
        names: of the metrics that had numbers.
    """

    series: int
    cpu: float
    fetching: float
    descriptors: int
    resident: int
    settled: int
    weights: Mapping[str, Weight]
    names: frozenset[str]


class _Listed(Node):
    """Tasks that were listed before."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = tasks

    def get_tasks(self) -> Sequence[Task]:
        return self._tasks


class Rehearsal:
    """What a runner measures, an interval at a time. Collectors that change anything are left out.

    Args:
        runner: of a configuration that is never run.
        engine: the services.
        counts: warnings and errors logged.
        clock: time.

    Raises:
        StartError: a collector cannot start.
    """

    def __init__(
        self, runner: MeasurementRunner, engine: Engine, counts: LogCounter, clock: Clock
    ) -> None:
        self.pause = min(runner.interval, _LONGEST_PAUSE)
        self.scales = Scales(clock)
        self._runner, self._engine, self._clock = runner, engine, clock
        collectors = [one for one in runner.collectors if not one.changes]
        for one in collectors:
            if one.interval is not None and one.interval <= runner.interval:
                one.interval = None  # read in each interval, as it will be
        measuring = Measuring(engine, collectors, self.pause, runner.granularity)
        measuring.start(lambda: None)
        engine.start_all(named(runner.task_label_generators.values()))
        self._measuring = measuring
        self._labelling = TaskLabelling(runner.task_label_generators, engine.telemetry)
        self._stages = self._made(counts)
        names = [*measuring.collectors, "loop", "containers", *(one.name for one in self._stages)]
        engine.telemetry.expect(names)

    def list_tasks(self) -> tuple[list[Task], float]:
        """Ask the node, once; its tasks, and the seconds of CPU that it took to ask.

        Raises:
            StartError: it does not start, or gives no list.
        """
        node = self._runner.node
        self._engine.start_node(node, lambda: None)
        began = time.process_time()
        try:
            tasks = list(node.get_tasks())
        except (TaskSynchronizationException, *PLUGIN_ERRORS) as error:
            name = type(node).__name__
            raise StartError(f"{name}: its tasks are not known: {error}") from error
        return tasks, time.process_time() - began

    def observe(self, tasks: Sequence[Task], intervals: int) -> Observation:
        """Measure for some intervals, after a first one in which everything is opened.

        Args:
            tasks: what to measure besides the machine.
            intervals: at least one.
        """
        telemetry = self._engine.telemetry
        Discover(_Listed(tasks), self._measuring.sync, self._labelling, telemetry)()
        self._interval()
        self.scales.flush()  # counters have grown since then, where growth is what is sent
        began, fetching = time.process_time(), self.scales.fetching
        for _ in range(intervals):
            sample = self._interval()
        took = time.process_time() - began
        fetching = self.scales.fetching - fetching
        self.scales.flush()
        resident = self._engine.resident_bytes() or 0
        give_back_memory()
        return Observation(
            series=len(sample.metrics),
            cpu=(took - fetching) / intervals,
            fetching=fetching / intervals,
            descriptors=count_descriptors(),
            resident=resident,
            settled=self._engine.resident_bytes() or resident,
            weights={one.name: one.weight for one in self.scales.weighed if one.weight},
            names=frozenset(one.name for one in sample.metrics.series()),
        )

    def _interval(self) -> Sample:
        sample = Sample(self._clock.now(), monotonic=self._clock.monotonic())
        run_iteration(self._stages, sample, self._engine.telemetry)
        self._clock.wait(threading.Event(), self.pause)
        return sample

    def _made(self, counts: LogCounter) -> list[Stage]:
        engine, runner = self._engine, self._runner
        reloaded = Reloaded(self._clock.now)
        internal = Internal(engine, runner.node, self._measuring, counts, None, reloaded)
        measuring = stages_of_measuring(
            runner, engine, self._measuring, internal, lambda: None, limited=False
        )
        return [*measuring, Store(self._outlet(runner.metrics_storage, "metrics_storage"))]

    def _outlet(self, storage: Storage, name: str) -> Outlet:
        waits = storage.blocking
        outlet = self._engine.outlet(self.scales.put_in(storage, name), name)
        if waits:  # what it is given waits for it, and may be lost: there are series about that
            outlet.ledger.expect("queue_full", "closed")
        return outlet


@contextlib.contextmanager
def rehearsal(loaded: Loaded, kernel: Kernel, clock: Clock) -> Iterator[Rehearsal]:
    """Open what a run opens for measuring; at the end everything is closed again.

    Args:
        loaded: a configuration that is never run; its runner measures tasks.
        kernel: of this machine.
        clock: time.

    Raises:
        StartError: a collector or the node cannot start.
    """
    engine = Engine(kernel, clock, loaded.fingerprint())
    with LogCounter() as counts:
        try:
            yield Rehearsal(loaded.runner, engine, counts, clock)
        finally:
            engine.lifecycle.close(_GRACE)
