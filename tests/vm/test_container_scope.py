"""The CloudWatch agent in a container on a kernel that has nothing but cgroup v2."""

import json
import re

import pytest

from tests.vm.guest import guest_script

pytestmark = pytest.mark.vm

LINE = re.compile(r"^Test \S+ (\w+)\{ServiceName=box\} (\S+) Percent$", re.MULTILINE)


@pytest.fixture(scope="module")
def ran(vm):
    """What the agent printed and what the kernel knows, from one boot."""
    done = vm(guest_script("container_scope.py"), disk=64, timeout=100)
    assert done.exit_code == 0, done.stderr
    ran = json.loads(done.stdout)
    assert (ran["code"], ran["err"]) == (0, "")
    return ran


def values(ran, name):
    """Of the whole windows: the first and the last may be short."""
    return [float(value) for found, value in LINE.findall(ran["out"]) if found == name][1:-1]


def test_at_its_quota_all_of_the_cpu_is_in_use_and_it_is_held_back(ran):
    cpu = values(ran, "CPUUtilization")
    assert len(cpu) >= 3
    # Half a CPU of two: the machine itself would be at a quarter.
    assert all(85 <= one <= 100 for one in cpu)
    assert ran["cpu"]["nr_throttled"] > 0
    assert all(one > 50 for one in values(ran, "CPUThrottled"))


def test_page_cache_that_can_be_taken_back_is_not_in_use(ran):
    used, inactive = ran["used"][-4]  # near its end it has all the memory that it takes
    assert inactive > 20e6
    memory = values(ran, "MemoryUtilization")
    assert len(memory) >= 3
    assert memory[-1] == pytest.approx(100 * (used - inactive) / ran["limit"], abs=2)
    assert max(memory) < 100 * used / ran["limit"] - 8
