"""The page of an agent shows what others have found, as the store they share has it."""

from tests.workers.monitoring.fleets import Fleet, watched, worker
from wca.testing.fleet import FakeLeases
from wca.workers.dashboard.board import Board
from wca.workers.model import Reading, Verdict
from wca.workers.monitoring.leasing import title_of
from wca.workers.monitoring.others import Others

HERE, FAR = "/eu-west-1", "/us-east-1"
ONE, TWO = worker(1), worker(2, "us-east-1")
BUSY = {"cpu": Reading(Verdict.VALUE, 95.0, 0.0)}


def page(fleet):
    """The page of an agent, and what keeps it up to date."""
    board = Board(fleet.clock.monotonic, title_of(fleet.leasing.owner))
    sharing = fleet.monitor.sharing
    return board, Others(fleet.keeper, fleet.leasing, sharing, board.observe_other)


def shown(board):
    return {row["id"]: (row["agent"], len(row["alerts"])) for row in board.rows()}


@watched(ONE, TWO, leases=FakeLeases)
async def test_every_agent_shows_the_whole_fleet_and_who_polls_it(fleet):
    fleet.cloud.readings[ONE.instance_id] = BUSY
    await fleet.monitor.start()
    await fleet.poll()
    other = Fleet(ONE, TWO, store=fleet.store, leases=fleet.leasing._lease, owner="a/5/hex")
    await other.monitor.start()
    board, others = page(other)
    await others.look()
    assert shown(board) == {"w1": ("me", 1), "w2": ("me", 0)}
    await fleet.monitor.renew()  # gives a shard away
    await other.monitor.renew()
    await other.poll()
    board.observe(other.seen[-1])
    await others.look()
    assert shown(board) == {"w1": ("me", 1), "w2": ("a/5", 0)}
    fleet.source.listed = other.source.listed = [TWO]
    await fleet.monitor.refresh()  # one that has left is shown no more
    assert await fleet.keeper.save()
    await others.look()
    assert shown(board) == {"w2": ("a/5", 0)}
    other.close()


@watched(ONE, leases=FakeLeases)
async def test_a_shard_that_nobody_polls_is_said(fleet):
    await fleet.monitor.start()
    await fleet.poll()
    other = Fleet(TWO, store=fleet.store, leases=fleet.leasing._lease, owner="other")
    await fleet.leave()
    await other.monitor.renew()
    board, others = page(other)
    await others.look()
    assert shown(board) == {"w1": ("nobody", 0)}
    other.close()


@watched(ONE, leases=FakeLeases)
async def test_a_store_that_cannot_tell_leaves_the_page_as_it_is(fleet):
    def away():
        raise OSError("the store is away")

    await fleet.monitor.start()
    await fleet.poll()
    await fleet.leave()
    board, others = page(fleet)
    await others.look()
    fleet.store.load = away
    await others.look()
    assert shown(board) == {"w1": ("nobody", 0)}
