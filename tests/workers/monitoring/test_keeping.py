"""What a poll hands over is kept, also when it is cancelled while it does so."""

import asyncio
import threading

from tests.workers.monitoring.fleets import watched, worker
from wca.workers.monitoring.memory_store import MemoryWorkerStore

ONE = worker(1)


class SlowStore(MemoryWorkerStore):
    """A store that takes until it is let; it may fail the first time."""

    fails = False

    def __init__(self):
        super().__init__()
        self.entered, self.may_end = threading.Event(), threading.Event()

    def save(self, states):
        self.entered.set()
        assert self.may_end.wait(10)
        if self.fails:
            self.fails = False
            raise OSError("the disk is full")
        super().save(states)


async def cancelled_while_it_saves(fleet):
    await fleet.monitor.start()
    turn = asyncio.create_task(fleet.poll())
    assert await asyncio.to_thread(fleet.store.entered.wait, 10)
    turn.cancel()
    await asyncio.wait([turn])
    assert turn.cancelled()
    fleet.store.may_end.set()


@watched(ONE, store=SlowStore)
async def test_a_poll_that_is_cancelled_while_it_saves_loses_nothing(fleet):
    await cancelled_while_it_saves(fleet)
    assert await fleet.keeper.save()
    assert fleet.store.load().keys() == {"w1"}


@watched(ONE, store=SlowStore)
async def test_what_the_store_then_does_not_take_is_handed_over_again(fleet):
    fleet.store.fails = True
    await cancelled_while_it_saves(fleet)
    for _ in range(2):
        await fleet.keeper.save()
    assert fleet.store.load().keys() == {"w1"}
    assert fleet.telemetry.failures("worker_store") == 1


@watched(ONE)
async def test_a_poll_that_is_cancelled_while_it_is_written_down_is_in_the_history(fleet):
    entered, may_end, append = threading.Event(), threading.Event(), fleet.history.append

    def slow(samples):
        entered.set()
        assert may_end.wait(10)
        append(samples)

    fleet.history.append = slow
    await fleet.monitor.start()
    turn = asyncio.create_task(fleet.poll())
    assert await asyncio.to_thread(entered.wait, 10)
    turn.cancel()
    await asyncio.wait([turn])
    may_end.set()
    await fleet.keeper.append([])
    for _ in range(500):
        if fleet.history.samples:
            break
        await asyncio.sleep(0.01)
    assert len(fleet.history.samples) == 1
