"""``MeasurementRunner``: discover tasks, read them and the machine, store the numbers, repeat."""

from typing import Annotated, Any, ClassVar, TypeVar

from wca.abilities import ability
from wca.clock import Clock, SystemClock
from wca.collectors import Collector
from wca.collectors.perf.names import PerfEventName
from wca.collectors.uncore.names import UncoreEventName
from wca.config.types import Duration, Injected, LabelName, Numeric, Path, Size
from wca.http.server import HttpServer
from wca.linux.files import Kernel
from wca.logger import LogCounter
from wca.nodes import Node
from wca.nodes.labels import TaskLabelGenerator
from wca.runners.api import Configurations, Runner
from wca.runners.assembly import Assembly
from wca.runners.control import Control
from wca.runners.engine import Engine
from wca.runners.governor import Budget
from wca.runners.measuring import Granularity, Measuring
from wca.runners.reload import Reload, Succeeds
from wca.runners.selection import Options, UsableCollectors, keep_made, select_collectors
from wca.runners.stages import Stage, Store
from wca.runners.state_line import Reloaded
from wca.runners.stop import LIMIT, StopSignals
from wca.storage import LogStorage, Storage
from wca.storage.outputs import AppendedFile
from wca.supervisor import Supervisor

__all__ = ["MeasurementRunner"]

_T = TypeVar("_T")

UncoreEvent = Annotated[str, UncoreEventName()]

