"""A broker that is killed again and again at any moment: nothing is lost, what is twice is counted."""

import os
import random
import threading
import time

import pytest

from tests.kafka.reading import counted, wait_for_delivery
from tests.kafka.test_faults import PATIENCE, batch, expected

#: Samples of a batch.
SIZE = 50
#: Of the long run.
KILLS = int(os.environ.get("WCA_KILLS", "100"))


class Measuring(threading.Thread):
    """Stores a batch every tenth of a second, as a loop would."""

    def __init__(self, storage):
        super().__init__()
        self.storage = storage
        self.stored = 0
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(0.1):
            self.storage.store(batch(self.stored, count=SIZE))
            self.stored += 1


def kill_again_and_again(storage, broker, kills):
    """Number of batches stored, and of samples that arrived more than once."""
    chance = random.Random(kills)
    measuring = Measuring(storage)
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
    assert account.delivered == account.collected == SIZE * measuring.stored
    return measuring.stored


def check(broker, topic, stored):
    """All is there; how many samples are there more than once."""
    found = counted(broker.read(topic))
    assert {key[:3]: key[3] for key in found} == expected(*range(stored), count=SIZE)
    return sum(count - 1 for count in found.values())


def test_three_kills_lose_nothing(make, broker, topic):
    stored = kill_again_and_again(make(queue=PATIENCE), broker, 3)
    check(broker, topic, stored)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_many_kills_lose_nothing(make, broker, topic, capsys):
    began = time.monotonic()
    stored = kill_again_and_again(make(queue=PATIENCE), broker, KILLS)
    twice = check(broker, topic, stored)
    with capsys.disabled():
        print(
            f"\n{KILLS} kills in {time.monotonic() - began:.0f} s: {stored * SIZE} samples stored, "
            f"0 lost, {twice} stored twice"
        )
