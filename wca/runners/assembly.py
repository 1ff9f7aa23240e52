"""The parts of a run, put together for a runner and again for the one that comes after it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from wca.clock import Clock
from wca.collectors import Collector
from wca.http.server import HttpServer
from wca.logger import LogCounter
from wca.metrics.derived import COUNTERS, WORK_COUNTERS
from wca.naming import named
from wca.nodes import Node
from wca.nodes.labels import TaskLabelGenerator
from wca.runners.collect import Collect
from wca.runners.control import Control
from wca.runners.derive import Derive
from wca.runners.derive_work import DeriveWork
from wca.runners.discover import Discover
from wca.runners.engine import Engine
from wca.runners.export import Export
from wca.runners.governor import Budget, Governor, longest_stretch
from wca.runners.internal import Internal
from wca.runners.labelling import TaskLabelling
from wca.runners.loop import Job, Loop, Watchdog
from wca.runners.measuring import Granularity, Measuring
from wca.runners.serving import Health, serve, shows
from wca.runners.stages import Sample, Stage, run_iteration
from wca.runners.state_line import Reloaded, StateLine
from wca.storage import Storage

if TYPE_CHECKING:
    from wca.status.pages import StatusPages

__all__ = ["Assembly", "Measures", "stages_of_measuring"]

#: Intervals without progress after which the loop counts as stuck, and the least time for that.
_STUCK_INTERVALS, _STUCK_SECONDS = 3, 1.0


class Measures(Protocol):
    """What a runner says that measures; its documentation describes it."""

    node: Node
    interval: float
    discovery_interval: float
    task_label_generators: dict[str, TaskLabelGenerator]
    collectors: list[Collector]
    enable_derived_metrics: bool
    granularity: Granularity
    budget: Budget | None
    series_limit: int | None
    http: HttpServer | None

    def open_storages(self, engine: Engine) -> None:
        """Start the storages, each with its queue. Raises StartError."""

    def stages_after_export(self, engine: Engine, measuring: Measuring) -> list[Stage]:
        """What is done with the metrics of a sample."""

    def common_labels(self, engine: Engine) -> dict[str, str]:
        """Labels of every metric."""

    def all_storages(self) -> list[Storage]:
        """Where anything goes."""

    def facts(self) -> dict[str, Any]:
        """What the status page says of it, called on any thread."""


class Assembly:
    """Puts the parts of a run together, on the loop's thread, and runs the loop.

    What two runners have in common goes on as it is when the second one follows the first:
    components that are the same objects, and what the run itself has made of the same things.

    Args:
        engine: the services of the run.
        clock: time.
        control: what others say to the run.
        log_counts: warnings and errors logged.
        reloaded: knows what became of changes of the configuration.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        control: Control,
        log_counts: LogCounter,
        reloaded: Reloaded,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._control = control
        self._log_counts = log_counts
        self._reloaded = reloaded
        self._measuring: Measuring | None = None
        self._server = HttpServer()
        self._stages: list[Stage] = []
        self._names: set[str] = set()
        self._find: Callable[[], None] = lambda: None
        self._facts: Callable[[], dict[str, Any]] = dict
        self._between: Callable[[], None] = lambda: None
        self._departed = Job(self._look, period=None)
        self._discover = Job(self._find_tasks, period=None)
        self._measure = Job(self._iterate, period=None, on_missed=self._missed)
        self._change = Job(self._do_between, period=None)
        jobs = [self._change, self._departed, self._discover, self._measure]
        self._loop = Loop(jobs, clock, control.stop, control.wake)
        self._health = Health(self._loop, 0.0, clock.monotonic)
        line = StateLine(self._loop, engine.telemetry, lambda: self._tasks, reloaded)
        self._watchdog = Watchdog(
            self._loop, 0.0, clock, engine.telemetry, control.supervisor, line.words
        )

    @property
    def _tasks(self) -> int:
        return 0 if self._measuring is None else len(self._measuring.tasks)

    def use(self, runner: Measures) -> None:
        """Do what this runner says from now on.

        Raises:
            StartError: a part cannot start. What was done before is done until the next call.
        """
        engine = self._engine
        if not engine.first:  # what is likely to fail comes before anything is taken apart
            runner.open_storages(engine)
        measuring = self._measured(runner)
        engine.start_all(named(runner.task_label_generators.values()))
        labelling = TaskLabelling(runner.task_label_generators, engine.telemetry)
        engine.start_node(runner.node, self._waking(self._discover))
        self._facts = runner.facts
        pages = self._pages(runner, measuring)
        stages = [*self._stages_of(runner, measuring), *(page.stage for page in pages)]
        limit = max(_STUCK_INTERVALS * runner.interval, _STUCK_SECONDS)
        shown = [*pages, *engine.storages]
        serve(runner.http, shown, self._health, engine.lifecycle, self._server)
        engine.lifecycle.use_group("status")  # closed before the server, which would wait for it
        # Nothing fails from here on.
        self._find = Discover(runner.node, measuring.sync, labelling, engine.telemetry)
        self._stages = stages
        self._health.limit = self._watchdog.limit = limit
        now = self._clock.monotonic()
        self._discover.every(runner.discovery_interval, now)
        self._discover.request()
        self._measure.every(runner.interval, now)
        self._expect({*measuring.collectors, *(stage.name for stage in stages)})

    def between(self, action: Callable[[], None]) -> Callable[[], None]:
        """What lets the loop do this between two iterations, from any thread."""
        self._between = action
        return self._waking(self._change)

    def run(self) -> None:
        """Loop until it is told to end."""
        supervisor = self._control.supervisor
        supervisor.ready("measuring")
        with self._watchdog:
            self._loop.run(self._control.iterations)
        supervisor.stopping()

    def _measured(self, runner: Measures) -> Measuring:
        what = runner.collectors, runner.interval, runner.granularity
        if self._measuring is None:
            self._measuring = Measuring(self._engine, *what)
            self._measuring.start(self._waking(self._departed))
        else:
            self._measuring.change(*what)
        return self._measuring

    def _pages(self, runner: Measures, measuring: Measuring) -> "list[StatusPages]":
        """The status page, where pages are shown at all."""
        engine, granularity = self._engine, runner.granularity
        if not shows(runner.http, runner.all_storages()):
            engine.decisions = None
            return []
        from wca.status.start import status_pages  # agents without pages need none of it

        def make() -> "StatusPages":
            pages = status_pages(engine, measuring, self._of_runner, granularity)
            engine.lifecycle.on_close("status", pages.close)
            return pages

        return [engine.keep("status", granularity, make)]

    def _stages_of(self, runner: Measures, measuring: Measuring) -> list[Stage]:
        governor = self._governor(runner, measuring)
        internal = Internal(
            self._engine, runner.node, measuring, self._log_counts, governor, self._reloaded
        )
        return [
            *stages_of_measuring(runner, self._engine, measuring, internal, self._discover.request),
            *runner.stages_after_export(self._engine, measuring),
            *([governor] if governor else []),
        ]

    def _governor(self, runner: Measures, measuring: Measuring) -> Governor | None:
        budget = runner.budget

        def make() -> Governor | None:
            measuring.stretch(1)
            measuring.stop(())
            if not budget:
                return None
            resident = self._engine.resident_bytes
            return Governor(budget, measuring, resident, self._clock.monotonic)

        key: Any = budget, tuple(map(id, measuring.collectors.values()))
        return self._engine.keep("governor", key, make)

    def _expect(self, names: set[str]) -> None:
        """These may fail from now on, and those of before that are not among them are gone."""
        telemetry, before = self._engine.telemetry, self._names
        outlets = {outlet.name for outlet in self._engine.outlets}
        self._names = names | outlets
        telemetry.forget(before - self._names)
        telemetry.expect([*names, "loop", "containers"])

    def _of_runner(self) -> dict[str, Any]:
        return self._facts()

    def _look(self) -> None:
        if self._measuring is not None:
            self._measuring.look()

    def _find_tasks(self) -> None:
        self._find()

    def _do_between(self) -> None:
        self._between()

    def _missed(self, deadlines: int) -> None:
        self._engine.telemetry.count("wca_overruns", deadlines)

    def _iterate(self) -> None:
        sample = Sample(self._clock.now(), monotonic=self._clock.monotonic())
        run_iteration(self._stages, sample, self._engine.telemetry)

    def _waking(self, job: Job) -> Callable[[], None]:
        """What lets the loop do a job at once, from any thread."""

        def wake() -> None:
            job.request()
            self._control.wake.set()

        return wake


