"""What the cloud has cost is counted in the store, for all agents and runs of a fleet."""

import asyncio
import threading

from tests.workers.monitoring.fleets import Fleet, watched, worker
from tests.workers.monitoring.test_outliving import LastingStore
from wca.testing.fleet import FakeCloud
from wca.workers.monitoring.spending import Spending

ONE = worker(1)
MONTH = "2026-11"


class PaidCloud(FakeCloud):
    """A cloud with a budget: notes the account that it is told."""

    def __init__(self):
        super().__init__()
        self.new = {MONTH: 0}
        self.told = []

    def unaccounted(self):
        return dict(self.new)

    def account(self, month, metrics, total):
        self.new[month] -= metrics
        self.told.append((month, total))


def spending(fleet):
    cloud = PaidCloud()
    return cloud, Spending(cloud, fleet.keeper, fleet.clock.monotonic)


@watched(ONE, store=LastingStore)
async def test_agents_that_share_a_store_have_one_account(fleet):
    mine, one = spending(fleet)
    other = Fleet(ONE, store=fleet.store)
    theirs, two = spending(other)
    mine.new[MONTH], theirs.new[MONTH] = 500, 300
    await one.settle()
    await two.settle()
    assert (mine.told, theirs.told) == ([(MONTH, 500)], [(MONTH, 800)])
    await one.settle()  # nothing to add, and it was looked at just now
    assert len(mine.told) == 1
    fleet.clock.advance(60.0)
    await one.settle()
    assert mine.told[-1] == (MONTH, 800)
    later = Fleet(ONE, store=fleet.store)
    after, three = spending(later)
    await three.settle()
    assert after.told == [(MONTH, 800)]  # a restart forgets nothing
    for agent in (other, later):
        agent.close()


@watched(ONE, store=LastingStore)
async def test_at_the_end_of_a_month_both_are_accounted_for(fleet):
    cloud, one = spending(fleet)
    cloud.new = {MONTH: 7, "2026-12": 5}
    await one.settle()
    assert cloud.told == [(MONTH, 7), ("2026-12", 5)]


@watched(ONE, store=LastingStore)
async def test_what_the_store_does_not_take_is_added_later(fleet):
    cloud, one = spending(fleet)
    cloud.new[MONTH] = 500
    requested = fleet.store.requested

    def away(*_):
        raise OSError("the store is away")

    fleet.store.requested = away
    await one.settle()
    assert (cloud.told, cloud.new) == ([], {MONTH: 500})
    fleet.store.requested = requested
    await one.settle()
    assert cloud.told == [(MONTH, 500)]


@watched(ONE, store=LastingStore)
async def test_one_that_is_cancelled_meanwhile_is_added_once(fleet):
    cloud, one = spending(fleet)
    cloud.new[MONTH] = 500
    requested, entered, may_end = fleet.store.requested, threading.Event(), threading.Event()

    def slow(month, metrics):
        entered.set()
        assert may_end.wait(10)
        return requested(month, metrics)

    fleet.store.requested = slow
    settling = asyncio.create_task(one.settle())
    assert await asyncio.to_thread(entered.wait, 10)
    settling.cancel()
    await asyncio.wait([settling])
    may_end.set()
    await one.settle()
    assert cloud.told[-1] == (MONTH, 500)
    assert fleet.store.requested(MONTH, 0) == 500


@watched(ONE)
async def test_a_store_that_forgets_has_no_account(fleet):
    cloud, one = spending(fleet)
    cloud.new[MONTH] = 500
    await one.settle()
    assert cloud.told == []
