"""A storage with a spool whose process is killed again and again."""

import os
import random
import subprocess
import sys
import time

from tests.storage.delivery_parts import balanced
from tests.storage.spool_sender import FileTarget, storage

ROUNDS = 6


def killed_after_a_while(arguments, seconds):
    """Run a process, kill it, and return the lines that it had written."""
    module = [sys.executable, "-m", "tests.storage.spool_sender", *arguments]
    with subprocess.Popen(module, stdout=subprocess.PIPE) as process:
        try:
            first = process.stdout.readline()
            reading, deadline = [first], time.monotonic() + seconds
            while time.monotonic() < deadline:
                reading.append(process.stdout.readline())
        finally:
            process.kill()
        reading.extend(process.stdout.readlines())
    return b"".join(reading).decode().split()


def test_whatever_store_has_returned_for_is_delivered_after_any_number_of_kills(tmp_path):
    spool, accepted = str(tmp_path / "spool" / "file"), str(tmp_path / "accepted")
    chance, stored = random.Random(7), []
    for number in range(ROUNDS):
        lines = killed_after_a_while([spool, accepted, str(number)], chance.uniform(0.0, 0.3))
        assert lines
        stored += lines
    last = storage(spool, FileTarget(accepted))
    last.start()
    end = time.monotonic() + 60
    while last.waiting.parcels and time.monotonic() < end:
        time.sleep(0.01)
    last.close(10.0)
    account = balanced(last.ledger)
    assert account.delivered == account.recovered
    with open(accepted) as file:
        delivered = file.read().split()
    assert set(stored) <= set(delivered)
    # Of the others, store() was about to return; what was delivered twice had no answer.
    assert len(set(delivered) - set(stored)) <= ROUNDS * 3
    assert not [name for name in os.listdir(tmp_path / "spool") if "corrupt" in name]
