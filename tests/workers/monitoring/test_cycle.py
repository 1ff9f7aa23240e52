"""The cycle of a shard: what one poll asks, concludes, tells, keeps and survives."""

import asyncio
import logging
import threading
from dataclasses import replace

from tests.workers.monitoring.fleets import HERE, Book, Fleet, alert_of, watched, worker
from wca.testing.fleet import FakeLeases, running
from wca.workers.api import CloudError
from wca.workers.model import (
    Action,
    ActionRecord,
    AlertState,
    Checks,
    Gap,
    Gone,
    InstanceState,
    Reading,
    Sample,
    Status,
    StatusAnswer,
    Verdict,
    WorkerState,
)
from wca.workers.monitoring.memory_store import MemoryWorkerStore
from wca.workers.monitoring.watched import Watched

ONE, TWO, FAR = worker(1), worker(2), worker(3, "us-east-1")
BUSY = {"cpu": Reading(Verdict.VALUE, 95.0, 0.0)}
STOPPED = InstanceState.STOPPED


class BrokenStore(MemoryWorkerStore):
    """A store that can be away."""

    failing = False

    def _check(self):
        if self.failing:
            raise OSError("the store is away")

    def load(self):
        self._check()
        return super().load()

    def save(self, states):
        self._check()
        super().save(states)

    def save_alerts(self, alerts):
        self._check()
        super().save_alerts(alerts)

    def actions(self, since):
        self._check()
        return super().actions(since)


# What is asked


@watched(ONE, TWO, FAR)
async def test_a_poll_asks_the_shard_once_and_reads_only_what_runs(fleet):
    fleet.cloud.instances[TWO.instance_id] = Status(TWO.instance_id, STOPPED)
    await fleet.monitor.start()
    await fleet.poll(HERE)
    assert fleet.asked("status") == [(HERE, (ONE.instance_id, TWO.instance_id))]
    assert fleet.asked("measure") == [(HERE, (ONE.instance_id,))]
    states = fleet.monitor.states()
    assert (states["w1"].state, states["w2"].state) == ("running", "stopped")
    assert states["w1"].readings["cpu"].value == 10.0
    assert states["w2"].readings == {}


@watched(ONE, FAR)
async def test_the_schedule_has_one_key_for_each_shard(fleet):
    fleet.schedule.every("/mars-1", 300.0, 60.0)  # left over from an earlier run
    await fleet.monitor.start()
    assert fleet.schedule.jobs == {HERE: (300.0, 60.0), "/us-east-1": (300.0, 60.0)}


@watched(worker(1, instance_id=""))
async def test_a_worker_without_an_instance_is_not_polled(fleet):
    await fleet.monitor.start()
    await fleet.poll()
    assert fleet.asked("status") == [(HERE, ())]
    assert fleet.monitor.states() == {}


@watched(ONE)
async def test_what_could_not_be_asked_stays_as_it_was_known(fleet):
    await fleet.monitor.start()
    await fleet.poll()
    before = fleet.monitor.states()["w1"]
    fleet.cloud.status = lambda *_: StatusAnswer({}, ("throttled",))
    await fleet.poll()
    assert fleet.monitor.states()["w1"] == before
    assert fleet.told.alerts == []
    assert fleet.seen[-1].samples[0].status is None


@watched(ONE)
async def test_metrics_that_cannot_be_asked_leave_the_state(fleet):
    fleet.cloud.measure = _raise_cloud_error
    await fleet.monitor.start()
    await fleet.poll()
    state = fleet.monitor.states()["w1"]
    assert state.state == "running"
    assert {one.verdict for one in state.readings.values()} == {Verdict.FAILED}
    assert fleet.telemetry.failures("shard /eu-west-1") == 1


def _raise_cloud_error(*_):
    raise CloudError("the permission cloudwatch:GetMetricData is missing", lasting=True)


# What goes wrong stays where it is


