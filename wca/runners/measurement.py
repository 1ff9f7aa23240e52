"""``MeasurementRunner``: discover tasks, read them and the machine, store the numbers, repeat."""

import threading
from collections.abc import Iterable
from typing import Annotated

from wca.clock import Clock, SystemClock
from wca.collectors import Collector
from wca.collectors.perf_names import PerfEventName
from wca.config.types import Duration, Injected, LabelName
from wca.errors import ValidationError
from wca.linux.files import Kernel
from wca.logger import LogCounter
from wca.nodes import Node
from wca.nodes.labels import TaskLabelGenerator
from wca.runners.api import Runner
from wca.runners.derive import Derive
from wca.runners.engine import Engine, default_collectors, named
from wca.runners.internal import internal_measurements
from wca.runners.labelling import TaskLabelling
from wca.runners.loop import Job, Loop, Watchdog
from wca.runners.stages import (
    Collect,
    Discover,
    Export,
    Sample,
    Stage,
    Store,
    run_iteration,
)
from wca.runners.stop import StopSignals
from wca.storage import LogStorage, Storage

__all__ = ["MeasurementRunner"]

INTERVAL, DISCOVERY_INTERVAL = Duration(0.01, 60), Duration(0.01, 3600)
#: Seconds that an iteration may go on after a signal, and that closing everything may take then:
#: together below two.
STOP_GRACE, CLOSE_GRACE = 1.0, 0.8
#: Seconds that a part has for closing when those before it have used up the time.
LEAST_GRACE = 0.02
#: Seconds for storages to take the last batches when the run ends by itself.
CLOSE_TIMEOUT = 10.0
#: Intervals without progress after which the loop counts as stuck, and the least time for that.
STUCK_INTERVALS, STUCK_SECONDS = 3, 1.0


