"""A storage with a spool whose process is killed again and again."""

import logging
import os
import random
import subprocess
import sys
import threading
import time

import pytest

from tests.storage.delivery_parts import balanced
from tests.storage.spool_sender import FileTarget, storage
from wca.metrics import Metric
from wca.storage import OTLPStorage, RemoteWriteStorage
from wca.storage.delivery import Unavailable
from wca.storage.spool.database import Database

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


class AwayTarget(FileTarget):
    def send(self, parcels, timeout):
        raise Unavailable("nobody is there")


def test_what_waits_for_the_next_run_is_told_at_the_end_and_at_the_start(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    spool, accepted = str(tmp_path / "spool" / "file"), str(tmp_path / "accepted")
    for target in (AwayTarget(accepted), FileTarget(accepted)):
        one = storage(spool, target)
        one.start()
        if isinstance(target, AwayTarget):
            one.store([Metric("a", 1.0, {}), Metric("b", 2.0, {})])
        one.close(5.0)
    told = [text for text in caplog.messages if "spool" in text]
    assert told == [
        "TestStorage: 2 samples wait in its spool for the next run",
        "TestStorage: 2 samples of an earlier run wait in its spool",
    ]


@pytest.mark.parametrize("kind", [RemoteWriteStorage, OTLPStorage])
def test_a_disk_that_does_not_answer_does_not_hold_up_the_end(kind, tmp_path, monkeypatch):
    """Both write to the spool when they are closed: the requests that end all series."""
    made = kind("http://127.0.0.1:1/path", spool={"path": str(tmp_path / "spool" / "file")})
    made.store([Metric("a", 1.0)])
    gate = threading.Event()
    insert = Database.insert

    def hang(*arguments):
        gate.wait(60)
        insert(*arguments)

    monkeypatch.setattr(Database, "insert", hang)
    began = time.monotonic()
    made.close(0.5)
    assert time.monotonic() - began < 10
    balanced(made.ledger)
    gate.set()


#: A limit of SQLite's own, which holds for the whole process from then on.
LACKING = """
import sqlite3, sys
from tests.storage.spool_parts import NOW, parcel
from wca.storage.spool import Spool

spool = Spool(sys.argv[1])
spool.open()
spool.put([parcel("small")], NOW)
sqlite3.connect(":memory:").execute("PRAGMA hard_heap_limit=500000")
try:
    spool.put([parcel("x" * 2_000_000)], NOW)
except OSError as error:
    print(error)
print([one.parcel.body.decode() for one in spool.take(5, NOW)[0]])
"""


def test_a_lack_of_memory_is_a_failure_of_the_disk_and_costs_nothing_else(tmp_path):
    """SQLITE_NOMEM comes as MemoryError, which is no error of SQLite's module."""
    path = str(tmp_path / "spool" / "file")
    done = subprocess.run(
        [sys.executable, "-c", LACKING, path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"the spool {path} cannot be read or written: out of memory",
        "['small']",
    ]