@watched(ONE, FAR)
async def test_a_shard_that_fails_leaves_the_others_alone(fleet, caplog):
    fleet.cloud.failing[HERE] = "ec2:DescribeInstanceStatus is not allowed"
    await fleet.monitor.start()
    for _ in range(3):
        await fleet.poll()
    assert set(fleet.monitor.states()) == {"w3"}
    assert fleet.monitor.turns[HERE] == {"polled": 0, "failed": 3, "not ours": 0}
    assert fleet.monitor.turns["/us-east-1"]["polled"] == 3
    said = [one for one in caplog.records if "ec2:Describe" in one.message]
    assert len(said) == 1  # when it begins, not each time
    fleet.cloud.failing.clear()
    await fleet.poll()
    assert set(fleet.monitor.states()) == {"w1", "w3"}


@watched(ONE)
async def test_a_cloud_that_breaks_is_a_failure_of_the_shard(fleet, caplog):
    fleet.cloud.status = lambda *_: 1 / 0
    await fleet.monitor.start()
    await fleet.poll()
    assert fleet.monitor.turns[HERE]["failed"] == 1
    assert "ZeroDivisionError" in caplog.text


@watched(ONE, store=BrokenStore)
async def test_without_its_store_monitoring_goes_on_and_nothing_is_lost(fleet, caplog):
    await fleet.monitor.start()
    fleet.store.failing = True
    fleet.cloud.readings[ONE.instance_id] = BUSY
    await fleet.poll()
    await fleet.poll()
    assert fleet.told.words == [("w1", "firing")]
    assert fleet.store._alerts == {}
    assert caplog.text.count("the store is away") == 1
    fleet.store.failing = False
    await fleet.poll()
    assert [alert.state for alert in fleet.store.load_alerts()] == [AlertState.FIRING]
    assert fleet.store.load()["w1"].state == "running"


async def restarted_without_its_store(fleet):
    """Alerts of two workers fire; after a restart the store is away, and one of them is over."""
    for one in (ONE, TWO):
        fleet.cloud.readings[one.instance_id] = BUSY
    await fleet.monitor.start()
    await fleet.poll()
    later = again(fleet, ONE, TWO)
    later.store.failing = True
    later.cloud.readings[ONE.instance_id] = BUSY
    await later.monitor.start()
    await later.poll()
    return later


@watched(ONE, TWO, store=BrokenStore)
async def test_a_store_that_is_away_at_the_start_doubles_no_alert(fleet):
    later = await restarted_without_its_store(fleet)
    await later.poll()
    assert later.told.alerts == later.monitor.firing() == []
    assert later.monitor.states()["w1"].state == "running"  # it is watched all the same
    later.store.failing = False
    await later.poll()
    assert later.told.words == [("w2", "resolved")]
    assert [alert.worker.id for alert in later.monitor.firing()] == ["w1"]
    later.close()


@watched(ONE, TWO, store=BrokenStore)
async def test_a_store_that_stays_away_keeps_alerts_from_being_told_for_a_time_only(fleet, caplog):
    later = await restarted_without_its_store(fleet)
    later.clock.advance(900.0)
    await later.poll()
    assert later.told.words == [("w1", "firing")]
    assert f"what was kept of shard {HERE} cannot be had for 90" in caplog.text
    later.close()


@watched(ONE, FAR, store=BrokenStore)
async def test_shards_without_workers_are_cleared_away_when_the_store_is_back(fleet):
    fleet.cloud.readings[FAR.instance_id] = BUSY
    await fleet.monitor.start()
    await fleet.poll()
    later = again(fleet, ONE)
    later.store.failing = True
    await later.monitor.start()
    later.store.failing = False
    await later.monitor.refresh()
    assert later.told.words == [("w3", "resolved")]
    later.close()


@watched(ONE)
async def test_without_its_history_monitoring_goes_on(fleet):
    fleet.history.failing = "the history is away"
    await fleet.monitor.start()
    await fleet.poll()
    assert fleet.telemetry.failures("history") == 1
    assert fleet.store.load().keys() == {"w1"}
    fleet.history.failing = None
    await fleet.poll()
    assert len(fleet.history.samples) == 1


class Deaf(list):
    def append(self, found):
        raise RuntimeError("not now")


@watched(ONE, seen=Deaf)
async def test_an_observer_that_breaks_is_reported(fleet, caplog):
    await fleet.monitor.start()
    await fleet.poll()
    assert fleet.monitor.turns[HERE]["polled"] == 1
    assert "observers fails: RuntimeError: not now" in caplog.text


# Which workers there are


