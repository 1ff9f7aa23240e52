"""A monitor with all its parts, of which only the cloud and what keeps are fakes."""

import asyncio
import inspect
from collections.abc import Sequence

from wca.telemetry import Telemetry
from wca.testing.clock import FakeClock
from wca.testing.fleet import FakeCloud, FakeHistory, FakeSchedule, FakeWorkers
from wca.workers.alerting.book import AlertBook
from wca.workers.model import Alert, AlertState, Severity, Status, Worker
from wca.workers.monitoring.asking import Asking
from wca.workers.monitoring.discovery import Discovery
from wca.workers.monitoring.healing import Healing
from wca.workers.monitoring.keeping import Keeper
from wca.workers.monitoring.lanes import Lane
from wca.workers.monitoring.leasing import Leasing
from wca.workers.monitoring.memory_store import MemoryWorkerStore
from wca.workers.monitoring.monitor import Monitor
from wca.workers.monitoring.outbox import Outbox
from wca.workers.monitoring.parts import Parts
from wca.workers.monitoring.queries import DEFAULT_QUERIES
from wca.workers.monitoring.rounds import Rounds
from wca.workers.tracing import Tracing

HERE = "/eu-west-1"


def worker(number, region="eu-west-1", **fields):
    return Worker(
        fields.pop("id", f"w{number}"),
        region,
        fields.pop("instance_id", f"i-{number:017x}"),
        **fields,
    )


class Book:
    """One rule: a worker that is not running, or whose CPU is above 90 %."""

    def __init__(self, alerts=()):
        self.alerts = {alert.worker.id: alert for alert in alerts}

    def judge(self, sample, before):
        cpu = sample.readings.get("cpu")
        stopped = isinstance(sample.status, Status) and sample.status.state != "running"
        holds = stopped or (cpu is not None and cpu.value is not None and cpu.value > 90)
        if sample.status is None or holds == (sample.worker.id in self.alerts):
            return []
        if not holds:
            return self.end(sample.worker.id)
        alert = alert_of(sample.worker, sample.at)
        self.alerts[sample.worker.id] = alert
        return [alert]

    def firing(self):
        return list(self.alerts.values())

    def actionable(self, sample):
        alert = self.alerts.get(sample.worker.id)
        return [] if alert is None else [alert]

    def end(self, worker_id, *, at_once=False):
        alert = self.alerts.pop(worker_id, None)
        return [] if alert is None else [over(alert)]


def alert_of(worker, at=0.0, state=AlertState.FIRING):
    return Alert(
        f"key of {worker.id}",
        "busy",
        worker,
        Severity.WARNING,
        state,
        f"{worker.title} is busy",
        95.0,
        1,
        at,
        at,
    )


def over(alert):
    return Alert(
        alert.key,
        alert.rule,
        alert.worker,
        alert.severity,
        AlertState.RESOLVED,
        "over",
        None,
        1,
        alert.since,
        alert.fired_at,
        alert.since,
    )


class Told:
    """Notes what is told; ``waiting`` are workers of whom nobody has been told yet."""

    def __init__(self):
        self.alerts: list[Alert] = []
        self.waiting: set[str] = set()

    def tell(self, alerts: Sequence[Alert]):
        self.alerts += alerts

    def tick(self, now, firing):
        pass

    def untold(self):
        return {alert.event_id for alert in self.alerts if alert.worker.id in self.waiting}

    @property
    def words(self):
        return [(alert.worker.id, alert.state.value) for alert in self.alerts]


class Fleet:
    """The monitor of a fleet; ``again`` is the same agent after a restart.

    Args:
        workers: listed at first.
        leases: shared with other agents.
        planning: a remediation.
        provider: of tracers.
        owner: of leases.
        seen: takes what an observer is told.
        rules: those of an AlertBook, in place of the one of ``Book``.
    """

    def __init__(
        self,
        *workers,
        store=None,
        leases=None,
        planning=None,
        provider=None,
        owner="me",
        seen=None,
        rules=None,
    ):
        self.source = FakeWorkers(workers)
        self.cloud = FakeCloud()
        self.store = store or MemoryWorkerStore()
        self.history = FakeHistory()
        self.schedule = FakeSchedule()
        self.told = Told()
        self.clock = FakeClock()
        self.telemetry = Telemetry(self.clock.monotonic)
        self.seen = [] if seen is None else seen
        self.records = []
        self.lanes = {}
        tracing = Tracing(provider)
        self.leasing = Leasing(
            leases, owner, self.lane("lease"), self.telemetry, self.clock.monotonic
        )
        self.keeper = Keeper(
            self.store,
            self.history,
            self.telemetry,
            Outbox(self.told),
            self.lane("store"),
            self.lane("history"),
        )
        cloud = self.lane("cloud", 4)
        healing = planning and Healing(
            planning,
            self.cloud,
            cloud,
            self.leasing,
            self.keeper,
            self.telemetry,
            tracing,
            self.clock,
            self.records.append,
        )
        asking = Asking(self.cloud, DEFAULT_QUERIES, cloud, self.telemetry, tracing, self.clock.now)
        self.monitor = Monitor(
            Parts(
                Discovery(self.source, self.lane("workers"), self.telemetry),
                self.leasing,
                asking,
                Book if rules is None else self.book(rules),
                healing,
                self.keeper,
                self.schedule,
                self.telemetry,
                tracing,
                self.clock,
                (self.seen.append,),
            ),
            300.0,
            60.0,
            5.0,
            Rounds(),
        )

    def book(self, rules):
        return lambda alerts: AlertBook(rules, alerts, clock=self.clock)

    def lane(self, name, threads=1):
        self.lanes[name] = Lane(name, threads)
        return self.lanes[name]

    async def poll(self, *keys):
        """A turn of each of these shards, or of all."""
        self.clock.advance(1.0)
        for key in keys or list(self.monitor.fleet.shards):
            await self.monitor.poll(key)

    def asked(self, what):
        return [(shard, ids) for kind, shard, ids in self.cloud.asked if kind == what]

    async def leave(self):
        """Give everything back, as an agent does that ends."""
        for key in self.leasing.held():
            await self.leasing.release(key, 1.0)

    def close(self):
        for lane in self.lanes.values():
            lane.close(5)


def watched(*workers, **options):
    """Runs a test as a coroutine that is given a fleet."""

    def decorate(test):
        def run(*args, **fixtures):
            fleet = Fleet(*workers, **{k: make() for k, make in options.items()})
            try:
                asyncio.run(test(fleet, *args, **fixtures))
            finally:
                fleet.close()

        parameters = list(inspect.signature(test).parameters.values())[1:]
        run.__signature__ = inspect.Signature(parameters)  # what pytest looks at
        run.__name__, run.__doc__ = test.__name__, test.__doc__
        return run

    return decorate
