"""The parts of one run of worker monitoring, put together from what is configured."""

import os
import socket
import uuid
from collections.abc import Callable

from wca.logger import LogCounter
from wca.runners.engine import Engine
from wca.workers.alerting.book import AlertBook
from wca.workers.alerting.notifications import Notifications
from wca.workers.dashboard.pages import Dashboard
from wca.workers.monitoring.asking import Asking
from wca.workers.monitoring.discovery import Discovery
from wca.workers.monitoring.export import FleetExport
from wca.workers.monitoring.healing import Healing
from wca.workers.monitoring.keeping import Keeper
from wca.workers.monitoring.lanes import Lane
from wca.workers.monitoring.leasing import Leasing, title_of
from wca.workers.monitoring.measurements import ActionCounts
from wca.workers.monitoring.monitor import Monitor
from wca.workers.monitoring.options import Options
from wca.workers.monitoring.others import Others
from wca.workers.monitoring.outbox import Outbox
from wca.workers.monitoring.parts import Parts
from wca.workers.monitoring.rounds import Rounds
from wca.workers.monitoring.spending import Spending
from wca.workers.tracing import TracingNotifier

__all__ = ["Assembly"]


class Assembly:
    """Makes all parts and opens nothing.

    Args:
        options: what is configured.
        engine: the services of the run.
        on_round: told how many rounds are complete, whenever one is.

    Attributes:
        notifications: tells of alerts.
        dashboard: shows the fleet.
        keeper: hands to the store and to the history.
        leasing: which shards are ours.
        spending: what the cloud has cost.
        monitor: the cycle of the fleet.
        others: what other agents have found.
    """

    def __init__(self, options: Options, engine: Engine, on_round: Callable[[int], None]) -> None:
        self._options = options
        self._engine = engine
        self._cloud_lane = Lane("cloud", options.max_concurrency)
        self._lanes = {
            name: Lane(name) for name in ("workers", "lease", "store", "history", "notifications")
        }
        self._actions = ActionCounts()
        self.notifications = Notifications(
            [TracingNotifier.around(one, options.tracing) for one in options.notifiers],
            clock=engine.clock,
        )
        self.keeper = Keeper(
            options.store,
            options.history,
            engine.telemetry,
            Outbox(self.notifications),
            self._lanes["store"],
            self._lanes["history"],
        )
        self.spending = Spending(options.cloud, self.keeper, engine.clock.monotonic)
        self.leasing = Leasing(
            options.lease,
            f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex}",
            self._lanes["lease"],
            engine.telemetry,
            engine.clock.monotonic,
        )
        self.dashboard = Dashboard(
            options.history,
            self._lanes["history"],
            engine.clock,
            title_of(self.leasing.owner) if self.leasing.shared else "",
        )
        self.monitor = Monitor(
            self._parts(),
            options.interval,
            options.jitter,
            options.idle_threshold,
            Rounds(on_round),
        )
        self.others = Others(
            self.keeper, self.leasing, self.monitor.sharing, self.dashboard.board.observe_other
        )

    def lanes(self) -> dict[str, Lane]:
        """The threads on which calls wait, by name."""
        return {**self._lanes, "cloud calls": self._cloud_lane}

    def exporter(self, log_counts: LogCounter) -> FleetExport:
        """What makes the metrics of the run.

        Args:
            log_counts: warnings and errors logged.
        """
        options, engine = self._options, self._engine
        return FleetExport(
            engine,
            self.monitor,
            self.leasing,
            self._actions,
            self.notifications,
            [options.cloud, options.workers],
            log_counts,
            engine.common_labels(options.labels, optional=False),
            engine.outlet(options.metrics_storage, "metrics_storage"),
        )

    def _parts(self) -> Parts:
        options, engine = self._options, self._engine
        return Parts(
            Discovery(options.workers, self._lanes["workers"], engine.telemetry),
            self.leasing,
            Asking(
                options.cloud,
                options.queries,
                self._cloud_lane,
                engine.telemetry,
                options.tracing,
                engine.clock.now,
            ),
            lambda alerts: AlertBook(options.rules, alerts, clock=engine.clock),
            self._healing(),
            self.keeper,
            options.schedule,
            engine.telemetry,
            options.tracing,
            engine.clock,
            (self.dashboard.board.observe,),
        )

    def _healing(self) -> Healing | None:
        options, engine = self._options, self._engine
        if options.remediation is None:
            return None
        return Healing(
            options.remediation,
            options.cloud,
            self._cloud_lane,
            self.leasing,
            self.keeper,
            engine.telemetry,
            options.tracing,
            engine.clock,
            self._actions.count,
        )
