"""A process that is killed at any moment loses no sample whose ``store`` had returned."""

import random
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.kafka.reading import texts
from tests.kafka.test_broker_kills import KILLS
from tests.kafka.writer import SAMPLES

ROOT = Path(__file__).parents[2]
LINE = re.compile(r'^number\{part="(\d+)"\} (\d+) \d+$', re.MULTILINE)


class Writer:
    """The writing process, and the numbers that it has said to be taken."""

    def __init__(self, broker, topic, spool, first):
        command = [sys.executable, "-m", "tests.kafka.writer", broker.address, topic, spool]
        self.process = subprocess.Popen(
            [*command, str(first)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def kill_after(self, seconds):
        """Kill it so long after its first batch; the numbers it said."""
        said = [int(self.process.stdout.readline())]
        time.sleep(seconds)
        self.process.kill()
        # A line that the kill has cut is no promise.
        rest = self.process.communicate()[0]
        return said + [int(line) for line in rest.splitlines(keepends=True) if line.endswith("\n")]

    def end(self):
        """Let it deliver everything and end."""
        rest = self.process.communicate(timeout=90)[0]
        assert self.process.returncode == 0
        return [int(line) for line in rest.splitlines()]


def kill_again_and_again(broker, topic, spool, kills, chance):
    """Numbers that were taken, after so many kills and an orderly end."""
    taken, first = [], 0
    for _ in range(kills):
        taken += Writer(broker, topic, spool, first).kill_after(chance.uniform(0, 0.4))
        first = taken[-1] + 2  # the one after it may be in the file as well
    return taken + Writer(broker, topic, spool, first).end()


def check(broker, topic, taken):
    """Everything taken has arrived; how many samples arrived more than once."""
    arrived = Counter(found for text in texts(broker.read(topic)) for found in LINE.findall(text))
    wanted = {(str(part), str(number)) for number in taken for part in range(SAMPLES)}
    assert wanted <= set(arrived)
    return sum(times - 1 for times in arrived.values())


def test_what_store_had_taken_arrives_although_the_process_is_killed(broker, topic, tmp_path):
    taken = kill_again_and_again(broker, topic, str(tmp_path / "spool"), 4, random.Random(1))
    check(broker, topic, taken)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_many_kills_lose_nothing(broker, topic, tmp_path, capsys):
    taken = kill_again_and_again(broker, topic, str(tmp_path / "spool"), KILLS, random.Random())
    twice = check(broker, topic, taken)
    with capsys.disabled():
        print(f"\n{KILLS} kills: {len(taken) * SAMPLES} samples taken, 0 lost, {twice} twice")
