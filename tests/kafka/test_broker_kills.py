"""A broker that is killed again and again at any moment: nothing is lost, what is twice is counted."""

import threading
import time

import pytest

from tests.chance import KILLS, Chance
from tests.kafka.reading import counted, wait_for_delivery
from tests.kafka.segments import size as log_size
from tests.kafka.test_faults import PATIENCE, batch, expected
from tests.main.agent import wait_until

#: Samples of a batch of the long run.
SIZE = 50


class Measuring(threading.Thread):
    """Stores a batch every tenth of a second, as a loop would."""

    def __init__(self, storage, size):
        super().__init__()
        self.storage, self.size = storage, size
        self.stored = 0
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(0.1):
            self.storage.store(batch(self.stored, count=self.size))
            self.stored += 1


@pytest.fixture
def spooled(make, tmp_path):
    return make(queue=PATIENCE, spool={"path": str(tmp_path / "spool" / "kafka.spool")})


def kill_again_and_again(storage, broker, kills, chance, size=SIZE):
    """Number of batches stored."""
    measuring = Measuring(storage, size)
    storage.start()
    measuring.start()
    try:
        for _ in range(kills):
            time.sleep(chance.uniform(0, 1))
            broker.kill()
            time.sleep(chance.uniform(0, 0.5))
            broker.start()
    finally:
        measuring.ended.set()
        measuring.join()
    wait_for_delivery(storage, 60)
    account = storage.ledger.account
    assert account.delivered == account.collected == size * measuring.stored
    return measuring.stored


def check(broker, topic, stored, size=SIZE):
    """All is there; how many samples are there more than once."""
    found = counted(broker.read(topic))
    assert {key[:3]: key[3] for key in found} == expected(*range(stored), count=size)
    return sum(count - 1 for count in found.values())


def test_three_kills_lose_nothing(spooled, broker, topic):
    stored = kill_again_and_again(spooled, broker, 3, Chance(), 200)
    check(broker, topic, stored, 200)


@pytest.mark.parametrize("size", [5_000, 50_000])
def test_large_batches_are_complete_when_the_broker_is_killed_over_them(
    spooled, broker, topic, capsys, size
):
    """At a moment by chance, and as soon as it has got something of the batch."""
    chance, under_way = Chance(), 0
    spooled.start()
    for number in range(2):
        before = log_size(broker, topic)
        spooled.store(batch(number, count=size))
        if number:
            wait_until(lambda: log_size(broker, topic) > before, "a message")  # noqa: B023
        else:
            time.sleep(chance.uniform(0, 0.1))
        broker.kill()
        under_way += spooled.ledger.account.waiting > 0
        broker.start()
    assert under_way
    wait_for_delivery(spooled, 60)
    twice = check(broker, topic, 2, size)
    with capsys.disabled():
        print(f"\n2 batches of {size}, {under_way} of 2 kills over them: 0 lost, {twice} twice")


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_many_kills_lose_nothing(spooled, broker, topic, capsys):
    began, chance = time.monotonic(), Chance()
    stored = kill_again_and_again(spooled, broker, KILLS, chance)
    twice = check(broker, topic, stored)
    with capsys.disabled():
        print(
            f"\n{KILLS} kills of the broker in {time.monotonic() - began:.0f} s (seed "
            f"{chance.start}): {stored * SIZE} samples stored, 0 lost, {twice} twice"
        )
