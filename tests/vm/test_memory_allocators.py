"""MemoryReclaimAllocator and OOMAllocator on a real kernel with cgroup v2."""

import json

import pytest

from tests.vm.guest import guest_script

pytestmark = pytest.mark.vm

MIB = 1 << 20


@pytest.fixture(scope="module")
def seen(vm):
    """What came of it, from one boot; 40 s."""
    done = vm(guest_script("memory_allocators.py"), disk=48, timeout=150)
    assert done.exit_code == 0, done.stderr
    print(done.stdout)  # shown where a test fails
    return json.loads(done.stdout)


@pytest.mark.parametrize("by", ["memory_reclaim", "memory_high"])
def test_what_is_not_used_goes_and_what_is_used_stays(seen, by):
    before, after, agent = (seen[by][name] for name in ("before", "after", "agent"))
    assert agent["code"] == 0, agent["err"]
    assert before["hot"] == 8 * MIB
    assert before["cold"] == 40 * MIB
    assert after["current"] < before["current"] - 15 * MIB
    assert after["current"] > 20 * MIB, "every task keeps the least"
    assert after["cold"] < before["cold"] - 15 * MIB
    assert after["hot"] > 0.95 * before["hot"]


@pytest.mark.parametrize("by", ["memory_reclaim", "memory_high"])
def test_the_task_hardly_waits_for_it(seen, by):
    before, after = seen[by]["before"], seen[by]["after"]
    assert after["waited"] - before["waited"] < 0.1 * (after["time"] - before["time"])


def test_no_limit_stays_behind(seen):
    assert seen["memory_high"]["after"]["high"] == "max"
    asked = [one["allocation_type"] for one in seen["memory_high"]["agent"]["records"]]
    assert "memory_high" in asked


def test_the_largest_of_those_that_may_be_is_killed_and_nobody_else(seen):
    assert seen["oom"]["agent"]["code"] == 0, seen["oom"]["agent"]["err"]
    assert seen["oom"]["codes"] == {
        "hog-1": None,
        "hog-2": -9,
        "precious": None,
        "bystander": None,
    }


def test_the_record_says_why(seen):
    (record,) = seen["oom"]["agent"]["records"]
    assert "little is left: available " in json.dumps(record)
