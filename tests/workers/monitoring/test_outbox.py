"""News on their way to receivers: whenever the agent is killed, none that was kept is lost."""

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.workers.monitoring.fleets import alert_of, worker
from wca.workers.model import AlertState
from wca.workers.monitoring.outbox import Outbox, unpacked

ONE = worker(1)
FIRES = alert_of(ONE, 5.0)
OVER = replace(FIRES, state=AlertState.RESOLVED, resolved_at=5.0)


class Telling:
    """Receivers, who take what they were told when a test says so."""

    def __init__(self):
        self.told = []
        self.taken = set()

    def tell(self, alerts):
        self.told += alerts

    def untold(self):
        return {one.event_id for one in self.told} - self.taken


class Agent:
    """Runs of an agent, with one store and one receiver."""

    def __init__(self):
        self.store = {}
        self.telling = Telling()
        self.outbox = Outbox(self.telling)
        self.unsaved = {}

    def change(self, alert):
        self.unsaved |= self.outbox.put([alert])

    def save(self):
        self.unsaved |= self.outbox.settled()
        news = self.outbox.take()
        for key, row in self.unsaved.items():
            if row.state is AlertState.PENDING:
                self.store[key] = row
            else:
                self.store.pop(key, None)
        self.unsaved = {}
        self.outbox.tell(news)

    def take(self):
        self.telling.taken |= self.telling.untold()

    def restart(self):
        self.outbox, self.unsaved = Outbox(self.telling), {}
        self.outbox.resume(unpacked(self.store.values())[1])


STEPS = st.lists(st.sampled_from(["change", "save", "take", "restart"]), max_size=40)


@given(STEPS)
def test_what_was_kept_is_told_in_its_order_and_again_only_after_a_kill(steps):
    agent, changes, kept, kills = Agent(), [], [], 0
    for at, step in enumerate(steps):
        if step == "change":
            state = AlertState.RESOLVED if len(kept + changes) % 2 else AlertState.FIRING
            over = {"resolved_at": float(at)} if state is AlertState.RESOLVED else {}
            changes.append(replace(alert_of(ONE, float(at), state), **over))
            agent.change(changes[-1])
        else:
            getattr(agent, step)()
        if step == "save":
            kept, changes = kept + changes, []
        if step == "restart":
            changes, kills = [], kills + 1
    first = list(dict.fromkeys(one.event_id for one in agent.telling.told))
    assert first == [one.event_id for one in kept]
    assert max(Counter(one.event_id for one in agent.telling.told).values(), default=0) <= 1 + kills
    for _ in range(2):
        agent.save()
        agent.take()
    agent.save()
    assert agent.store == {}


@given(st.permutations([FIRES, OVER]))
def test_news_are_read_as_they_were_whatever_their_order_in_the_store(news):
    agent = Agent()
    for one in news:
        agent.change(one)
    agent.save()
    pending = replace(FIRES, state=AlertState.PENDING, fired_at=None)
    assert unpacked([pending, *agent.store.values()]) == ([pending], [FIRES, OVER])


def test_of_a_worker_of_whom_not_all_is_told_that_is_known():
    agent = Agent()
    agent.change(FIRES)
    assert agent.outbox.worker_ids() == {"w1"}
    for _ in range(2):
        agent.save()
        agent.take()
    agent.save()
    assert agent.outbox.worker_ids() == set()


def test_a_shard_that_was_lost_and_is_ours_again_is_not_told_again_what_waits():
    agent = Agent()
    agent.change(FIRES)
    agent.save()
    agent.outbox.resume(unpacked(agent.store.values())[1])
    assert agent.telling.told == [FIRES]


def test_a_pending_alert_and_the_end_of_one_of_which_nobody_was_told_are_no_news():
    agent = Agent()
    agent.change(replace(FIRES, state=AlertState.PENDING))
    agent.change(replace(OVER, fired_at=None))
    assert (agent.unsaved, agent.outbox.take()) == ({}, [])