@watched(ONE)
async def test_the_last_good_list_stays_in_use(fleet, caplog):
    await fleet.monitor.start()
    fleet.source.failing = "the table workers does not exist"
    await fleet.monitor.refresh()
    await fleet.poll()
    assert fleet.monitor.states().keys() == {"w1"}
    assert "the table workers does not exist" in caplog.text


@watched(ONE, worker(9, id="w1"), TWO)
async def test_an_id_that_is_there_twice_is_named_and_the_first_is_watched(fleet, caplog):
    await fleet.monitor.start()
    await fleet.poll()
    assert fleet.asked("status") == [(HERE, (ONE.instance_id, TWO.instance_id))]
    assert "ids are listed more than once" in caplog.text
    assert "w1" in caplog.text


@watched(ONE)
async def test_workers_come_and_go_and_shards_with_them(fleet, caplog):
    caplog.set_level(logging.INFO, "wca")
    fleet.cloud.readings[ONE.instance_id] = BUSY
    await fleet.monitor.start()
    await fleet.poll()
    fleet.source.listed = [FAR]
    await fleet.monitor.refresh()
    assert fleet.schedule.keys() == ["/us-east-1"]
    assert fleet.told.words == [("w1", "firing"), ("w1", "resolved")]
    assert await fleet.keeper.save()  # as every few seconds: what was told is cleared away
    assert fleet.store.load() == {}
    assert fleet.store.load_alerts() == []
    assert len(fleet.history.samples) == 1  # the history outlives its worker
    await fleet.poll()
    assert fleet.monitor.states().keys() == {"w3"}
    for line in ("Starting worker monitoring", "Started monitoring worker w3 in /us-east-1"):
        assert line in caplog.text


@watched(ONE, TWO)
async def test_an_instance_that_is_gone_leaves_its_shard_and_its_alerts_are_resolved(fleet):
    fleet.cloud.readings[ONE.instance_id] = BUSY
    await fleet.monitor.start()
    await fleet.poll()
    fleet.cloud.instances[ONE.instance_id] = Gone(ONE.instance_id)
    await fleet.poll()
    await fleet.poll()
    assert fleet.told.words == [("w1", "firing"), ("w1", "resolved")]
    assert fleet.store.load().keys() == {"w2"}
    assert fleet.asked("status")[-1] == (HERE, (TWO.instance_id,))
    assert [one.id for one in fleet.seen[-2].ended] == ["w1"]
    await fleet.monitor.refresh()  # it is listed still, and stays out
    await fleet.poll()
    assert fleet.asked("status")[-1] == (HERE, (TWO.instance_id,))
    fleet.source.listed = [worker(7, id="w1"), TWO]  # until it is another instance
    await fleet.monitor.refresh()
    await fleet.poll()
    assert fleet.asked("status")[-1] == (HERE, (worker(7).instance_id, TWO.instance_id))


@watched(ONE, TWO)
async def test_an_instance_that_was_never_seen_has_not_ended_and_is_named(fleet, caplog):
    fleet.cloud.instances[ONE.instance_id] = Gone(ONE.instance_id)  # EC2 may not know it yet
    await fleet.monitor.start()
    await fleet.poll()
    await fleet.poll()
    assert fleet.asked("status")[-1] == (HERE, (ONE.instance_id, TWO.instance_id))
    assert f"does not know {ONE.instance_id} of worker w1 in {HERE}" in caplog.text
    assert fleet.telemetry.failures(f"shard {HERE}") == 2
    del fleet.cloud.instances[ONE.instance_id]
    await fleet.poll()
    assert fleet.monitor.states()["w1"].state == "running"


@watched(ONE)
async def test_the_last_worker_that_is_terminated_ends_its_shard(fleet):
    fleet.cloud.instances[ONE.instance_id] = Status(ONE.instance_id, InstanceState.TERMINATED)
    await fleet.monitor.start()
    await fleet.poll()
    assert fleet.schedule.keys() == []
    assert fleet.monitor.states() == {}
    assert len(fleet.history.samples) == 1