#: Bytes from which on nothing more is recorded.
RECORDING_SIZE = 4 << 30
INTERVAL, DISCOVERY_INTERVAL = Duration(0.01, 60), Duration(0.01, 3600)
#: Seconds that an iteration may go on after a signal, and that closing everything may take then,
#: unless the configuration gives it longer: together below two.
STOP_GRACE, CLOSE_GRACE = 1.0, 0.8
SHUTDOWN = Duration(STOP_GRACE + CLOSE_GRACE, 600)
#: Seconds that a part has for closing when those before it have used up the time.
LEAST_GRACE = 0.02
#: Seconds for storages to take the last batches when the run ends by itself.
CLOSE_TIMEOUT = 10.0


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
        extra_collectors: what is measured besides; one takes the place of one of its class in the
            default set.
        event_names: perf events to count for each task, see TaskPerfCollector; none when left out.
        perf_aggregate_cpus: perf events are summed over the CPUs; false gives each CPU its series.
        uncore_event_names: events of memory controllers and links, see NodeUncoreCollector.
        enable_derived_metrics: add instructions per cycle and per second, cache misses per 1000
            instructions and the share of cache hits, and bandwidths and latencies of memory, where
            their events are counted; and CPU seconds per unit of work, see TaskWorkCollector.
        rdt_enabled: cache occupancy and memory bandwidth of each task: true refuses to start where
            they cannot be measured, false leaves them out, nothing measures them where they are.
        gather_hw_mm_topology: memory modules, see NodeMemoryHardwareCollector; as rdt_enabled. True
            measures those of Intel Optane as well, where they are, see NodeOptaneCollector.
        zoneinfo: all numbers of /proc/zoneinfo, or those of a regular expression, see
            NodeZoneinfoCollector.
        vmstat: all numbers of vmstat, or those of a regular expression, see NodeVmstatCollector.
        sched: scheduler statistics of each task, all or those of a regular expression, see
            TaskSchedCollector and TaskSchedstatCollector.
        wss_reset_cycles: measure the memory that each task uses, at a cost, see TaskWssCollector.
        wss_stable_cycles: see TaskWssCollector.
        wss_membw_threshold: see TaskWssCollector.
        granularity: of what there are series: ``pod``, each task as a whole, ``task_*``;
            ``container``, each of its containers, ``container_*`` with the label ``container``;
            ``both``. A task without containers of its own is always measured as a whole, and so is
            what cannot be told apart by container, such as network traffic.
        budget: what the agent may use: ``cpu`` as a share of one CPU (``2%``), ``memory`` as a
            size. Beyond it the agent measures less often, then less.
        series_limit: series at most; the first task that does not fit and all after it are left
            out.
        shutdown_timeout: how long the agent may take to end after a signal, with all that it has to
            hand on; at least 1.8 seconds.
        http: the server that shows the pages of storages, such as ``/metrics``, and ``/status``,
            ``/healthz`` and ``/-/ready``; when left out there is one, with its defaults, if a
            storage has pages.
        recording: a file that takes all that was measured in each interval, and what a detector
            answered, see docs/recording.md; an earlier recording is renamed to ``NAME.1``.
        recording_size: size from which on no more is recorded, which is reported and counted.
        kernel: for tests: what kernel files are read through.
        clock: for tests: time.
    """

    #: The fields that are storages, in the order of their queues.
    _STORAGES: ClassVar[tuple[str, ...]] = ("metrics_storage",)
    #: Fields for which something stands in that the runner makes where they are left out.
    _DEFAULTED: ClassVar[tuple[str, ...]] = ("metrics_storage",)
    #: Set while a run may be told to go over to another file.
    _reload: Reload | None = None
    #: The parts of a runner outlive it where the next one has them, too.
    hands_over: ClassVar[bool] = True

    def __init__(
        self,
        node: Node,
        metrics_storage: Storage | None = None,
        interval: Annotated[float, INTERVAL] = 1.0,
        discovery_interval: Annotated[float, DISCOVERY_INTERVAL] = 5.0,
        extra_labels: dict[Annotated[str, LabelName()], str] | None = None,
        task_label_generators: dict[Annotated[str, LabelName()], TaskLabelGenerator] | None = None,
        include_optional_labels: bool = True,
        collectors: Annotated[list[Collector], UsableCollectors()] | None = None,
        extra_collectors: Annotated[list[Collector], UsableCollectors()] | None = None,
        event_names: list[Annotated[str, PerfEventName()]] | None = None,
        perf_aggregate_cpus: bool = True,
        uncore_event_names: list[UncoreEvent | list[UncoreEvent]] | None = None,
        enable_derived_metrics: bool = False,
        rdt_enabled: bool | None = None,
        gather_hw_mm_topology: bool | None = None,
        zoneinfo: bool | str = False,
        vmstat: bool | str = False,
        sched: bool | str = False,
        wss_reset_cycles: Annotated[int, Numeric(0, None)] | None = None,
        wss_stable_cycles: int = 0,
        wss_membw_threshold: Annotated[float, Numeric(0, None)] | None = None,
        granularity: Granularity = Granularity.POD,
        budget: Budget | None = None,
        series_limit: Annotated[int, Numeric(1, None)] | None = None,
        shutdown_timeout: Annotated[float, SHUTDOWN] = STOP_GRACE + CLOSE_GRACE,
        http: HttpServer | None = None,
        recording: Annotated[str, Path()] | None = None,
        recording_size: Annotated[int, Size(4096, None)] = RECORDING_SIZE,
        *,
        kernel: Annotated[Kernel | None, Injected()] = None,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        INTERVAL.check(interval)
        DISCOVERY_INTERVAL.check(discovery_interval)
        self.node = node
        self._made: list[object] = []  # in place of what was left out
        self.metrics_storage = self._default(LogStorage(), metrics_storage)
        self.interval, self.discovery_interval = interval, discovery_interval
        self.extra_labels = dict(extra_labels or {})
        self.task_label_generators = dict(task_label_generators or {})
        self.include_optional_labels = include_optional_labels
        self._listed = [*(collectors or ()), *(extra_collectors or ())]
        self.options = Options(
            collectors=collectors,
            extra_collectors=extra_collectors,
            event_names=event_names,
            perf_aggregate_cpus=perf_aggregate_cpus,
            uncore_event_names=uncore_event_names,
            enable_derived_metrics=enable_derived_metrics,
            rdt_enabled=rdt_enabled,
            gather_hw_mm_topology=gather_hw_mm_topology,
            zoneinfo=zoneinfo,
            vmstat=vmstat,
            sched=sched,
            wss_reset_cycles=wss_reset_cycles,
            wss_stable_cycles=wss_stable_cycles,
            wss_membw_threshold=wss_membw_threshold,
        )
        self.collectors = select_collectors(self.options)
        self.enable_derived_metrics = enable_derived_metrics
        self.granularity = Granularity(granularity)
        self.budget, self.series_limit = budget, series_limit
        SHUTDOWN.check(shutdown_timeout)
        self.shutdown_timeout, self.http = shutdown_timeout, http
        self.recording, self.recording_size = recording, recording_size
        self._kernel = kernel
        self._clock = SystemClock() if clock is None else clock
        self._control = Control()

    def check(self) -> list[str]:
        """What keeps this machine from giving what the options ask for.

        Collectors of the lists are components of their own, and asked by themselves.
        """
        problems: list[str] = []
        for collector in self.collectors:
            check = ability(collector, "check")
            if check is not None and collector not in self._listed:
                problems += check()
        recording = [] if self.recording is None else AppendedFile(self.recording).problems()
        return problems + [f"recording: {problem}" for problem in recording]

    def stop_after(self, iterations: int) -> None:
        """End ``run`` by itself after this many iterations."""
        self._control.iterations = iterations

    def record_to(self, path: str) -> None:
        """Write a recording of the next ``run`` to this file."""
        self.recording = path

    def expect_exit(self) -> None:
        """The program ends with the next ``run``: see ``StopSignals``."""
        self._control.exit_expected = True

    def configured_by(self, fingerprint: str) -> None:
        """Export this hash of the configuration, as ``wca_config_info``."""
        self._control.fingerprint = fingerprint

    def described_in(self, path: str) -> None:
        """Say on the status page that this file describes the run."""
        self._control.configuration = path

    def report_to(self, supervisor: Supervisor) -> None:
        """Tell this one that it has started, that it moves on, and that it ends."""
        self._control.supervisor = supervisor

    def reload_from(self, configurations: Configurations) -> None:
        """Take the next configuration from here, when ``reload`` is called."""
        self._control.configurations = configurations

    def reload(self) -> None:
        """Go over to the next configuration; returns when that is done, or refused and logged."""
        self._control.begun.wait()
        if (reload := self._reload) is not None:
            reload.request()

    def refuses(self, successor: Any) -> str:
        """Why another runner cannot follow this one while it runs; empty: it can."""
        before, after = type(self).__name__, type(successor).__name__
        if type(successor) is not type(self):
            return f"runner: !{before} cannot become !{after} while it runs: restart the agent"
        if successor.shutdown_timeout != self.shutdown_timeout:
            return "shutdown_timeout cannot be changed while the agent runs: restart it"
        return ""

    def succeed(self, before: "MeasurementRunner") -> None:
        """Follow another runner: take over what it has made itself and would be made alike."""
        self.collectors = keep_made(
            self.collectors, self.options, before.collectors, before.options
        )
        fields = [(getattr(self, name), getattr(before, name)) for name in self._DEFAULTED]
        known = {
            id(own): other for own, other in fields if self.has_made(own) and before.has_made(other)
        }
        for name in self._DEFAULTED:
            setattr(self, name, known.get(id(getattr(self, name)), getattr(self, name)))
        self._made += known.values()

    def has_made(self, part: object) -> bool:
        """Whether a part stands in place of what the configuration leaves out."""
        return any(one is part for one in self._made)

    def stop(self, within: float | None = None) -> None:
        """End ``run`` from another thread, as SIGTERM does.

        Args:
            within: seconds from now until everything is closed; as many for closing as at the last
                iteration when left out.
        """
        if within is not None:
            self._control.end = self._clock.monotonic() + within
        self._control.stop.set()

    def run(self) -> int:
        """Loop until SIGTERM, SIGINT, ``stop`` or the last iteration, then flush and close.

        Raises:
            StartError: a part cannot start; what had started is closed again.
        """
        kernel = Kernel() if self._kernel is None else self._kernel
        control = self._control
        engine = Engine(kernel, self._clock, control.fingerprint)
        signals = StopSignals(
            control.stop,
            exits=control.exit_expected,
            limit=self.shutdown_timeout + LIMIT - (STOP_GRACE + CLOSE_GRACE),
        )
        with signals, LogCounter() as counts:
            try:
                with signals.interruptible(STOP_GRACE):
                    self._loop(engine, counts)
                signals.say()
            finally:
                last = self._end_reloads()
                self._close(engine, signals)
        return last.outcome()

    def outcome(self) -> int:
        """The exit code, once everything is closed."""
        return 0

    def _loop(self, engine: Engine, counts: LogCounter) -> None:
        control = self._control
        reloaded = Reloaded(self._clock.now)
        assembly = Assembly(engine, self._clock, control, counts, reloaded)
        assembly.use(self)
        if control.configurations is not None:
            self._reload = Reload(
                self, assembly, engine, control.configurations, control.supervisor, reloaded
            )
        control.begun.set()
        assembly.run()

    def _end_reloads(self) -> Succeeds:
        """The runner that the run is of now."""
        control = self._control
        reload, self._reload = self._reload, None
        control.begun.set()
        if reload is None:
            return self
        reload.end()
        return reload.runner

    def _close(self, engine: Engine, signals: StopSignals) -> None:
        """Close everything; what hangs is interrupted when a signal asks for the end."""
        end = self._control.end
        grace = self.shutdown_timeout - STOP_GRACE
        while engine.lifecycle.open:
            now = self._clock.monotonic()
            if signals.received and end is None:
                end = now + grace
            left = CLOSE_TIMEOUT if end is None else max(LEAST_GRACE, end - now)
            with signals.interruptible(min(left, grace)):
                engine.lifecycle.close(left)

    def open_storages(self, engine: Engine) -> None:
        """Start the storages, each with its queue.

        Raises:
            StartError: one of them cannot start.
        """
        for name in self._STORAGES:
            engine.outlet(getattr(self, name), name)

    def stages_after_export(
        self,
        engine: Engine,
        measuring: Measuring,
    ) -> list[Stage]:
        """What an iteration does with the metrics of its sample; runners that do more add here.

        Called once per run, before the first iteration; what has to be started is started here.
        """
        store = Store(engine.outlet(self.metrics_storage, "metrics_storage"))
        if self.recording is None:
            return [store]
        from wca.runners.recorder import Record, start_recorder  # few runs need them
        from wca.runners.views import views_of

        path, labels, size = self.recording, self.common_labels(engine), self.recording_size
        recorder = engine.keep(
            "recording",
            (path, labels, self.interval, size),
            lambda: start_recorder(path, engine, self.interval, labels, size=size),
        )
        return [Record(views_of(engine, measuring), recorder), store]

    def all_storages(self) -> list[Storage]:
        """Where anything goes."""
        return [getattr(self, name) for name in self._STORAGES]

    def facts(self) -> dict[str, Any]:
        """What the status page says of this runner, called on any thread."""
        path = self._control.configuration
        facts = {"runner": type(self).__name__, "interval_seconds": self.interval}
        return facts if path is None else {**facts, "configuration": path}

    def _default(self, made: _T, given: _T | None) -> _T:
        """What is given, or else what was made in its place."""
        if given is not None:
            return given
        self._made.append(made)
        return made

    def common_labels(self, engine: Engine) -> dict[str, str]:
        """Labels of every metric that this runner stores."""
        return engine.common_labels(self.extra_labels, optional=self.include_optional_labels)
