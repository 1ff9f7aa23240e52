"""``ThresholdDetector``: rules over what was measured."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wca.detectors.api import Anomaly, AnomalyDetector, ContentionAnomaly, Evidence, TasksData
from wca.detectors.thresholds.alarms import Alarm
from wca.detectors.thresholds.rules import Rule, Rules, compile_rules
from wca.detectors.thresholds.signals import Quotient
from wca.metrics import CATALOGUE, Metric
from wca.platforms.api import Platform

__all__ = ["ThresholdDetector"]

#: Times the last distance between two intervals from which on a pause is one.
_GAP = 3


class ThresholdDetector(AnomalyDetector):
    """Reports a task, or the machine, while a number of it is beyond a limit.

    Each rule looks at one metric: a gauge as it is, a counter by how fast it grows, in units per
    second (``task_cpu_usage_seconds`` above 1.5 is more than one and a half CPUs), either of them
    divided by another one with ``per``. A reading that is missing, the first one of a counter and
    one after a reset give no value, and without a value there is no anomaly. It names no culprit:
    a limit that is passed says who suffers, not why.

    Args:
        rules: at least one. ``metric``: what is looked at, of tasks or of the machine. ``above`` or
            ``below``: the limit, a number or text such as ``80%``. ``for``: how long it must be
            passed (0s). ``clear``: where the number must be back for the anomaly to end (the
            limit), ``clear_for``: for how long (0s). ``per``: another metric to divide by.
            ``window``: time over which rates are taken (two readings). ``rate``: whether a metric
            that the catalogue does not know is a counter. ``labels``: which tasks, regular
            expressions by label. ``levels``: which number of a metric that has several.
            ``resource``: what is short then. ``name``: the verdict of its anomalies.

    Raises:
        ValidationError: a rule makes no sense.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._watches = [_Watch(rule) for rule in compile_rules(rules)]
        self._last: float | None = None
        self._distance: float | None = None

    def detect(
        self, platform: Platform, tasks_data: TasksData
    ) -> tuple[Sequence[Anomaly], Sequence[Metric]]:
        """Apply every rule to every task that it is about."""
        self._look_at_time(platform.monotonic)
        anomalies: list[Anomaly] = []
        metrics: list[Metric] = []
        for watch in self._watches:
            found, known = watch.look(platform, tasks_data)
            anomalies += found
            labels = {"rule": watch.rule.name}
            metrics.append(_metric("threshold_rule_tasks", known, labels))
            metrics.append(_metric("threshold_rule_anomalies", len(found), labels))
        return anomalies, metrics

    def _look_at_time(self, now: float) -> None:
        """Notice a clock that began anew, and intervals in which nobody has asked."""
        last, self._last = self._last, now
        if last is None:
            return
        distance = now - last
        if distance < 0:
            self._distance = None
            for watch in self._watches:
                watch.forget_all()
            return
        if self._distance is not None and distance > _GAP * self._distance:
            for watch in self._watches:
                watch.forget(distance)
        self._distance = distance or self._distance


class _Subject:
    """A task, or the machine, as one rule sees it."""

    def __init__(self, rule: Rule) -> None:
        self.quotient = Quotient(rule.signal, rule.per, rule.window)
        self.alarm = Alarm(rule.limits)


class _Watch:
    """One rule at work."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._subjects: dict[str, _Subject] = {}

    def look(self, platform: Platform, tasks: TasksData) -> tuple[list[ContentionAnomaly], int]:
        """The anomalies now, and how many tasks had a value."""
        now, read_at = platform.monotonic, platform.read_at
        before, self._subjects = self._subjects, {}
        anomalies, known = [], 0
        for name, measurements in self._chosen(platform, tasks):
            subject = self._subjects[name] = before.get(name) or _Subject(self.rule)
            value = subject.quotient.look(now, read_at, measurements, platform.measurements)
            known += value is not None
            if subject.alarm.judge(now, value) and value is not None:
                anomalies.append(self._anomaly(name, value))
        return anomalies, known

    def forget(self, gap: float) -> None:
        """There was a pause of so many seconds."""
        for subject in self._subjects.values():
            subject.alarm.forget(gap)

    def forget_all(self) -> None:
        """Begin anew."""
        self._subjects = {}

    def _chosen(
        self, platform: Platform, tasks: TasksData
    ) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The subjects by task id, the machine by no id, with what was measured of them."""
        if self.rule.signal.of_machine:
            yield "", platform.measurements
            return
        labels = self.rule.labels
        for task_id, task in tasks.items():
            if labels is None or labels.match_all(task.labels):
                yield task_id, task.measurements

    def _anomaly(self, name: str, value: float) -> ContentionAnomaly:
        rule, limits = self.rule, self.rule.limits
        labels = {"rule": rule.name}
        side = "above" if limits.above else "below"
        periods = {"for": limits.for_seconds, "clear_for": limits.clear_seconds}
        return ContentionAnomaly(
            rule.resource,
            name,
            metrics=[
                _metric("anomaly_value", value, labels),
                _metric("anomaly_threshold", limits.threshold, labels),
            ],
            verdict=rule.name,
            evidence=Evidence(
                {rule.what: value},
                {side: limits.threshold, "clear": limits.clear, **periods},
                rule.window or None,
            ),
        )


def _metric(name: str, value: float, labels: dict[str, str]) -> Metric:
    entry = CATALOGUE[name]
    return Metric(name, value, labels, entry.type, entry.help, entry.unit, entry.granularity)