@watched(ONE)
async def test_another_instance_begins_without_the_alerts_of_the_one_before(fleet):
    fleet.cloud.readings[ONE.instance_id] = BUSY
    await fleet.monitor.start()
    await fleet.poll()
    fleet.source.listed = [worker(5, id="w1")]
    await fleet.monitor.refresh()
    assert fleet.told.words[-1] == ("w1", "resolved")
    await fleet.poll()
    assert fleet.monitor.firing() == []
    assert fleet.monitor.states()["w1"].worker.instance_id == worker(5).instance_id


# What survives a restart


def again(fleet, *workers, **options):
    """The same agent after a restart."""
    return Fleet(*workers, store=fleet.store, **options)


@watched(ONE)
async def test_an_alert_that_fires_does_not_fire_again_after_a_restart(fleet):
    fleet.cloud.readings[ONE.instance_id] = BUSY
    await fleet.monitor.start()
    await fleet.poll()
    later = again(fleet, ONE)
    later.cloud.readings[ONE.instance_id] = BUSY
    await later.monitor.start()
    await later.poll()
    assert later.told.alerts == []
    assert [alert.worker.id for alert in later.monitor.firing()] == ["w1"]
    later.cloud.readings.clear()
    await later.poll()
    assert later.told.words == [("w1", "resolved")]
    later.close()


@watched(ONE)
async def test_an_alert_that_nobody_was_told_is_told_after_a_restart(fleet):
    fleet.told.waiting.add("w1")
    fleet.cloud.readings[ONE.instance_id] = BUSY
    await fleet.monitor.start()
    await fleet.poll()
    later = again(fleet, ONE)
    later.cloud.readings[ONE.instance_id] = BUSY
    await later.monitor.start()
    await later.poll()
    assert later.told.alerts == fleet.told.alerts
    assert later.told.words == [("w1", "firing")]
    assert len(fleet.store.load_alerts()) == 1
    latest = again(fleet, ONE)
    latest.cloud.readings[ONE.instance_id] = BUSY
    await latest.monitor.start()
    await latest.poll()
    assert latest.told.alerts == []
    for one in (later, latest):
        one.close()


@watched(ONE)
async def test_an_alert_that_nobody_was_told_and_that_is_over_meanwhile_is_told_with_its_end(fleet):
    fleet.told.waiting.add("w1")
    fleet.cloud.readings[ONE.instance_id] = BUSY
    await fleet.monitor.start()
    await fleet.poll()
    later = again(fleet, ONE)
    await later.monitor.start()
    await later.poll()
    assert later.told.words == [("w1", "firing"), ("w1", "resolved")]
    later.close()


@watched(ONE)
async def test_the_end_of_a_worker_that_nobody_was_told_is_told_once_more_and_it_is_forgotten(
    fleet,
):
    fleet.cloud.readings[ONE.instance_id] = BUSY
    await fleet.monitor.start()
    await fleet.poll()
    fleet.told.waiting.add("w1")
    fleet.cloud.instances[ONE.instance_id] = Gone(ONE.instance_id)
    await fleet.poll()
    assert set(fleet.store.load()) == {"w1"}
    later = again(fleet, ONE)
    later.cloud.instances[ONE.instance_id] = Gone(ONE.instance_id)
    await later.monitor.start()
    await later.poll()
    assert later.told.alerts == fleet.told.alerts[1:]
    assert later.told.words == [("w1", "resolved")]
    assert (later.store.load(), later.store.load_alerts()) == ({}, [])
    later.close()


@watched(ONE)
async def test_the_store_knows_of_an_alert_before_anybody_is_told(fleet):
    known = []
    fleet.told.tell = lambda alerts: known.append(len(fleet.store.load_alerts()))
    fleet.cloud.readings[ONE.instance_id] = BUSY
    await fleet.monitor.start()
    await fleet.poll()
    assert known == [2]  # the alert, and that nobody was told


@watched(ONE, store=BrokenStore)
async def test_while_the_store_is_away_alerts_are_told_all_the_same(fleet):
    fleet.cloud.readings[ONE.instance_id] = BUSY
    await fleet.monitor.start()
    await fleet.poll()
    fleet.store.failing = True
    fleet.cloud.readings.clear()
    await fleet.poll()
    assert fleet.told.words == [("w1", "firing"), ("w1", "resolved")]