def stages_of_measuring(
    runner: Measures,
    engine: Engine,
    measuring: Measuring,
    internal: Internal,
    rediscover: Callable[[], None],
    *,
    limited: bool = True,
) -> list[Stage]:
    """Read, derive, export: the stages before anything is stored.

    Args:
        runner: what it says.
        engine: the services of the run.
        measuring: what is read.
        internal: what the agent measures about itself.
        rediscover: called when a task has vanished.
        limited: whether series_limit holds.
    """
    monotonic = engine.clock.monotonic
    derive: list[Stage] = []
    if runner.enable_derived_metrics:
        derive = engine.keep("derive", None, lambda: _deriving(measuring, monotonic))
    stretch = longest_stretch(runner.budget)
    export = Export(
        runner.common_labels(engine),
        internal,
        engine.information(),
        engine.telemetry,
        measuring.catalogue_with_ages(stretch, runner.discovery_interval),
        runner.series_limit if limited else None,
    )
    return [Collect(measuring, engine.telemetry, monotonic, rediscover), *derive, export]


def _deriving(measuring: Measuring, monotonic: Callable[[], float]) -> list[Stage]:
    def counted_at() -> float:
        return measuring.read_at(COUNTERS, monotonic())

    def worked_at() -> float:
        now = monotonic()
        return min(measuring.read_at([name], now) for name in WORK_COUNTERS)

    return [Derive(counted_at, monotonic), DeriveWork(worked_at)]