class MeasurementRunner(Runner):
    """Measures the tasks of a node and the machine once per interval.

    Args:
        node: finds the tasks.
        metrics_storage: where metrics go; standard output when left out.
        interval: time between two measurements.
        discovery_interval: how often the node is asked for its tasks; a task that vanishes is
            noticed at once, and the node is asked again early.
        extra_labels: labels of every metric.
        task_label_generators: label name to what makes its value for each task.
        include_optional_labels: put the facts of the machine (sockets, cores, cpus, cpu_model) and
            wca_version on every metric, instead of only on ``wca_information``.
        collectors: what is measured; the default set when left out.
        event_names: perf events to count for each task, see TaskPerfCollector; none when left out.
        enable_derived_metrics: add instructions per cycle and per second, cache misses per 1000
            instructions and the share of cache hits, where their events are counted.
        kernel: for tests: what kernel files are read through.
        clock: for tests: time.
    """

    def __init__(
        self,
        node: Node,
        metrics_storage: Storage | None = None,
        interval: Annotated[float, INTERVAL] = 1.0,
        discovery_interval: Annotated[float, DISCOVERY_INTERVAL] = 5.0,
        extra_labels: dict[Annotated[str, LabelName()], str] | None = None,
        task_label_generators: dict[Annotated[str, LabelName()], TaskLabelGenerator] | None = None,
        include_optional_labels: bool = True,
        collectors: list[Collector] | None = None,
        event_names: list[Annotated[str, PerfEventName()]] | None = None,
        enable_derived_metrics: bool = False,
        *,
        kernel: Annotated[Kernel | None, Injected()] = None,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        INTERVAL.check(interval)
        DISCOVERY_INTERVAL.check(discovery_interval)
        _check_scopes(collectors or ())
        self.node = node
        self.metrics_storage = LogStorage() if metrics_storage is None else metrics_storage
        self.interval = interval
        self.discovery_interval = discovery_interval
        self.extra_labels = dict(extra_labels or {})
        self.task_label_generators = dict(task_label_generators or {})
        self.include_optional_labels = include_optional_labels
        self.collectors = default_collectors() if collectors is None else list(collectors)
        if event_names is not None:
            self.collectors.append(_perf_collector(event_names, self.collectors))
        self.enable_derived_metrics = enable_derived_metrics
        self._kernel = kernel
        self._clock = SystemClock() if clock is None else clock
        self._iterations: int | None = None
        self._exit_expected = False
        self._stop = threading.Event()

    def stop_after(self, iterations: int) -> None:
        """End ``run`` by itself after this many iterations."""
        self._iterations = iterations

    def expect_exit(self) -> None:
        """The program ends with the next ``run``: see ``StopSignals``."""
        self._exit_expected = True

    def stop(self) -> None:
        """End ``run`` from another thread, as SIGTERM does."""
        self._stop.set()

    def run(self) -> int:
        """Loop until SIGTERM, SIGINT, ``stop`` or the last iteration, then flush and close.

        Raises:
            StartError: a part cannot start; what had started is closed again.
        """
        kernel = Kernel() if self._kernel is None else self._kernel
        engine = Engine(kernel, self._clock)
        signals = StopSignals(self._stop, exits=self._exit_expected)
        with signals, LogCounter() as counts:
            try:
                with signals.interruptible(STOP_GRACE):
                    self._loop(engine, counts)
                signals.say()
            finally:
                self._close(engine, signals)
        return 0

    def _close(self, engine: Engine, signals: StopSignals) -> None:
        """Close everything; what hangs is interrupted when a signal asks for the end."""
        end: float | None = None
        while engine.lifecycle.open:
            now = self._clock.monotonic()
            if signals.received and end is None:
                end = now + CLOSE_GRACE
            left = CLOSE_TIMEOUT if end is None else max(LEAST_GRACE, end - now)
            with signals.interruptible(min(left, CLOSE_GRACE)):
                engine.lifecycle.close(left)

    def stages_after_export(self, engine: Engine) -> list[Stage]:
        """What an iteration does with the metrics of its sample; runners that do more add here."""
        return [Store(engine.outlet(self.metrics_storage, "metrics_storage"))]

    def _loop(self, engine: Engine, log_counts: LogCounter) -> None:
        telemetry = engine.telemetry
        collectors = named(self.collectors)
        engine.start_all(collectors)
        engine.start_all(named(self.task_label_generators.values()))
        engine.start_node(self.node)
        containers = engine.containers(collectors)
        labelling = TaskLabelling(self.task_label_generators, telemetry)
        discover = Job(
            Discover(self.node, containers, labelling, telemetry), self.discovery_interval
        )
        probes = engine.node_probes(collectors)
        reported = [name for name, one in collectors.items() if one.scope == "task"] + [*probes]
        stages: list[Stage] = [
            Collect(containers, probes, reported, telemetry, discover.request),
            *([Derive(self._clock.monotonic)] if self.enable_derived_metrics else []),
            self._export(engine, log_counts),
            *self.stages_after_export(engine),
        ]
        measure = Job(
            lambda: run_iteration(stages, Sample(self._clock.now()), telemetry),
            self.interval,
            on_missed=lambda missed: telemetry.count("wca_overruns", missed),
        )
        loop = Loop([discover, measure], self._clock, self._stop)
        limit = max(STUCK_INTERVALS * self.interval, STUCK_SECONDS)
        with Watchdog(loop, limit, self._clock, telemetry):
            loop.run(self._iterations)

    def _export(self, engine: Engine, log_counts: LogCounter) -> Export:
        labels = engine.common_labels(self.extra_labels, optional=self.include_optional_labels)
        return Export(
            labels,
            lambda sample: internal_measurements(engine, log_counts, sample),
            engine.information(),
            engine.telemetry,
        )


def _perf_collector(event_names: list[str], others: list[Collector]) -> Collector:
    """The collector of these events. Raises ValidationError."""
    from wca.collectors.task_perf import TaskPerfCollector  # with ctypes, which not all need

    if any(isinstance(other, TaskPerfCollector) for other in others):
        raise ValidationError(
            "event_names and a TaskPerfCollector in collectors: write one of them"
        )
    return TaskPerfCollector(event_names)


def _check_scopes(collectors: Iterable[Collector]) -> None:
    for collector in collectors:
        if collector.scope not in ("task", "node"):
            name = type(collector).__name__
            raise ValidationError(f"{name}.scope is {collector.scope!r}, write 'task' or 'node'")
