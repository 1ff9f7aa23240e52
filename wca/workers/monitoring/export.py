"""What the runner exports: the agent's own numbers, and those of the fleet."""

import time
from dataclasses import asdict

from wca.logger import LogCounter
from wca.metrics import Measurements
from wca.metrics.batch import Batch
from wca.metrics.export import Exporter
from wca.runners.engine import Engine
from wca.runners.zeros import with_zeros
from wca.storage.outlet import Outlet
from wca.version import __version__
from wca.workers.alerting.notifications import Notifications
from wca.workers.monitoring.leasing import Leasing
from wca.workers.monitoring.measurements import (
    ActionCounts,
    fleet_measurements,
    worker_measurements,
)
from wca.workers.monitoring.monitor import Monitor

__all__ = ["FleetExport"]


class FleetExport:
    """Makes one batch of metrics each time that it runs.

    Args:
        engine: the services of the run.
        monitor: what is known of the fleet.
        leasing: which shards are ours.
        actions: what the remediation has done.
        notifications: what became of alerts that were told.
        parts: further components that may count, by a method ``measurements``.
        log_counts: warnings and errors logged.
        labels: of every metric.
        outlet: where metrics go.
    """

    def __init__(
        self,
        engine: Engine,
        monitor: Monitor,
        leasing: Leasing,
        actions: ActionCounts,
        notifications: Notifications,
        parts: list[object],
        log_counts: LogCounter,
        labels: dict[str, str],
        outlet: Outlet,
    ) -> None:
        self._engine = engine
        self._monitor = monitor
        self._leasing = leasing
        self._actions = actions
        self._notifications = notifications
        self._counting = [one for one in parts if callable(getattr(one, "measurements", None))]
        self._log_counts = log_counts
        self._labels = labels
        self._outlet = outlet
        self._information = Exporter({**labels, "wca_version": __version__})
        self._exporter = Exporter(labels)

    async def run(self) -> None:
        """Export what is known now."""
        clock = self._engine.clock
        with self._engine.telemetry.timed("export"):
            batch = Batch(clock.now(), self._labels)
            self._information.export({"wca_information": 1}, batch)
            self._exporter.export(self._measurements(), batch)
        self._outlet.put(batch)

    def _measurements(self) -> Measurements:
        monitor = self._monitor
        states = monitor.states()
        values: Measurements = {
            **self._own(),
            **fleet_measurements(states, monitor.firing()),
            **worker_measurements(monitor.fleet.workers(), states),
            **self._actions.measurements(),
            **self._told(),
            "wca_worker_polls": {key: dict(of) for key, of in monitor.turns.items()},
            "wca_worker_poll_duration_seconds": dict(monitor.durations),
            "wca_worker_leases": {
                key: int(self._leasing.holds(key)) for key in monitor.fleet.shards
            },
            "wca_workers_listed": monitor.listed_at,
        }
        for part in self._counting:
            values |= part.measurements()  # type: ignore[attr-defined]
        return {name: value for name, value in values.items() if value not in (None, {})}

    def _told(self) -> Measurements:
        counts = self._notifications.counts().items()
        return {
            "wca_worker_notifications": {name: asdict(one) for name, one in counts},
            "wca_worker_notifications_waiting": dict(self._notifications.waiting()),
        }

    def _own(self) -> Measurements:
        engine = self._engine
        return with_zeros(
            {
                **engine.identity(),
                "wca_up": engine.clock.now(),
                "wca_cpu_seconds": time.process_time(),
                "wca_memory_usage_bytes": engine.resident_bytes(),
                "wca_warning_count": self._log_counts.warnings.copy(),
                "wca_error_count": self._log_counts.errors.copy(),
                **engine.telemetry.measurements(),
                **engine.books.measurements(),
            }
        )
