"""An alert that tells of the end of its worker goes on for an hour, whoever looks after it then."""

from tests.workers.monitoring.fleets import HERE, Fleet, watched, worker
from wca.testing.fleet import FakeLeases
from wca.workers import StateChangeRule
from wca.workers.alerting.book import HOLD
from wca.workers.model import Gone
from wca.workers.monitoring.memory_store import MemoryWorkerStore

ONE, TWO, FAR = worker(1), worker(2), worker(3, "us-east-1")
RULES = [StateChangeRule(**{"from": "running", "to": ["stopped", "terminated"]})]
FIRES, OVER = ("w1", "firing"), ("w1", "resolved")


class LastingStore(MemoryWorkerStore):
    lasting = True


def rules():
    return RULES


def again(fleet, *workers, **options):
    """The same agent after a restart, or another one."""
    return Fleet(*workers, store=fleet.store, rules=RULES, **options)


async def ended(fleet):
    """The instance of the first worker ends while it is watched."""
    await fleet.monitor.start()
    await fleet.poll()
    fleet.cloud.instances[ONE.instance_id] = Gone(ONE.instance_id)
    await fleet.poll(HERE)
    assert fleet.told.words == [FIRES]


def firing(fleet):
    return [alert.worker.id for alert in fleet.monitor.firing()]


@watched(ONE, TWO, rules=rules)
async def test_it_is_over_an_hour_later(fleet):
    await ended(fleet)
    await fleet.monitor.refresh()
    assert (fleet.told.words, firing(fleet)) == ([FIRES], ["w1"])
    assert fleet.store.load().keys() == {"w2"}
    fleet.clock.advance(HOLD)
    await fleet.monitor.refresh()
    assert fleet.told.words == [FIRES, OVER]
    assert await fleet.keeper.save()
    assert (firing(fleet), fleet.store.load_alerts()) == ([], [])


@watched(ONE, TWO, rules=rules)
async def test_a_restart_does_not_cut_it_short(fleet):
    await ended(fleet)
    later = again(fleet, TWO)
    await later.monitor.start()
    await later.poll()
    assert (later.told.words, firing(later)) == ([], ["w1"])
    later.clock.advance(HOLD + 10)
    await later.monitor.refresh()
    assert later.told.words == [OVER]
    assert await later.keeper.save()
    assert later.store.load_alerts() == []
    later.close()


@watched(ONE, TWO, rules=rules)
async def test_a_restart_after_the_hour_ends_it(fleet):
    await ended(fleet)
    later = again(fleet, TWO)
    later.clock.advance(HOLD + 10)
    await later.monitor.start()
    await later.poll()
    assert later.told.words == [OVER]
    later.close()


@watched(ONE, TWO, rules=rules)
async def test_one_that_nobody_was_told_outlives_its_worker_as_well(fleet):
    fleet.told.waiting.add("w1")
    await ended(fleet)
    assert fleet.store.load().keys() == {"w1", "w2"}  # it is forgotten when all is told
    fleet.told.waiting.clear()
    assert await fleet.keeper.save()
    assert [str(alert.state) for alert in fleet.store.load_alerts()] == ["firing"]
    assert fleet.store.load().keys() == {"w2"}


@watched(ONE, FAR, rules=rules, leases=FakeLeases)
async def test_a_shard_whose_last_worker_has_ended_is_held_until_then(fleet):
    await ended(fleet)
    leases = fleet.leasing._lease
    assert fleet.schedule.keys() == ["/us-east-1"]
    await fleet.monitor.renew()
    assert leases.owners[HERE] == "me"
    assert firing(fleet) == ["w1"]
    fleet.clock.advance(HOLD)
    await fleet.monitor.renew()
    await fleet.monitor.refresh()
    assert fleet.told.words == [FIRES, OVER]
    assert HERE not in leases.owners


@watched(ONE, FAR, rules=rules, leases=FakeLeases)
async def test_another_agent_takes_over_an_alert_of_which_no_worker_is_left(fleet):
    await ended(fleet)
    other = again(fleet, FAR, leases=fleet.leasing._lease, owner="other")
    await other.monitor.start()
    assert firing(other) == []  # it is the business of the first one
    await fleet.leave()
    await other.monitor.refresh()
    assert (other.told.words, firing(other)) == ([], ["w1"])
    other.clock.advance(HOLD + 10)
    await other.monitor.refresh()
    assert other.told.words == [OVER]
    assert HERE not in fleet.leasing._lease.owners
    other.close()


@watched(ONE, TWO, rules=rules)
async def test_it_ends_with_an_agent_whose_store_forgets_it(fleet):
    await ended(fleet)
    await fleet.monitor.end()
    assert fleet.told.words == [FIRES, OVER]


@watched(ONE, TWO, rules=rules, store=LastingStore)
async def test_it_does_not_end_with_an_agent_whose_store_keeps_it(fleet):
    await ended(fleet)
    await fleet.monitor.end()
    assert fleet.told.words == [FIRES]


@watched(ONE, TWO, rules=rules)
async def test_a_worker_that_leaves_the_list_soon_after_it_was_stopped_does_not_cut_it_short(fleet):
    await ended(fleet)
    fleet.source.listed = [TWO]
    await fleet.monitor.refresh()
    assert fleet.told.words == [FIRES]