@watched(ONE)
async def test_a_save_that_is_cancelled_loses_nothing(fleet):
    fleet.cloud.readings[ONE.instance_id] = BUSY
    await fleet.monitor.start()
    await fleet.poll()
    held = threading.Event()
    fleet.lanes["store"].submit(held.wait, 30)
    fleet.cloud.readings.clear()
    turn = asyncio.create_task(fleet.poll())
    async with asyncio.timeout(10):
        while not fleet.keeper._saving.locked():
            await asyncio.sleep(0.001)
    turn.cancel()
    await asyncio.gather(turn, return_exceptions=True)
    held.set()
    assert await fleet.keeper.save()
    assert fleet.store.load_alerts() == []


@watched(ONE, FAR)
async def test_alerts_of_workers_that_left_while_no_agent_ran_are_resolved(fleet):
    for one in (ONE, FAR):
        fleet.cloud.readings[one.instance_id] = BUSY
    await fleet.monitor.start()
    await fleet.poll()
    later = again(fleet, TWO)
    await later.monitor.start()
    await later.poll()
    assert sorted(later.told.words) == [("w1", "resolved"), ("w3", "resolved")]
    assert later.store.load().keys() == {"w2"}
    later.close()


async def after_a_first_list_with_gaps(fleet, *gaps):
    """Alerts of two workers fire; after a restart the list has neither of them."""
    for one in (TWO, FAR):
        fleet.cloud.readings[one.instance_id] = BUSY
    await fleet.monitor.start()
    await fleet.poll()
    later = again(fleet, ONE)
    later.cloud.readings = fleet.cloud.readings
    later.source.lacking = list(gaps)
    await later.monitor.start()
    await later.poll()
    return later


@watched(ONE, TWO, FAR)
async def test_workers_that_are_only_missing_in_the_first_list_keep_what_is_known_of_them(fleet):
    later = await after_a_first_list_with_gaps(fleet, Gap())
    assert later.told.alerts == []
    assert later.store.load().keys() == {"w1", "w2", "w3"}
    later.source.listed, later.source.lacking = [ONE, TWO, FAR], []
    await later.monitor.refresh()
    await later.poll()
    assert later.told.alerts == []
    assert {alert.worker.id for alert in later.monitor.firing()} == {"w2", "w3"}
    later.close()


@watched(ONE, TWO, FAR)
async def test_they_leave_when_their_own_list_comes_without_them(fleet):
    later = await after_a_first_list_with_gaps(fleet, Gap("", "us-east-1"))
    assert later.told.words == [("w2", "resolved")]
    later.source.lacking = []
    await later.monitor.refresh()
    assert later.told.words == [("w2", "resolved"), ("w3", "resolved")]
    assert await later.keeper.save()
    assert later.store.load().keys() == {"w1"}
    later.close()


@watched(ONE)
async def test_a_turn_that_was_missed_waits_for_the_first_list(fleet):
    turn = asyncio.create_task(fleet.monitor.poll(HERE))
    await asyncio.sleep(0)
    assert fleet.cloud.asked == []
    await fleet.monitor.start()
    await turn
    assert len(fleet.asked("status")) == 1


@watched(ONE)
async def test_a_stop_ends_a_poll_that_waits_for_the_cloud(fleet):
    await fleet.monitor.start()
    fleet.cloud.answering.clear()
    turn = asyncio.create_task(fleet.monitor.poll(HERE))
    await asyncio.sleep(0.05)
    fleet.monitor.stop()
    await asyncio.wait_for(turn, 2)
    fleet.cloud.answering.set()
    assert fleet.monitor.turns == {}


# Several agents


@watched(ONE, leases=FakeLeases)
async def test_a_shard_of_another_agent_is_left_alone_and_counted(fleet):
    fleet.leasing._lease.owners[HERE] = "another"
    await fleet.monitor.start()
    await fleet.poll()
    assert fleet.cloud.asked == []
    assert fleet.monitor.turns[HERE] == {"polled": 0, "failed": 0, "not ours": 1}
    assert fleet.monitor.states() == {}


