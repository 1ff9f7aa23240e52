"""The agent on a real kernel that has nothing but cgroup v2, as root, on real tasks."""

import json
import re

import pytest

from tests.vm.guest import guest_script

pytestmark = pytest.mark.vm

SAMPLE = re.compile(r"^(\w+)\{([^}]*)\} (\S+)", re.MULTILINE)


@pytest.fixture(scope="module")
def ran(vm):
    """What the agent printed and what the kernel knows, from one boot."""
    done = vm(guest_script("agent_measures.py"), timeout=100)
    assert done.exit_code == 0, done.stderr
    ran = json.loads(done.stdout)
    assert ran["code"] == 0, ran["err"]
    return ran


def value(ran, name, task):
    """The last value of a metric of one task; None when it was not printed."""
    found = [
        float(number)
        for metric, labels, number in SAMPLE.findall(ran["out"])
        if metric in (name, name + "_total") and re.search(rf'task_id="/?{task}"', labels)
    ]
    return found[-1] if found else None


@pytest.mark.parametrize("task", ["busy", "slowed"])
def test_cpu_seconds_are_those_of_the_process(ran, task):
    measured = value(ran, "task_cpu_usage_seconds", task)
    # Between the last word of the process and its sleep lies a little more of its own time, which
    # an emulator on a busy machine makes longer.
    assert measured == pytest.approx(ran["truth"]["said"][task], rel=0.05, abs=0.05)
    assert measured == pytest.approx(ran["truth"]["stat"][task]["usage_usec"] / 1e6, rel=0.01)


def test_an_allocation_is_seen(ran):
    measured = value(ran, "task_mem_usage_bytes", "large")
    assert 50e6 <= measured < 65e6
    assert measured == pytest.approx(ran["truth"]["current"], rel=0.02)
    assert value(ran, "task_mem_max_usage_bytes", "large") >= measured


def test_a_limit_is_a_number_and_no_limit_is_absent(ran):
    assert value(ran, "task_mem_limit_bytes", "large") == 200 * 1024 * 1024
    assert value(ran, "task_mem_limit_bytes", "busy") is None


def test_throttling_is_counted_where_there_is_a_quota(ran):
    truth = ran["truth"]["stat"]["slowed"]
    assert truth["nr_throttled"] > 0
    assert value(ran, "task_cpu_throttled_periods", "slowed") == truth["nr_throttled"]
    assert value(ran, "task_cpu_throttled_seconds", "slowed") == pytest.approx(
        truth["throttled_usec"] / 1e6
    )
    assert value(ran, "task_cpu_throttled_periods", "busy") in (None, 0)


@pytest.mark.parametrize("resource", ["cpu", "memory", "io"])
def test_pressure_is_measured(ran, resource):
    assert value(ran, f"task_psi_{resource}_some_seconds", "busy") is not None


def test_a_throttled_task_waited_for_the_processor(ran):
    assert value(ran, "task_psi_cpu_some_seconds", "slowed") > 0.1


def test_every_task_and_the_platform_are_there(ran):
    for task in ("busy", "large", "slowed"):
        assert value(ran, "task_up", task) == 1
    assert re.search(r"^memory_usage\{", ran["out"], re.MULTILINE)
