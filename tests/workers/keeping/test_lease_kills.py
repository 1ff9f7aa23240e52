"""Agents are killed while they hold a lease: another one takes it over, and none holds it beside."""

import itertools
import queue
import random
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.workers.keeping.lease_holder import SHARE

ROOT = Path(__file__).parents[3]
TTL = 1.0
#: Share of its ttl for which a lease lasts; what is left is for the next time that the other asks.
LASTS = 0.75
assert LASTS + SHARE < 1
#: What a machine that is busy with other things may add.
MARGIN = 0.8
#: Redis counts whole milliseconds.
GRAIN = 0.01


class Holder:
    """A process, and what it tells: begin and end of each call that has got or renewed the lease."""

    names = itertools.count()

    def __init__(self, kind, place):
        self.told = queue.Queue()
        command = [
            "setpriv",
            "--pdeathsig",
            "KILL",
            sys.executable,
            "-m",
            "tests.workers.keeping.lease_holder",
        ]
        command += [kind, place, f"owner {next(self.names)}", str(TTL)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        assert self.told.get(timeout=30) == "started"

    def _read(self):
        for line in self.process.stdout:
            self.told.put(line.strip())

    def held(self, timeout):
        """The next call that has got the lease, or renewed it."""
        return tuple(map(float, self.told.get(timeout=timeout).split()))

    def kill(self):
        """Kill -9; when it was dead, and the last time that it was told to hold the lease."""
        self.process.kill()
        self.process.wait()
        dead = time.monotonic()
        self.reader.join()
        self.process.stdout.close()
        calls = [self.held(0) for _ in range(self.told.qsize())]
        return dead, calls


def take_over(kind, place, kills):
    """Kill the one that holds, again and again; prints how long the others took."""
    took, chance = [], random.Random(9)
    first = Holder(kind, place)
    last = first.held(30)
    second = Holder(kind, place)
    holders = [first, second]
    try:
        for _ in range(kills):
            time.sleep(
                TTL * chance.uniform(1.3, 1.7)
            )  # it is renewed beyond its time, and the other gets nothing
            assert holders[1].told.empty()
            dead, calls = holders.pop(0).kill()
            last = max([last, *calls])
            begun, got = holders[0].held(TTL + MARGIN)
            assert got > dead
            assert got >= last[0] + LASTS * TTL - GRAIN, "taken before it was over"
            assert begun <= last[1] + TTL + MARGIN, "not taken within its time"
            took.append((got - dead, got - last[1]))
            last = begun, got
            holders.append(Holder(kind, place))
    finally:
        for holder in holders:
            holder.kill()
    print(f"{kind}, {kills} kills, a lease of {TTL:g} s: ", end="")
    for since, times in zip(("the kill", "the last renewal"), zip(*took, strict=True), strict=True):
        median, worst = statistics.median(times), max(times)
        print(f"taken {median:.2f} s after {since}, at worst {worst:.2f} s", end="; ")
    print()


def test_agents_of_one_machine_take_over(tmp_path):
    take_over("sqlite", str(tmp_path / "leases"), kills=2)


def test_agents_of_several_machines_take_over(redis_server):
    take_over("redis", redis_server.url, kills=2)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_agents_of_one_machine_take_over_twenty_times(tmp_path):
    take_over("sqlite", str(tmp_path / "leases"), kills=20)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_agents_of_several_machines_take_over_twenty_times(redis_server):
    take_over("redis", redis_server.url, kills=20)
