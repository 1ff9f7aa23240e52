"""One run of worker monitoring: its parts are put together, started, watched and ended."""

import asyncio
import logging
import os
import socket
import uuid
from typing import Protocol, runtime_checkable

from wca.errors import StartError
from wca.logger import LogCounter
from wca.naming import named
from wca.runners.engine import Engine
from wca.runners.loop import Watchdog
from wca.runners.serving import Health, serve
from wca.supervisor import Supervisor
from wca.telemetry import Telemetry
from wca.workers.alerting.book import AlertBook
from wca.workers.alerting.notifications import Notifications
from wca.workers.dashboard.pages import Dashboard
from wca.workers.monitoring.asking import Asking
from wca.workers.monitoring.chores import Chores
from wca.workers.monitoring.discovery import Discovery
from wca.workers.monitoring.export import FleetExport
from wca.workers.monitoring.healing import Healing
from wca.workers.monitoring.keeping import Keeper
from wca.workers.monitoring.lanes import Lane
from wca.workers.monitoring.leasing import Leasing
from wca.workers.monitoring.measurements import ActionCounts
from wca.workers.monitoring.monitor import Monitor, Parts
from wca.workers.monitoring.options import Options
from wca.workers.monitoring.pulse import Pulse
from wca.workers.monitoring.rounds import Rounds
from wca.workers.monitoring.stop import LoopStop
from wca.workers.tracing import TracingNotifier

__all__ = ["MonitoringRun"]

log = logging.getLogger(__name__)

#: Seconds between two signs of life of the loop, and how long it may give none.
_BEAT, _STUCK = 1.0, 10.0
#: Seconds between two looks at what has to be sent again, and at what may be kept by now.
_TICK = 2.0
#: Shares of the time to end: for polls that are about to end, for telling, and for keeping.
_POLLS, _TELLING, _KEEPING = 0.2, 0.3, 0.2


@runtime_checkable
class UsesTelemetry(Protocol):
    """A source of several parts that says which of them fails."""

    def use_telemetry(self, telemetry: Telemetry) -> None:
        """Report there."""


