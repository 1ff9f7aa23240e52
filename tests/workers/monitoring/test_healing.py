"""Remediation of a large shard asks the store as seldom as that of a small one."""

from collections import Counter

from tests.workers.monitoring.fleets import watched, worker
from wca.testing.clock import FakeClock
from wca.workers import AutoRemediation, StatusCheckRule
from wca.workers.model import Action, ActionRecord, Checks, InstanceState, Status, Worker
from wca.workers.monitoring.memory_store import MemoryWorkerStore

THOUSAND = [worker(number) for number in range(1000)]
IMPAIRED = Checks("ok", "impaired")
_CALLS = ("load", "load_alerts", "save", "save_alerts", "remove", "record", "actions")


class CountingStore(MemoryWorkerStore):
    """Counts its calls; it has a thousand records already."""

    def __init__(self):
        super().__init__()
        other, now = Worker("other", "eu-west-1", "i-1"), FakeClock().now()
        super().record(
            ActionRecord(other, Action.REBOOT, now - 7200 - number, "why", "done")
            for number in range(1000, 0, -1)
        )
        self.calls = Counter()
        for name in _CALLS:
            setattr(self, name, self.counted(name, getattr(self, name)))

    def counted(self, name, method):
        def call(*args):
            self.calls[name] += 1
            return method(*args)

        return call


def rules():
    return [StatusCheckRule()]


def armed():
    return AutoRemediation(dry_run=False, max_per_hour=5)


async def polled(fleet, checks):
    """What a poll asks of the store, when all workers have such checks."""
    await fleet.monitor.start()
    for one in THOUSAND:
        status = Status(one.instance_id, InstanceState.RUNNING, checks)
        fleet.cloud.instances[one.instance_id] = status
    fleet.store.calls.clear()
    await fleet.poll()
    return dict(fleet.store.calls)


@watched(*THOUSAND, rules=rules, planning=armed, store=CountingStore)
async def test_a_thousand_impaired_workers_cost_as_many_calls_as_one(fleet):
    calls = await polled(fleet, IMPAIRED)
    # Two records: that they begin, and how they have ended. Alerts before and after they are told.
    assert calls == {"save": 1, "save_alerts": 2, "actions": 1, "record": 2}
    assert len(fleet.cloud.acted) == 5  # within the limit of the fleet
    outcomes = Counter(one.outcome for one in fleet.store.actions(FakeClock().now()))
    assert outcomes == {
        "begun": 5,
        "done": 5,
        "held back: 5 actions within an hour are the most": 995,
    }
    fleet.store.calls.clear()
    await fleet.poll()
    assert len(fleet.cloud.acted) == 5
    assert dict(fleet.store.calls) == {"save": 1, "actions": 1}  # nothing is said twice


@watched(*THOUSAND, rules=rules, planning=armed, store=CountingStore)
async def test_a_thousand_healthy_workers_cost_one_look_at_the_records(fleet):
    calls = await polled(fleet, Checks("ok", "ok"))
    assert calls == {"save": 1, "actions": 1}
