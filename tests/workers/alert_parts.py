"""Workers, samples and alerts as tests of rules, alerts and notifiers make them."""

from dataclasses import replace

from wca.components import load_registry
from wca.config.loader import load_text
from wca.workers.alerting.life import alert_key
from wca.workers.api import Notifier, RefusedError, Rule, TryLaterError
from wca.workers.model import (
    Alert,
    AlertState,
    Checks,
    InstanceState,
    Reading,
    Sample,
    Severity,
    Status,
    Verdict,
    Worker,
    WorkerState,
)
from wca.workers.remediation import Remediation

NOW = 1_700_000_000.0
WORKER = Worker("w-1", "eu-west-1", "i-0123456789abcdef0", "", "web", {"role": "cml-worker"})
HEALTHY = Checks("ok", "ok", "ok")
STATES = {str(state): state for state in InstanceState}


def reading(value, at=NOW - 300):
    """A number, the values of several parts, or the word of a verdict."""
    if isinstance(value, str):
        verdict = Verdict(value)
        return Reading(verdict, 99.0 if verdict is Verdict.STALE else None)
    if isinstance(value, dict):
        return Reading(Verdict.VALUE, max(value.values()), at, value)
    return Reading(Verdict.VALUE if value else Verdict.ZERO, float(value), at)


def sample(
    state="running", checks=HEALTHY, events=(), worker=WORKER, at=NOW, status=None, **readings
):
    """What a poll has found; readings by name, each of five minutes before."""
    if status is None:
        status = Status(worker.instance_id, STATES[state], checks, tuple(events))
    made = {name: reading(value, at - 300) for name, value in readings.items()}
    return Sample(worker, at, status, made)


def unasked(worker=WORKER, at=NOW):
    """A poll in which EC2 could not be asked."""
    return Sample(worker, at, None)


def known(state, checks=HEALTHY, worker=WORKER, **fields):
    """What is remembered of a worker."""
    return WorkerState(worker, STATES[state], checks, polled_at=NOW, **fields)


def alert(state="firing", rule="cpu above 90", worker=WORKER, **fields):
    """An alert of a rule."""
    made = Alert(
        key=alert_key(rule, worker.id),
        rule=rule,
        worker=worker,
        severity=Severity.WARNING,
        state=AlertState(state),
        summary="cpu of web is 95.5, above 90",
        value=95.5,
        polls=2,
        since=NOW - 300,
        fired_at=None if state == "pending" else NOW,
        resolved_at=NOW + 600 if state == "resolved" else None,
    )
    return replace(made, **fields)


class Inbox(Notifier):
    """A receiver that is a list; ``answers`` are raised, one for each call; or it is away."""

    def __init__(self, answers=(), most_alerts=1, resend_interval=None, away=False):
        self.away = away
        self.calls = []
        self.answers = list(answers)
        self.most_alerts = most_alerts
        self.resend_interval = resend_interval
        self.closed = False

    def send(self, alerts):
        answer = self.answers.pop(0) if self.answers else None
        if self.away:
            answer = later()
        if answer is not None:
            raise answer
        self.calls.append(list(alerts))

    def close(self, timeout):
        self.closed = True

    @property
    def told(self):
        """Rule and state of all alerts, in their order."""
        return [(one.rule, str(one.state)) for call in self.calls for one in call]


def later(after=None):
    return TryLaterError("it is away", after)


def refused():
    return RefusedError("it does not like it")


class Watch:
    """A runner that has the parts of a configuration that are tested."""

    def __init__(
        self,
        rules: list[Rule] | None = None,
        notifiers: list[Notifier] | None = None,
        remediation: Remediation | None = None,
    ):
        self.rules, self.notifiers, self.remediation = rules, notifiers, remediation

    def run(self):
        return 0


def configured(text, **environ):
    """The runner of a configuration: YAML below ``runner: !Watch``."""
    registry = load_registry()
    registry.add(Watch)
    indented = "".join(f"  {line}\n" for line in text.splitlines())
    return load_text(f"runner: !Watch\n{indented}", registry, environ=environ).runner
