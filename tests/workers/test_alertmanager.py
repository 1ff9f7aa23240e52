"""A real Alertmanager is told of alerts: they fire, stay, and are over."""

import json
from datetime import datetime

import pytest

from tests.http_receiver import Receiver
from tests.workers.alert_parts import alert
from tests.workers.alertmanager_server import Alertmanager
from wca.clock import SystemClock
from wca.workers import AlertmanagerNotifier
from wca.workers.alerting.notifications import Notifications
from wca.workers.api import RefusedError


@pytest.fixture(scope="module")
def hook():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory, hook):
    with Alertmanager(tmp_path_factory.mktemp("alertmanager"), hook.url) as server:
        yield server


class Ahead:
    """A clock that is moved by hand beside the real one: endsAt of four minutes becomes seconds."""

    def __init__(self, seconds):
        self.real, self.seconds = SystemClock(), seconds
        self.monotonic, self.wait = self.real.monotonic, self.real.wait

    def now(self):
        return self.real.now() + self.seconds


def named(alertmanager, rule):
    return [one for one in alertmanager.alerts() if one["labels"]["alertname"] == rule]


def told(hook, rule):
    """What the Alertmanager has told its receiver of a rule, in order."""
    messages = [json.loads(body) for body in list(hook.bodies)]
    return [
        one["status"]
        for message in messages
        for one in message["alerts"]
        if one["labels"]["alertname"] == rule
    ]


def ends_at(alertmanager, rule):
    (found,) = named(alertmanager, rule)
    return datetime.fromisoformat(found["endsAt"])


def test_an_alert_fires_stays_by_being_sent_again_and_is_over(alertmanager, hook):
    now = SystemClock().now()
    clock = Ahead(-237)  # what is said to fire for four more minutes does so for three seconds
    notifications = Notifications([AlertmanagerNotifier(alertmanager.url, clock=clock)])
    notifications.start()
    fires = alert(rule="cpu too high", since=now, fired_at=now)
    notifications.tell([fires])
    alertmanager.wait_for(lambda: named(alertmanager, "cpu too high"))
    first = ends_at(alertmanager, "cpu too high")

    for tick in range(1, 6):  # six seconds: twice as long as it would live without
        alertmanager.wait_for(lambda end=now + 1.2 * tick: SystemClock().now() > end)
        notifications.tick(tick * 60, [fires])
    alertmanager.wait_for(lambda: ends_at(alertmanager, "cpu too high") > first)
    assert told(hook, "cpu too high") == ["firing"]

    over = alert("resolved", rule="cpu too high", fired_at=now, resolved_at=SystemClock().now())
    notifications.tell([over])
    alertmanager.wait_for(lambda: told(hook, "cpu too high") == ["firing", "resolved"])
    assert named(alertmanager, "cpu too high") == []
    notifications.close(5)


def test_an_agent_that_is_gone_leaves_no_alert_for_ever(alertmanager, hook):
    now = SystemClock().now()
    notifier = AlertmanagerNotifier(alertmanager.url, clock=Ahead(-239))
    notifier.send([alert(rule="nobody says it again", since=now, fired_at=now)])
    alertmanager.wait_for(lambda: told(hook, "nobody says it again") == ["firing", "resolved"])


def test_alerts_that_are_sent_together_and_again_are_each_there_once(alertmanager):
    now = SystemClock().now()
    notifier = AlertmanagerNotifier(alertmanager.url)
    many = [alert(rule=f"rule {number}", since=now, fired_at=now) for number in range(200)]
    notifier.send(many)
    notifier.send(many)
    alertmanager.wait_for(
        lambda: (
            sum(one["labels"]["alertname"].startswith("rule ") for one in alertmanager.alerts())
            == 200
        )
    )


def test_what_an_alertmanager_refuses_is_refused_with_its_words(alertmanager):
    notifier = AlertmanagerNotifier(alertmanager.url)
    with pytest.raises(RefusedError, match="answers 400"):
        notifier.send([alert(since=5.0, fired_at=SystemClock().now() + 900, rule="late")])
