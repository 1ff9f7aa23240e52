"""From polls to a receiver over a hundred restarts: every alert arrives once, and so does its end."""

import random

from tests.workers.alert_model import NAMES, RULES, WORKERS, Model
from tests.workers.alert_parts import known, sample
from tests.workers.vendors import Vendor, cloudevents
from wca.workers import WebhookNotifier
from wca.workers.alerting.book import AlertBook
from wca.workers.alerting.notifications import Notifications
from wca.workers.model import AlertState, Checks

RUNS, POLLS = 100, 10


class Agent:
    """What a runner does with alerts, from its start to its end."""

    def __init__(self, kept, states, url):
        self.kept, self.states = kept, states
        self.book = AlertBook(RULES, list(kept.values()))
        self.notifications = Notifications([WebhookNotifier(url, secret="s3cret")])
        self.notifications.start()

    def poll(self, one):
        changed = self.book.judge(one, self.states.get(one.worker.id))
        for alert in changed:
            if alert.state is AlertState.RESOLVED:
                self.kept.pop(alert.key, None)
            else:
                self.kept[alert.key] = alert
        self.states[one.worker.id] = known(str(one.status.state), worker=one.worker)
        self.notifications.tell(changed)

    def close(self):
        self.notifications.close(20)


def any_sample(chance, at):
    state = chance.choice(["running"] * 9 + ["stopping", "stopped"])
    word = chance.choice(["ok", "impaired", "impaired", "initializing"])
    return sample(
        state,
        Checks("ok", word, "ok"),
        worker=chance.choice(WORKERS),
        at=at,
        cpu=chance.choice([0, 70, 85, 95, 99, "throttled"]),
        memory=chance.choice([50, "no data", "no data", "stale", "failed"]),
    )


def test_over_a_hundred_restarts_no_alert_is_lost_or_doubled():
    chance, model = random.Random(9), Model()
    kept, states = {}, {}
    with Vendor(cloudevents("s3cret")) as receiver:
        for run in range(RUNS):
            agent = Agent(kept, states, receiver.url)
            for poll in range(POLLS):
                one = any_sample(chance, 1_700_000_000.0 + 300 * (POLLS * run + poll))
                model.poll(one, states.get(one.worker.id))
                agent.poll(one)
            agent.close()
        events = receiver.documents
    heard = [
        (NAMES[event["data"]["rule"]], event["subject"], event["data"]["state"]) for event in events
    ]
    assert len(heard) > RUNS
    assert heard == model.heard
    assert len({event["id"] for event in events}) == len(events)
