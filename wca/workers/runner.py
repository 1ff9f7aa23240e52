"""``WorkerMonitoringRunner``: a fleet of EC2 instances, polled, judged, alerted on and healed."""

import asyncio
from typing import Annotated

from wca.clock import Clock, SystemClock
from wca.config.types import Duration, Injected, LabelName, Numeric
from wca.errors import ValidationError
from wca.http.server import HttpServer
from wca.linux.files import Kernel
from wca.logger import LogCounter
from wca.runners.api import Runner
from wca.runners.engine import Engine
from wca.runners.stop import LIMIT, StopSignals
from wca.storage import PrometheusStorage, Storage
from wca.supervisor import Supervisor
from wca.workers.api import Cloud, History, Lease, Notifier, Rule, WorkerSource, WorkerStore
from wca.workers.monitoring.memory_store import MemoryWorkerStore
from wca.workers.monitoring.options import Options
from wca.workers.monitoring.queries import MetricFields, read_queries
from wca.workers.monitoring.run import MonitoringRun
from wca.workers.monitoring.stop import LoopStop
from wca.workers.remediation import Remediation
from wca.workers.rules.fields import check_rules
from wca.workers.schedule.api import Schedule
from wca.workers.tracing import Tracing

__all__ = ["WorkerMonitoringRunner"]

INTERVAL, JITTER = Duration(1, 86_400), Duration(0, 3600)
SHUTDOWN = Duration(1, 600)
#: Share of the time to end that the event loop has; the rest is for closing everything.
_LOOP_SHARE = 0.8
#: Seconds from the end of that time to the end of a program that cannot end by itself.
_LATE = 1.0