class MonitoringRun:
    """From the start to the end of one run.

    Args:
        options: what is configured.
        engine: the services of the run.
        stop: ends it.
        supervisor: hears how it is.
        iterations: after which it ends by itself; None: it does not.
        log_counts: warnings and errors logged.
    """

    def __init__(
        self,
        options: Options,
        engine: Engine,
        stop: LoopStop,
        supervisor: Supervisor,
        iterations: int | None,
        log_counts: LogCounter,
    ) -> None:
        self._options = options
        self._engine = engine
        self._stop = stop
        self._supervisor = supervisor
        self._iterations = iterations
        self._log_counts = log_counts
        self._clock = engine.clock
        self._cloud_lane = Lane("cloud", options.max_concurrency)
        self._lanes = {
            name: Lane(name) for name in ("workers", "lease", "store", "history", "notifications")
        }
        self._notifications = Notifications(
            [TracingNotifier.around(one, options.tracing) for one in options.notifiers],
            clock=self._clock,
        )
        self._actions = ActionCounts()
        self._dashboard = Dashboard(options.history, self._lanes["history"], self._clock)
        self._keeper = Keeper(
            options.store,
            options.history,
            engine.telemetry,
            self._notifications.untold,
            self._lanes["store"],
            self._lanes["history"],
        )
        owner = f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex}"
        self._leasing = Leasing(
            options.lease, owner, self._lanes["lease"], engine.telemetry, self._clock.monotonic
        )
        self._monitor = Monitor(
            self._parts(),
            options.interval,
            options.jitter,
            options.idle_threshold,
            Rounds(self._on_round),
        )
        self._forecast_of: int | None = None
        self._pulse = Pulse(self._clock.monotonic, lambda: self._monitor.rounds.complete)

    def start(self) -> None:
        """Open everything, before the event loop runs.

        Raises:
            StartError: a part cannot start.
        """
        options, lifecycle = self._options, self._engine.lifecycle
        if isinstance(options.workers, UsesTelemetry):
            options.workers.use_telemetry(self._engine.telemetry)
        parts = {
            "store": options.store,
            "history": options.history,
            "lease": options.lease,
            "cloud": options.cloud,
            "workers": options.workers,
            **named(options.notifiers),
        }
        self._engine.start_all({name: part for name, part in parts.items() if part is not None})
        for name, lane in {**self._lanes, "cloud calls": self._cloud_lane}.items():
            lifecycle.on_close(name, lane.close)
        lifecycle.start(self._notifications, "notifiers")
        self._export = self._exporter()
        health = Health(self._pulse, _STUCK, self._clock.monotonic)
        components = [*self._engine.storages, self._dashboard]
        serve(options.http, components, health, lifecycle)
        # Closed before the server, which would wait for those who still look at it.
        lifecycle.on_close("dashboard", self._dashboard.close)

    async def main(self) -> None:
        """Watch until it is told to end, then end.

        Raises:
            StartError: the run has a number of iterations, and no worker could be listed.
        """
        chores = Chores(self._engine.telemetry)
        chores.every(_BEAT, "loop", self._pulse.beat)
        self._options.schedule.begin(self._monitor.poll)
        try:
            await self._begin()
            self._supervisor.ready("watching")
            with Watchdog(
                self._pulse,
                _STUCK,
                self._clock,
                self._engine.telemetry,
                self._supervisor,
                lambda: "watching",
            ):
                self._do(chores)
                await self._stop.waited()
        finally:
            self._supervisor.stopping()
            await self._end(chores)

    async def _begin(self) -> None:
        """List the workers for the first time, unless the run is to end before."""
        starting = asyncio.create_task(self._first())
        stopping = asyncio.create_task(self._stop.waited())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for task in (starting, stopping):
            if not task.done():
                task.cancel()
        if starting.done():
            starting.result()
        if self._iterations is None or self._stop.is_set():
            return
        if not self._monitor.listed:
            raise StartError("no worker could be listed, so nothing was polled: the log says why")
        for key in self._monitor.fleet.shards:
            self._options.schedule.trigger(key)

    async def _first(self) -> None:
        await self._monitor.start()
        self._forecast()

    async def _refresh(self) -> None:
        await self._monitor.refresh()
        self._forecast()

    def _forecast(self) -> None:
        """Say what the cloud will cost, where it can tell, whenever the fleet has another size."""
        options, count = self._options, len(self._monitor.fleet)
        forecast = getattr(options.cloud, "forecast", None)
        if callable(forecast) and self._monitor.listed and count != self._forecast_of:
            self._forecast_of = count
            log.info("%s", forecast(count, len(options.queries), options.interval))

    def _do(self, chores: Chores) -> None:
        options = self._options
        chores.every(options.refresh_interval, "workers", self._refresh)
        chores.every(options.metrics_interval, "export", self._export.run)
        chores.every(_TICK, "notifiers", self._tick)
        if self._leasing.pause is not None:
            chores.every(self._leasing.pause, "lease", self._monitor.renew)

    async def _tick(self) -> None:
        self._engine.telemetry.begin_round()
        self._notifications.tick(self._clock.monotonic(), self._monitor.firing())
        await self._keeper.save()

    def _on_round(self, complete: int) -> None:
        if self._iterations is not None and complete >= self._iterations:
            self._stop.set()

    async def _end(self, chores: Chores) -> None:
        """Let polls end, tell what is to be told, keep what is to be kept, give shards back."""
        budget = self._options.shutdown_timeout
        self._monitor.stop()
        await self._options.schedule.stop(budget * _POLLS)
        await chores.end()
        await self._export.run()
        await self._bounded(self._tell_the_rest(budget * _TELLING), budget * _TELLING)
        await self._bounded(self._keeper.save(), budget * _KEEPING)
        release = [self._leasing.release(key, budget * _KEEPING) for key in self._leasing.held()]
        await asyncio.gather(*release)

    async def _tell_the_rest(self, seconds: float) -> None:
        lane = self._lanes["notifications"]
        await lane.call(self._notifications.close, seconds, patience=None)

    async def _bounded(self, work: "asyncio.Future[object] | object", seconds: float) -> None:
        try:
            await asyncio.wait_for(work, seconds)  # type: ignore[arg-type]
        except TimeoutError:
            self._engine.telemetry.failure("end", f"a part has not ended within {seconds:g} s")

    def _parts(self) -> Parts:
        options, telemetry = self._options, self._engine.telemetry
        return Parts(
            Discovery(options.workers, self._lanes["workers"], telemetry),
            self._leasing,
            Asking(
                options.cloud,
                options.queries,
                self._cloud_lane,
                telemetry,
                options.tracing,
                self._clock.now,
            ),
            lambda alerts: AlertBook(options.rules, alerts, clock=self._clock),
            self._notifications,
            self._healing(),
            self._keeper,
            options.schedule,
            telemetry,
            options.tracing,
            self._clock,
            (self._dashboard.board.observe,),
        )

    def _healing(self) -> Healing | None:
        options = self._options
        if options.remediation is None:
            return None
        return Healing(
            options.remediation,
            options.cloud,
            self._cloud_lane,
            self._leasing,
            self._keeper,
            self._engine.telemetry,
            options.tracing,
            self._clock,
            self._actions.count,
        )

    def _exporter(self) -> FleetExport:
        options, engine = self._options, self._engine
        return FleetExport(
            engine,
            self._monitor,
            self._leasing,
            self._actions,
            self._notifications,
            [options.cloud, options.workers],
            self._log_counts,
            engine.common_labels(options.labels, optional=False),
            engine.outlet(options.metrics_storage, "metrics_storage"),
        )
