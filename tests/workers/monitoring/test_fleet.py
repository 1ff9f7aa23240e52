"""Which workers there are, and what a new list changes."""

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workers.monitoring.fleets import Told, alert_of, worker
from wca.errors import ValidationError
from wca.telemetry import Telemetry
from wca.workers.model import AlertState, Shard, WorkerState
from wca.workers.monitoring.fleet import Fleet
from wca.workers.monitoring.keeping import Keeper
from wca.workers.monitoring.kept import Kept, Unsaved
from wca.workers.monitoring.lanes import Lane
from wca.workers.monitoring.memory_store import MemoryWorkerStore
from wca.workers.monitoring.outbox import Outbox
from wca.workers.monitoring.queries import DEFAULT_QUERIES, read_queries
from wca.workers.monitoring.rounds import Rounds
from wca.workers.monitoring.stop import LoopStop

workers = st.builds(
    lambda number, instance, region: worker(number, region, instance_id=f"i-{instance}"),
    st.integers(0, 4),
    st.integers(0, 2),
    st.sampled_from(["a", "b"]),
)
lists = st.lists(workers, max_size=8)


@given(st.lists(st.tuples(lists, st.integers(0, 7)), max_size=6))
def test_changes_add_up_to_the_fleet(steps):
    fleet, watched, shards = Fleet(), {}, {}
    for listed, index in steps:
        changes = [fleet.update(listed)]
        if fleet.workers():
            gone = fleet.workers()[index % len(fleet)]
            changes.append(fleet.end(gone))
            fleet.update([*fleet.workers(), gone])  # listed still, and it stays out
            assert not fleet.watches(gone)
        for change in changes:
            for one in change.left:
                assert watched.pop(one.id) is not None
            for one in change.joined:
                assert one.id not in watched
                watched[one.id] = one
            for shard in change.removed:
                del shards[shard.key]
            for shard in change.added:
                assert shard.key not in shards
                shards[shard.key] = shard
        assert {one.id: one.instance_id for one in fleet.workers()} == {
            id_: one.instance_id for id_, one in watched.items()
        }
        assert fleet.shards == shards == {one.shard.key: one.shard for one in fleet.workers()}
        for one in fleet.workers():
            assert fleet.watches(one)


@given(lists)
def test_of_an_id_that_is_there_twice_the_first_is_watched_and_it_is_named(listed):
    fleet = Fleet()
    change = fleet.update(listed)
    first = {}
    for one in listed:
        first.setdefault(one.id, one)
    assert {one.id: one for one in fleet.workers()} == first
    ids = [one.id for one in listed]
    assert set(change.twice) == {id_ for id_ in ids if ids.count(id_) > 1}


@given(st.lists(st.sampled_from("abc"), max_size=30))
def test_a_round_is_over_when_every_shard_had_its_turn(turns):
    told = []
    rounds = Rounds(told.append)
    rounds.begin("abc")
    left, complete = set("abc"), 0
    for key in turns:
        rounds.done(key)
        left.discard(key)
        if not left:
            left, complete = set("abc"), complete + 1
    assert rounds.complete == complete
    assert told == list(range(1, complete + 1))


def test_a_shard_that_goes_does_not_hold_the_round():
    rounds = Rounds()
    rounds.begin("ab")
    rounds.done("a")
    rounds.change("", "b")
    assert rounds.complete == 1
    rounds.change("c", "")
    rounds.done("a")
    assert rounds.complete == 1
    rounds.done("c")
    assert rounds.complete == 2


# What has not been saved


ONE, TWO = worker(1), worker(2, "b")


def test_what_failed_comes_back_unless_there_is_something_newer():
    failed, now = Unsaved(), Unsaved()
    failed.keep([WorkerState(ONE), WorkerState(TWO)], [alert_of(ONE), alert_of(TWO)])
    newer = WorkerState(ONE, polled_at=5.0)
    now.keep([newer], [alert_of(ONE, state=AlertState.RESOLVED)])
    now.remove([TWO])
    now.put_back(failed)
    assert now.states == {"w1": newer}
    assert [one.state for one in now.alerts.values()] == ["resolved"]
    assert now.removed == {"w2": TWO.shard}