@watched(ONE, leases=FakeLeases)
async def test_who_takes_a_shard_over_goes_on_where_the_other_has_ended(fleet):
    other = again(fleet, ONE, leases=fleet.leasing._lease, owner="other")
    for one in (fleet, other):
        one.cloud.readings[ONE.instance_id] = BUSY
        await one.monitor.start()
    await fleet.poll()
    await other.poll()
    assert (fleet.told.words, other.told.words) == ([("w1", "firing")], [])
    await fleet.leave()
    await other.monitor.renew()
    assert other.schedule.triggered == [HERE]
    await other.poll()
    assert other.told.words == []
    assert [alert.worker.id for alert in other.monitor.firing()] == ["w1"]
    await fleet.poll()
    assert fleet.monitor.firing() == []
    assert fleet.monitor.turns[HERE]["not ours"] == 1
    assert fleet.seen[-1].ended  # the page shows it no more
    other.close()


@watched(ONE, leases=FakeLeases)
async def test_where_nobody_can_tell_whose_it_is_nothing_is_done(fleet):
    fleet.leasing._lease.failing = "redis://127.0.0.1 does not answer"
    await fleet.monitor.start()
    await fleet.poll()
    assert fleet.cloud.asked == []
    assert fleet.telemetry.failures("lease") >= 1


@watched(ONE, leases=FakeLeases)
async def test_a_shard_that_was_lost_and_regained_between_two_turns_is_as_the_other_left_it(fleet):
    other = again(fleet, ONE, leases=fleet.leasing._lease, owner="another")
    await fleet.monitor.start()
    await other.monitor.start()
    await fleet.poll()
    fleet.leasing._lease.owners[HERE] = "another"  # as when this agent was held up for long
    other.cloud.readings[ONE.instance_id] = BUSY
    await other.monitor.renew()
    await other.poll()
    await fleet.monitor.renew()
    assert fleet.seen[-1].ended == [ONE]  # the page shows it no more
    await other.leave()
    await fleet.monitor.renew()
    fleet.cloud.readings[ONE.instance_id] = BUSY
    await fleet.poll()
    assert (fleet.told.words, other.told.words) == ([], [("w1", "firing")])
    other.close()


@watched(ONE, FAR, leases=FakeLeases)
async def test_a_shard_that_is_taken_over_has_its_turn_at_once(fleet):
    leases = fleet.leasing._lease
    leases.owners[HERE] = "other"
    await fleet.monitor.start()
    assert fleet.leasing.holds("/us-east-1")
    await fleet.monitor.renew()
    assert fleet.schedule.triggered == []  # one that was free keeps its rhythm
    del leases.owners[HERE]  # the other agent has died
    await fleet.monitor.renew()
    await fleet.monitor.renew()
    assert fleet.schedule.triggered == [HERE]


@watched(ONE, leases=FakeLeases)
async def test_what_was_known_before_a_lease_ran_out_is_not_used(fleet):
    await fleet.monitor.start()
    await fleet.poll()
    fleet.clock.advance(fleet.leasing._lease.ttl)  # another agent may have had it and given it back
    fleet.store.save_alerts([alert_of(ONE)])
    await fleet.leasing.hold(HERE)
    assert fleet.monitor.states() == {}
    fleet.cloud.readings[ONE.instance_id] = BUSY
    await fleet.poll()
    assert fleet.told.alerts == []


@watched(ONE, leases=FakeLeases)
async def test_while_nobody_can_tell_a_shard_keeps_what_is_known_until_its_time_is_over(fleet):
    fleet.told.waiting.add("w1")  # so that the store does not know of the alert
    fleet.cloud.readings[ONE.instance_id] = BUSY
    await fleet.monitor.start()
    await fleet.poll()
    fleet.leasing._lease.failing = "redis://127.0.0.1 does not answer"
    await fleet.poll()
    assert fleet.monitor.turns[HERE] == {"polled": 1, "failed": 0, "not ours": 1}
    assert [alert.worker.id for alert in fleet.monitor.firing()] == ["w1"]
    fleet.leasing._lease.failing = None
    await fleet.poll()
    assert fleet.told.words == [("w1", "firing")]
    fleet.leasing._lease.failing = "redis://127.0.0.1 does not answer"
    fleet.clock.advance(fleet.leasing._lease.ttl)
    await fleet.poll()
    assert fleet.monitor.firing() == []


