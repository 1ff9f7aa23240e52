"""One run of worker monitoring: its parts are started, watched and ended."""

import asyncio
import logging
from typing import Protocol, runtime_checkable

from wca.errors import StartError
from wca.logger import LogCounter
from wca.naming import named
from wca.runners.engine import Engine
from wca.runners.loop import Watchdog
from wca.runners.serving import Health, serve
from wca.supervisor import Supervisor
from wca.telemetry import Telemetry
from wca.workers.monitoring.assembly import Assembly
from wca.workers.monitoring.chores import Chores
from wca.workers.monitoring.options import Options
from wca.workers.monitoring.others import EVERY as OTHERS
from wca.workers.monitoring.pulse import Pulse
from wca.workers.monitoring.stop import LoopStop

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
        self._made = Assembly(options, engine, self._on_round)
        self._monitor = self._made.monitor
        self._forecast_of: int | None = None
        self._pulse = Pulse(self._clock.monotonic, lambda: self._monitor.rounds.complete)

    def start(self) -> None:
        """Open everything, before the event loop runs.

        Raises:
            StartError: a part cannot start.
        """
        options, lifecycle, made = self._options, self._engine.lifecycle, self._made
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
        for name, lane in made.lanes().items():
            lifecycle.on_close(name, lane.close)
        lifecycle.start(made.notifications, "notifiers")
        self._export = made.exporter(self._log_counts)
        health = Health(self._pulse, _STUCK, self._clock.monotonic)
        components = [*self._engine.storages, made.dashboard]
        serve(options.http, components, health, lifecycle)
        # Closed before the server, which would wait for those who still look at it.
        lifecycle.on_close("dashboard", made.dashboard.close)

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
        await self._made.spending.settle()
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
        if self._made.leasing.pause is not None:
            chores.every(self._made.leasing.pause, "lease", self._monitor.renew)
            chores.every(OTHERS, "others", self._made.others.look, at_once=True)

    async def _tick(self) -> None:
        self._engine.telemetry.begin_round()
        self._made.notifications.tick(self._clock.monotonic(), self._monitor.firing())
        await self._made.keeper.save()
        await self._made.spending.settle()

    def _on_round(self, complete: int) -> None:
        if self._iterations is not None and complete >= self._iterations:
            self._stop.set()

    async def _end(self, chores: Chores) -> None:
        """Let polls end, tell what is to be told, keep what is to be kept, give shards back."""
        budget, leasing = self._options.shutdown_timeout, self._made.leasing
        self._monitor.stop()
        await self._options.schedule.stop(budget * _POLLS)
        await chores.end()
        await self._monitor.end()
        await self._export.run()
        await self._bounded(self._made.keeper.save(), budget * _KEEPING / 2)  # what is to be told
        await self._bounded(self._tell_the_rest(budget * _TELLING), budget * _TELLING)
        await self._bounded(self._keep_the_rest(), budget * _KEEPING)
        release = [leasing.release(key, budget * _KEEPING) for key in leasing.held()]
        await asyncio.gather(*release)

    async def _tell_the_rest(self, seconds: float) -> None:
        lane = self._made.lanes()["notifications"]
        await lane.call(self._made.notifications.close, seconds, patience=None)

    async def _keep_the_rest(self) -> None:
        await self._made.keeper.save()
        await self._made.spending.settle()

    async def _bounded(self, work: "asyncio.Future[object] | object", seconds: float) -> None:
        try:
            await asyncio.wait_for(work, seconds)  # type: ignore[arg-type]
        except TimeoutError:
            self._engine.telemetry.failure("end", f"a part has not ended within {seconds:g} s")
