"""A process that is killed at any of its writes, or whose disk refuses one, loses nothing."""

import os
import subprocess
import sys
import tempfile

import pytest

from tests.services import program
from tests.storage.spool_model import Model
from tests.storage.spool_workload import NOW, OPTIONS, STEPS, states
from wca.storage.spool import Spool

#: What a killed process has written is in the kernel's memory, wherever the file is.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
CALLS = ["pwrite64", "fdatasync", "fsync", "ftruncate", "unlink", "rename"]
#: Futile calls take time under strace, so that many points are better reached in several runs.
AT_ONCE = 50
STATES = states()
#: About so many calls of these kinds there are; that a few more are asked for does no harm. The
#: first write is not the spool's: it makes the file that is no database.
WRITES, SYNCS = 280, 60


@pytest.fixture
def root():
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield folder


def sweep(root, call, fault, first=1, final=None, onwards=""):
    """Live the workload once for each call, with the fault at that call: folder, status, answers.

    Until the final call, or until there is none that would kill the process.
    """
    strace = program("strace", package="strace")
    while final is None or first <= final:
        last = first + AT_ONCE - 1 if final is None else min(first + AT_ONCE - 1, final)
        run = subprocess.run(
            [
                *(strace, "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}"),
                *("-e", f"inject={call}:{fault}:when={last}{onwards}"),
                *(sys.executable, "-m", "tests.storage.spool_workload"),
                *("sweep", root, call, str(first), str(last), fault),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert not run.returncode, run.stderr
        lines = [line.split(" ") for line in run.stdout.splitlines()]
        for number, status, answers in lines:
            yield os.path.join(root, number), int(status), answers
        if final is None and lines[-1][1] == "0":
            return
        first += AT_ONCE


def found_by_the_next_run(folder):
    """The bodies that wait, and the files of the folder."""
    spool = Spool(os.path.join(folder, "spool"), **OPTIONS)
    samples = spool.open()
    waiting, dropped = spool.take(1000, NOW)
    assert dropped == []
    assert samples == sum(one.parcel.samples for one in waiting)
    # and it works
    spool.put([waiting[0].parcel] if waiting else [], NOW)
    spool.close()
    return [one.parcel.body for one in waiting]


def is_possible(found, before, after):
    """Whether a step that may have been cut short leaves this: new parcels all or none of them."""
    new = [body for body in after if body not in before]
    stays = [body for body in before if body in after]
    in_order = sorted(found) == found and len(set(found)) == len(found)
    return (
        in_order
        and set(stays) <= set(found) <= {*before, *after}
        and len([body for body in new if body in found]) in (0, len(new))
    )


@pytest.mark.parametrize("call", CALLS)
def test_whatever_a_returned_put_has_kept_is_there_after_a_kill_at_any_call(root, call):
    killed = 0
    for folder, status, answers in sweep(root, call, "signal=KILL"):
        if status == 0:
            assert answers == "." * (len(STEPS) + 1)
            break
        assert status == -9
        killed += 1
        step = max(0, len(answers) - 1)
        found = found_by_the_next_run(folder)
        assert is_possible(found, STATES[step], STATES[min(step + 1, len(STEPS))]), (
            f"killed at {call} {os.path.basename(folder)}, in step {step} {STEPS[step][0]}: {found}"
        )
    assert killed


def replayed(answers):
    """What the model holds after the steps that were answered so, and what may be there as well.

    Where a sync has failed, nobody knows what is on the disk, until one does not fail.
    """
    model, now, again = Model(**OPTIONS), NOW, set()
    for (name, argument), answer in zip(STEPS, answers, strict=False):
        before = [one.body for one in model.parcels.values()]
        if name == "time":
            now += argument
        elif name == "settle":
            model.settle(argument)  # sent and done with, whether that could be written or not
        elif name == "release":
            model.release(argument)
        elif name in ("put", "take"):
            model.expire(now)
            if answer == ".":
                getattr(model, name)(argument, now)
            elif name == "put":
                again.update(one.body for one in argument)
        elif name == "close":
            model.taken.clear()
        else:
            model.last = max(model.parcels, default=0)
        again.update(set(before) - {one.body for one in model.parcels.values()})
    return [one.body for one in model.parcels.values()], again


def check_faults(points, *, found_as_well):
    failed = 0
    for folder, status, answers in points:
        assert status == 0
        if "E" not in answers:
            continue  # where a failure does no harm, such as that of a checkpoint
        failed += 1
        found = found_by_the_next_run(folder)
        expected, again = replayed(answers[1:])
        extra = set(found) - set(expected)
        assert set(expected) <= set(found), f"{folder} {answers}"
        assert not extra if not found_as_well else extra <= again, f"{folder} {answers}"
        assert sorted(found) == found
    assert failed


def test_a_sync_that_fails_costs_its_put_and_no_other(root):
    check_faults(sweep(root, "fdatasync", "error=EIO", final=SYNCS), found_as_well=False)


def test_a_full_disk_costs_the_puts_that_find_it_full(root):
    points = sweep(root, "pwrite64", "error=ENOSPC", 101, 140)
    check_faults(points, found_as_well=False)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_disk_that_is_full_at_any_write_costs_that_put(root):
    check_faults(sweep(root, "pwrite64", "error=ENOSPC", 2, WRITES), found_as_well=False)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("call", "number"), [("pwrite64", WRITES), ("fdatasync", SYNCS)])
def test_a_disk_that_stays_full_from_any_call_on_keeps_what_was_put_before(root, call, number):
    """What was sent meanwhile may be sent again: that it was sent could not be written down."""
    points = sweep(root, call, "error=ENOSPC", 2, number, onwards="+")
    check_faults(points, found_as_well=True)
