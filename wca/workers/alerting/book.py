"""``AlertBook``: all alerts that are pending or fire."""

import logging
import threading
from collections.abc import Iterable, Sequence

from wca.clock import Clock, SystemClock
from wca.errors import PLUGIN_ERRORS
from wca.workers.alerting.inhibition import in_maintenance, inhibited, not_running
from wca.workers.alerting.life import alert_key, changed, next_alert, resolved
from wca.workers.api import Rule
from wca.workers.model import Alert, AlertState, Judgement, Sample, WorkerState
from wca.workers.rules.fields import check_rules

__all__ = ["HOLD", "AlertBook"]

log = logging.getLogger(__name__)

#: Seconds for which an alert that tells of the end of its worker fires.
HOLD = 3600.0


class AlertBook:
    """Applies rules to samples and keeps what comes of it, by worker.

    What it returns is to be kept in a store, from which it is made again after a restart: then an
    alert that fires does not fire again, and one that is over meanwhile is resolved. Thread-safe.

    Args:
        rules: all of a configuration.
        alerts: those of an earlier run.
        clock: time, for what is over without a sample.

    Raises:
        ValidationError: two rules have one name.
    """

    def __init__(
        self, rules: Sequence[Rule], alerts: Iterable[Alert] = (), *, clock: Clock | None = None
    ) -> None:
        check_rules(rules)
        self._rules = {rule.name: rule for rule in rules}
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._broken: set[str] = set()
        self._by_worker: dict[str, dict[str, Alert]] = {}
        self.take_over((), alerts)

    def take_over(self, worker_ids: Iterable[str], alerts: Iterable[Alert]) -> None:
        """Workers are watched here from now on, as when a lease was taken.

        Args:
            worker_ids: of these workers.
            alerts: what a store has of them, in place of what was known here.
        """
        with self._lock:
            for worker_id in worker_ids:
                self._by_worker.pop(worker_id, None)
            for alert in alerts:
                if alert.state is not AlertState.RESOLVED:
                    self._by_worker.setdefault(alert.worker.id, {})[alert.key] = alert

    def let_go(self, worker_ids: Iterable[str]) -> None:
        """Workers are watched by another agent, which tells of their alerts: none is resolved."""
        with self._lock:
            for worker_id in worker_ids:
                self._by_worker.pop(worker_id, None)

    def judge(self, sample: Sample, before: WorkerState | None) -> list[Alert]:
        """Apply every rule to a sample.

        Args:
            sample: what a poll has found.
            before: what was known before it; None: it is the first one.

        Returns:
            Alerts that have changed, in the order in which they are to be told: pending ones are
            only to be kept; of one that is resolved without a ``fired_at`` nobody was told.
        """
        worker = sample.worker
        with self._lock:
            alerts = self._by_worker.pop(worker.id, {})
            news = self._without_rule(alerts, sample)
            for rule in self._rules.values():
                key = alert_key(rule.name, worker.id)
                old, judgement = alerts.get(key), self._judgement(rule, sample, before)
                new = next_alert(rule, old, judgement, worker, sample.at)
                if new is not None and changed(old, new):
                    news.append(new)
                _keep(alerts, key, new)
            if alerts:
                self._by_worker[worker.id] = alerts
        return news

    def firing(self) -> list[Alert]:
        """All alerts that fire, the oldest first."""
        with self._lock:
            alerts = [one for of_one in self._by_worker.values() for one in of_one.values()]
        firing = [alert for alert in alerts if alert.state is AlertState.FIRING]
        return sorted(firing, key=lambda alert: (alert.fired_at or 0.0, alert.key))

    def actionable(self, sample: Sample) -> list[Alert]:
        """Alerts of a worker that fire and that something may be done about now.

        Args:
            sample: the newest one, after ``judge``.
        """
        with self._lock:
            alerts = list(self._by_worker.get(sample.worker.id, {}).values())
        return [
            alert
            for alert in alerts
            if alert.state is AlertState.FIRING
            and (rule := self._rules.get(alert.rule)) is not None
            and not inhibited(rule, sample)
        ]

    @property
    def worker_ids(self) -> set[str]:
        """Workers that have alerts; those that are in the fleet no more are to be forgotten."""
        with self._lock:
            return set(self._by_worker)

    def end(self, worker_id: str, *, at_once: bool = False) -> list[Alert]:
        """A worker is watched no more: its alerts, resolved.

        One that tells of the very end of its worker has nobody to end it later, and a receiver that
        groups, as Alertmanager does, would never tell of it if it were over at once: it fires for
        ``HOLD`` seconds, and is resolved when this is called again after them.

        Args:
            worker_id: of the worker.
            at_once: whether that one is resolved as well.
        """
        now = self._clock.now()
        with self._lock:
            alerts = self._by_worker.pop(worker_id, {})
            lasting = {
                key: alert
                for key, alert in alerts.items()
                if not at_once and self._outlives(alert, now)
            }
            if lasting:
                self._by_worker[worker_id] = lasting
        return _over({key: one for key, one in alerts.items() if key not in lasting}, now)

    def _outlives(self, alert: Alert, now: float) -> bool:
        """Whether an alert goes on although its worker has ended."""
        rule = self._rules.get(alert.rule)
        begin = alert.fired_at if alert.state is AlertState.FIRING else None
        return rule is not None and rule.outlives and begin is not None and now < begin + HOLD

    def _judgement(self, rule: Rule, sample: Sample, before: WorkerState | None) -> Judgement:
        stopped = not_running(sample)
        if stopped is not None and not rule.while_stopped:
            return stopped
        try:
            judgement = rule.judge(sample, before)
        except PLUGIN_ERRORS as error:  # one rule that is broken must not keep others from judging
            if rule.name not in self._broken:
                self._broken.add(rule.name)
                words = f"{type(error).__name__}: {error}"
                log.error(  # noqa: TRY400 - a sentence, not a traceback
                    "The rule %r cannot judge (said once): %s", rule.name, words
                )
            return Judgement(None)
        if judgement.active and not rule.in_maintenance and in_maintenance(sample):
            return Judgement(None)
        return judgement

    def _without_rule(self, alerts: dict[str, Alert], sample: Sample) -> list[Alert]:
        """Take out and resolve alerts of which an earlier configuration had the rule."""
        old = [key for key, alert in alerts.items() if alert.rule not in self._rules]
        words = "there is no such rule any more"
        return [resolved(alerts.pop(key), words, sample.at) for key in old]


def _keep(alerts: dict[str, Alert], key: str, alert: Alert | None) -> None:
    if alert is not None and alert.state is not AlertState.RESOLVED:
        alerts[key] = alert
    else:
        alerts.pop(key, None)


def _over(alerts: dict[str, Alert], now: float) -> list[Alert]:
    return [
        resolved(alert, f"{alert.worker.title} is not watched any more", now)
        for alert in alerts.values()
    ]
