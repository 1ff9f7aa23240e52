"""A power cut at any moment: what was promised is there, and the file is sound."""

import os
import random
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from tests.storage.spool_disk import Disk, record
from tests.storage.spool_workload import NOW, OPTIONS, STEPS, states
from tests.storage.test_spool_crash import MEMORY, is_possible
from wca.storage.delivery.options import Survives
from wca.storage.spool import Spool

STATES = states()
#: How much of what was not synced the cut leaves.
SHARES = [0.0, 0.5, 0.95, 1.0]


@pytest.fixture
def root():
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield folder


def recorded(root, level):
    folder = os.path.join(root, "recorded")
    os.mkdir(folder, 0o700)
    module = "tests.storage.spool_workload"
    return record(folder, [module, "record", folder, level], os.path.join(root, "strace"))


def cuts(root, level, chance):
    """For power cuts at each moment: the last step that was done, and what the next run finds."""
    disk, step, number = Disk(), -1, 0
    for event in recorded(root, level):
        if event[0] == "mark":
            if event[1].startswith("step-"):
                step = int(event[1].removeprefix("step-"))
            continue
        disk.apply(event)
        for share in SHARES:
            number += 1
            folder = os.path.join(root, str(number))
            os.mkdir(folder, 0o700)
            for name, content in disk.after_power_cut(chance, share).items():
                with open(os.path.join(folder, name), "wb") as file:
                    file.write(content)
            yield step, (number, event[:2], share), found_in(folder)


def found_in(folder):
    """The bodies that wait, and whether a damaged file was found that is not that of the start."""
    spool = Spool(os.path.join(folder, "spool"), **OPTIONS)
    spool.open()
    waiting, _ = spool.take(1000, NOW)
    spool.close()
    renamed = [path.read_bytes() for path in Path(folder).glob("*.corrupt-*")]
    # An SQLite file, or a log: not the one that was there at the start.
    damaged = any(content.startswith((b"SQLite", b"7\x7f\x06")) for content in renamed)
    return [one.parcel.body for one in waiting], damaged


@pytest.mark.parametrize("seed", range(2))
def test_what_a_returned_put_has_kept_survives_a_power_cut_at_the_level_that_says_so(root, seed):
    count = 0
    for step, where, (found, damaged) in cuts(root, Survives.POWER_CUT, random.Random(seed)):
        count += 1
        assert not damaged, where
        before, after = STATES[max(step, 0)], STATES[min(max(step, 0) + 1, len(STEPS))]
        assert is_possible(found, before, after), (step, where, found)
    assert count > 1000


def test_at_the_other_level_a_power_cut_leaves_a_sound_file_as_it_was_earlier(root):
    ages = Counter()
    for step, where, (found, damaged) in cuts(root, Survives.KILL, random.Random(1)):
        assert not damaged, where
        now = max(step, 0)
        possible = [
            now - earlier
            for earlier in range(now, -1, -1)
            if is_possible(found, STATES[earlier], STATES[min(earlier + 1, len(STEPS))])
        ]
        assert possible, (step, where, found)
        ages[min(possible)] += 1
    assert max(ages) > 0, "no cut has cost anything: is the level in use?"