@watched(ONE, leases=FakeLeases)
async def test_an_answer_that_comes_after_the_lease_has_ended_is_not_used(fleet):
    await fleet.monitor.start()
    ask = fleet.cloud.status

    def late(*args):
        fleet.clock.advance(31.0)
        return ask(*args)

    fleet.cloud.status = late
    fleet.cloud.readings[ONE.instance_id] = BUSY
    await fleet.poll()
    assert fleet.told.alerts == []
    assert fleet.monitor.turns[HERE]["not ours"] == 1


# What is done about alerts


class Reboots:
    """A remediation that reboots whatever has an alert, unless it has done so before."""

    horizon = 3600.0

    def plan(self, alert, state, past, now):
        return None if past.of(state.worker.id) else Action.REBOOT

    def finish(self, state, past, now):
        return None


class DryRun(Reboots):
    def plan(self, alert, state, past, now):
        return ActionRecord(state.worker, Action.REBOOT, now, alert.summary, "dry run")


@watched(ONE, TWO, planning=Reboots)
async def test_what_is_planned_is_done_once_and_recorded(fleet):
    fleet.cloud.readings[ONE.instance_id] = BUSY
    await fleet.monitor.start()
    await fleet.poll()
    await fleet.poll()
    assert fleet.cloud.acted == [(ONE.instance_id, Action.REBOOT)]
    begun, record = fleet.store.actions(0.0)
    assert (record.worker, record.action, record.outcome) == (ONE, Action.REBOOT, "done")
    assert record.reason == "w1 is busy"
    assert begun == replace(record, outcome="begun")
    assert fleet.records == [record]


@watched(ONE, planning=DryRun)
async def test_a_dry_run_is_recorded_and_nothing_is_done(fleet):
    fleet.cloud.readings[ONE.instance_id] = BUSY
    await fleet.monitor.start()
    await fleet.poll()
    assert fleet.cloud.acted == []
    assert [one.outcome for one in fleet.store.actions(0.0)] == ["dry run"]


@watched(ONE, planning=Reboots, store=BrokenStore)
async def test_without_its_store_nothing_is_done(fleet):
    await fleet.monitor.start()
    fleet.store.failing = True
    fleet.cloud.readings[ONE.instance_id] = BUSY
    await fleet.poll()
    assert fleet.cloud.acted == []


@watched(ONE, planning=Reboots, leases=FakeLeases)
async def test_the_lease_is_looked_at_right_before_acting(fleet):
    await fleet.monitor.start()
    fleet.cloud.readings[ONE.instance_id] = BUSY
    actions = fleet.store.actions

    def taken_away(since):
        fleet.leasing._lease.owners[HERE] = "another"
        return actions(since)

    fleet.store.actions = taken_away
    await fleet.poll()
    assert fleet.cloud.acted == []
    (record,) = fleet.records
    assert record.outcome.startswith("not done: another agent has the lease")


@watched(ONE, planning=Reboots)
async def test_an_action_that_aws_refuses_is_recorded_with_its_reason(fleet):
    fleet.cloud.act = _raise_cloud_error
    fleet.cloud.readings[ONE.instance_id] = BUSY
    await fleet.monitor.start()
    await fleet.poll()
    (record,) = fleet.records
    assert record.outcome.startswith("failed: the permission")
    assert fleet.store.actions(0.0)[-1] == record


@watched(ONE, planning=Reboots)
async def test_an_action_whose_answer_is_lost_is_recorded_as_perhaps_done(fleet):
    def lost(*_):
        raise CloudError("no answer within 20 s", unanswered=True)

    fleet.cloud.act = lost
    fleet.cloud.readings[ONE.instance_id] = BUSY
    await fleet.monitor.start()
    await fleet.poll()
    assert fleet.store.actions(0.0)[-1].outcome == "failed, perhaps done: no answer within 20 s"


class Acts:
    """An action that takes until it is let."""

    def __init__(self, fleet):
        self.kept, self._fleet = [], fleet
        self.entered, self.may_end = threading.Event(), threading.Event()

    def __call__(self, *_):
        self.kept.append([one.outcome for one in self._fleet.store.actions(0.0)])
        self.entered.set()
        assert self.may_end.wait(10)


