"""CPIDetector on the counters of a PMU that takes 1.25 cycles for each instruction."""

import json
import math

import pytest

from tests.vm.guest import guest_script

pytestmark = [pytest.mark.vm, pytest.mark.timeout(300)]

NAME = "cycles per instruction of victim"


@pytest.fixture(scope="module")
def said(vm):
    """What the detector said, from one boot."""
    done = vm(guest_script("cpi_detector.py"), pmu=True, timeout=200)
    assert done.exit_code == 0, done.stderr
    runs = json.loads(done.stdout)
    for run in runs.values():
        assert run["code"] == 0, run["err"]
    return runs


def test_it_learns_the_cycles_per_instruction_of_the_pmu(said):
    _, samples, mean, squares = said["learned"]["state"]["state"]["specs"][NAME]
    assert samples >= 4
    assert mean == pytest.approx(1.25, rel=0.02)
    assert math.sqrt(squares / samples) < 0.02 * mean


def test_a_task_that_is_as_it_always_was_is_no_victim(said):
    assert said["learned"]["records"] == []


def test_a_task_that_takes_more_cycles_than_it_did_is_one_and_the_busy_task_is_accused(said):
    record = said["slower"]["records"][-1]
    assert record["contended_task_id"] == "victim"
    assert record["contending_task_ids"] == ["neighbour"]
    assert record["verdict"] == "memory bandwidth or cache neighbour"
    assert record["evidence"]["cycles per instruction"] == pytest.approx(1.25, rel=0.02)
    assert record["thresholds"]["cycles per instruction"] == pytest.approx(0.9, rel=0.02)


def test_its_score_is_that_of_the_paper(said):
    """A suspect that is equally busy all the time: one less the limit by the sample."""
    (suspect,) = said["slower"]["records"][-1]["suspects"]
    assert suspect["score"] == pytest.approx(1 - 0.9 / 1.25, rel=0.05)


def test_a_victim_teaches_the_specification_nothing(said):
    assert said["slower"]["state"]["state"]["specs"][NAME][2] == pytest.approx(0.8, rel=0.02)