def test_a_worker_of_whom_there_is_something_to_tell_is_not_forgotten_yet():
    unsaved = Unsaved(actions=[None])
    unsaved.remove([ONE, TWO])
    unsaved.keep([], [alert_of(ONE)])
    now, later = unsaved.split({"w1"})
    assert (set(now.removed), len(now.alerts), now.actions) == ({"w2"}, 1, [None])
    assert (set(later.removed), len(later.alerts), later.actions) == ({"w1"}, 1, [])


def test_a_worker_that_is_watched_again_is_not_forgotten_later():
    unsaved = Unsaved()
    unsaved.remove([ONE, TWO])
    unsaved.keep([WorkerState(ONE)], [])
    assert set(unsaved.removed) == {"w2"}


def test_of_a_shard_that_is_anothers_nothing_more_is_kept_but_what_was_told_is_cleared_away():
    unsaved = Unsaved()
    unsaved.keep([WorkerState(ONE), WorkerState(TWO)], [alert_of(ONE)])
    told = alert_of(ONE, state=AlertState.RESOLVED)
    unsaved.news = {"untold": alert_of(ONE, state=AlertState.PENDING), "told": told}
    unsaved.disown(ONE.shard)
    assert (set(unsaved.states), unsaved.alerts, unsaved.news) == ({"w2"}, {}, {"told": told})
    assert (unsaved.has(ONE.shard), unsaved.has(TWO.shard)) == (False, True)
    unsaved.remove([ONE])
    assert unsaved.has(ONE.shard)


def test_what_was_kept_is_told_apart_by_shard():
    kept = Kept({"w1": WorkerState(ONE), "w2": WorkerState(TWO)}, [alert_of(TWO)])
    mine, others = kept.split(Shard("", "b"))
    assert (set(mine.states), len(mine.alerts)) == ({"w2"}, 1)
    assert (set(others.states), len(others.alerts)) == ({"w1"}, 0)


def test_an_action_that_was_recorded_is_not_recorded_again_when_the_rest_fails():
    class Half(MemoryWorkerStore):
        failing = True

        def save(self, states):
            if self.failing:
                raise OSError("the disk is full")
            super().save(states)

    store, lane = Half(), Lane("store")
    keeper = Keeper(store, None, Telemetry(), Outbox(Told()), lane, Lane("history"))
    keeper.done(["an action"])
    keeper.note([WorkerState(ONE)], [])

    async def save_twice():
        assert not await keeper.save()
        store.failing = False
        assert await keeper.save()

    asyncio.run(save_twice())
    lane.close(5)
    assert store._actions == ["an action"]
    assert set(store.load()) == {"w1"}


# Metrics and the end


def test_cpu_and_memory_are_read_by_default():
    assert read_queries(None) == DEFAULT_QUERIES
    assert [query.dimensions for query in DEFAULT_QUERIES] == [{}, None]


def test_a_metric_of_a_file_is_a_query():
    (query,) = read_queries(
        [{"name": "disk", "namespace": "CWAgent", "metric": "m", "dimensions": "discover"}]
    )
    assert (query.stat, query.period, query.dimensions) == ("Average", 300, None)


@pytest.mark.parametrize("name", ["", "9a", "a-b", "a" * 61])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(ValidationError, match=r"metrics\[0\]: a name"):
        read_queries([{"name": name, "namespace": "a", "metric": "b"}])


def test_a_stop_before_the_loop_and_one_from_another_thread_are_seen():
    async def waited(stop, seconds):
        return await stop.waited(seconds)

    early = LoopStop()
    early.set()
    assert asyncio.run(waited(early, 5.0))
    late = LoopStop()
    threading.Timer(0.05, late.set).start()
    assert asyncio.run(waited(late, 10.0))
    assert not asyncio.run(waited(LoopStop(), 0.01))