@watched(ONE, planning=Reboots)
async def test_an_agent_that_is_killed_while_it_acts_has_kept_that_it_began(fleet):
    fleet.cloud.act = act = Acts(fleet)
    act.may_end.set()
    fleet.cloud.readings[ONE.instance_id] = BUSY
    await fleet.monitor.start()
    await fleet.poll()
    assert act.kept == [["begun"]]


@watched(ONE, planning=Reboots)
async def test_a_poll_that_is_cancelled_while_it_acts_is_recorded_to_the_end(fleet):
    fleet.cloud.act = act = Acts(fleet)
    fleet.cloud.readings[ONE.instance_id] = BUSY
    await fleet.monitor.start()
    turn = asyncio.create_task(fleet.poll())
    assert await asyncio.to_thread(act.entered.wait, 10)
    turn.cancel()
    await asyncio.wait([turn])
    act.may_end.set()
    for _ in range(500):
        if len(fleet.store.actions(0.0)) == 2:
            break
        await asyncio.sleep(0.01)
    assert [one.outcome for one in fleet.store.actions(0.0)] == ["begun", "done"]


class ForgetfulStore(MemoryWorkerStore):
    """A store that can be read only."""

    def record(self, action):
        raise OSError("the disk is full")


@watched(ONE, planning=Reboots, store=ForgetfulStore)
async def test_what_cannot_be_kept_is_not_done(fleet):
    fleet.cloud.readings[ONE.instance_id] = BUSY
    await fleet.monitor.start()
    await fleet.poll()
    assert fleet.cloud.acted == []
    assert [one.outcome for one in fleet.records] == [
        "not done: the store has not kept that it begins"
    ]


class OneForAll(Reboots):
    """A remediation that acts once on the whole fleet."""

    def plan(self, alert, state, past, now):
        return None if past.tried(0.0) else Action.REBOOT


@watched(ONE, FAR, planning=OneForAll)
async def test_shards_that_act_at_once_share_the_limit_of_the_fleet(fleet):
    fleet.cloud.act = act = Acts(fleet)
    for one in (ONE, FAR):
        fleet.cloud.readings[one.instance_id] = BUSY
    await fleet.monitor.start()
    turns = [asyncio.create_task(fleet.monitor.poll(key)) for key in fleet.monitor.fleet.shards]
    await asyncio.wait(turns, timeout=2, return_when=asyncio.FIRST_COMPLETED)
    act.may_end.set()
    await asyncio.wait(turns)
    assert act.kept == [["begun"]]


def test_nothing_is_done_about_a_worker_of_which_ec2_has_said_nothing_this_time():
    memory = Watched(ONE.shard, Book([alert_of(ONE)]), 5.0, {"w1": WorkerState(ONE)})
    asked, unasked = Sample(ONE, 1.0, running(ONE.instance_id)), Sample(ONE, 1.0, None)
    assert len(memory.actionable([asked])) == 1
    assert memory.actionable([unasked]) == []


# What is known


def test_times_mean_what_they_say():
    @watched(ONE)
    async def times(fleet):
        await fleet.monitor.start()
        await fleet.poll()
        first = fleet.monitor.states()["w1"]
        assert first.changed_at is None  # nobody knows since when it runs
        assert first.active_at == first.polled_at == fleet.clock.now()
        fleet.cloud.readings[ONE.instance_id] = {"cpu": Reading(Verdict.VALUE, 4.9, 0.0)}
        await fleet.poll()
        idle = fleet.monitor.states()["w1"]
        assert idle.active_at == first.active_at
        assert idle.polled_at > first.polled_at
        fleet.cloud.instances[ONE.instance_id] = Status(ONE.instance_id, STOPPED, Checks("", ""))
        await fleet.poll()
        await fleet.poll()
        stopped = fleet.monitor.states()["w1"]
        assert stopped.changed_at == stopped.polled_at - 1.0
        fleet.cloud.instances[ONE.instance_id] = running(ONE.instance_id)
        fleet.cloud.readings[ONE.instance_id] = {"cpu": Reading(Verdict.STALE, 99.0, 0.0)}
        await fleet.poll()
        assert fleet.monitor.states()["w1"].active_at == first.active_at

    times()


def test_the_book_of_these_tests_is_one():
    book = Book([alert_of(ONE)])
    assert book.end("w1")[0].state == "resolved"