class WorkerMonitoringRunner(Runner):
    """Watches a fleet of workers, which are EC2 instances by other names.

    Shard by shard, which is one region of one account, it asks EC2 for states and status checks and
    CloudWatch for the metrics of what runs, applies the rules, tells the notifiers, lets the
    remediation act and keeps what it has found. A part that fails is reported, and the others go
    on. See docs/workers.md.

    Args:
        workers: where the list of workers comes from.
        cloud: what is asked about them.
        interval: from one poll of a shard to the next.
        jitter: within which the polls of shards are spread.
        refresh_interval: from one list of workers to the next.
        metrics: what is read of each running worker: a list of ``name``, ``namespace`` and
            ``metric`` of CloudWatch, and ``stat``, ``period`` and ``dimensions`` besides InstanceId
            (``discover``: found out, and each disk is read). CPU of EC2 and memory of the
            CloudWatch agent, as ``cpu`` and ``memory``, when left out.
        schedule: when shards are due; ApsSchedule in memory when left out.
        lease: needed where several agents watch the same fleet, so that each shard is polled by one
            of them.
        rules: what alerts are about.
        notifiers: who is told of alerts; the log when left out.
        remediation: what is done about alerts; nothing when left out.
        history: keeps what was found, for the dashboard and for queries.
        store: keeps what has to survive a restart; without one, alerts fire anew after it.
        idle_threshold: CPU in percent above which a worker counts as active.
        max_concurrency: calls of the cloud at once.
        metrics_storage: where the metrics of the fleet and of the agent go; the page /metrics when
            left out.
        metrics_interval: from one batch of these to the next.
        extra_labels: labels of every metric.
        http: the server that shows the dashboard at /workers, /metrics, /healthz and /-/ready; one
            with its defaults when left out.
        shutdown_timeout: how long the agent may take to end after a signal, with all that it has to
            tell and to keep.
        clock: for tests: time.
        tracing: for tests: where spans go.

    Raises:
        ValidationError: two rules or two metrics have one name, or a rule looks at a metric that is
            not read.
    """

    def __init__(
        self,
        workers: WorkerSource,
        cloud: Cloud,
        interval: Annotated[float, INTERVAL] = 300.0,
        jitter: Annotated[float, JITTER] = 60.0,
        refresh_interval: Annotated[float, INTERVAL] = 300.0,
        metrics: list[MetricFields] | None = None,
        schedule: Schedule | None = None,
        lease: Lease | None = None,
        rules: list[Rule] | None = None,
        notifiers: list[Notifier] | None = None,
        remediation: Remediation | None = None,
        history: History | None = None,
        store: WorkerStore | None = None,
        idle_threshold: Annotated[float, Numeric(0, 100)] = 5.0,
        max_concurrency: Annotated[int, Numeric(1, 256)] = 16,
        metrics_storage: Storage | None = None,
        metrics_interval: Annotated[float, INTERVAL] = 15.0,
        extra_labels: dict[Annotated[str, LabelName()], str] | None = None,
        http: HttpServer | None = None,
        shutdown_timeout: Annotated[float, SHUTDOWN] = 8.0,
        *,
        clock: Annotated[Clock | None, Injected()] = None,
        tracing: Annotated[Tracing | None, Injected()] = None,
    ) -> None:
        INTERVAL.check(interval)
        JITTER.check(jitter)
        SHUTDOWN.check(shutdown_timeout)
        if jitter > interval:
            raise ValidationError("jitter is longer than interval: write a shorter one")
        self.workers, self.cloud = workers, cloud
        self.interval, self.jitter = interval, jitter
        self.refresh_interval, self.metrics_interval = refresh_interval, metrics_interval
        self.queries = read_queries(metrics)
        self.rules = list(rules or ())
        check_rules(self.rules, [query.name for query in self.queries])
        self.schedule, self.lease = schedule, lease
        self.notifiers, self.remediation = notifiers, remediation
        self.history = history
        self.store = MemoryWorkerStore() if store is None else store
        self.idle_threshold = idle_threshold
        self.max_concurrency = max_concurrency
        self.metrics_storage = PrometheusStorage() if metrics_storage is None else metrics_storage
        self.extra_labels = dict(extra_labels or {})
        self.http = http
        self.shutdown_timeout = shutdown_timeout
        self._clock = SystemClock() if clock is None else clock
        self._tracing = tracing
        self._stop = LoopStop()
        self._iterations: int | None = None
        self._exit_expected = False
        self._fingerprint: str | None = None
        self._supervisor = Supervisor()

    def stop_after(self, iterations: int) -> None:
        """End ``run`` by itself after every shard has been polled this many times."""
        self._iterations = iterations

    def expect_exit(self) -> None:
        """The program ends with the next ``run``: see ``StopSignals``."""
        self._exit_expected = True

    def configured_by(self, fingerprint: str) -> None:
        """Export this hash of the configuration, as ``wca_config_info``."""
        self._fingerprint = fingerprint

    def report_to(self, supervisor: Supervisor) -> None:
        """Tell this one that it has started, that it moves on, and that it ends."""
        self._supervisor = supervisor

    def stop(self) -> None:
        """End ``run`` from another thread, as SIGTERM does."""
        self._stop.set()

    def run(self) -> int:
        """Watch until SIGTERM, SIGINT, ``stop`` or the last iteration, then tell, keep and close.

        Raises:
            StartError: a part cannot start; what had started is closed again.
        """
        engine = Engine(Kernel(), self._clock, self._fingerprint)
        limit = self.shutdown_timeout + _LATE
        signals = StopSignals(self._stop, exits=self._exit_expected, limit=max(limit, LIMIT))
        with signals, LogCounter() as counts:
            try:
                with signals.interruptible(self.shutdown_timeout * _LOOP_SHARE):
                    self._watch(engine, counts)
                signals.say()
            finally:
                left = self.shutdown_timeout * (1 - _LOOP_SHARE)
                with signals.interruptible(left):
                    engine.lifecycle.close(left)
        return 0

    def _watch(self, engine: Engine, counts: LogCounter) -> None:
        run = MonitoringRun(
            self._options(), engine, self._stop, self._supervisor, self._iterations, counts
        )
        run.start()
        asyncio.run(run.main())

    def _options(self) -> Options:
        """The configuration, with the parts that were left out."""
        from wca.workers.notifiers.log import LogNotifier
        from wca.workers.schedule.aps import ApsSchedule

        tracing = Tracing() if self._tracing is None else self._tracing
        return Options(
            workers=self.workers,
            cloud=self.cloud,
            queries=self.queries,
            schedule=ApsSchedule() if self.schedule is None else self.schedule,
            lease=self.lease,
            rules=self.rules,
            notifiers=[LogNotifier()] if self.notifiers is None else self.notifiers,
            remediation=self.remediation,
            history=self.history,
            store=self.store,
            metrics_storage=self.metrics_storage,
            http=self.http,
            tracing=tracing,
            interval=self.interval,
            jitter=self.jitter,
            refresh_interval=self.refresh_interval,
            metrics_interval=self.metrics_interval,
            idle_threshold=self.idle_threshold,
            max_concurrency=self.max_concurrency,
            shutdown_timeout=self.shutdown_timeout,
            labels=self.extra_labels,
        )
