"""Hardware events on a kernel whose counters count at known rates, shared and not shared."""

import itertools
import json
import re

import pytest

from tests.vm.guest import guest_script

pytestmark = pytest.mark.vm

SETS = ["four", "ten", "ten the other way round", "twenty"]


@pytest.fixture(scope="module")
def counted(vm):
    """What the guest printed, from one boot."""
    done = vm(guest_script("perf_counts.py"), pmu=True, timeout=100)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(params=SETS)
def samples(counted, request):
    """The samples of the busy task, for every set of events."""
    return counted["sets"][request.param]["busy"]


def grown(samples, name):
    return samples[-1][name] - samples[0][name]


def test_instructions_per_cycle_are_right_however_much_is_shared(samples):
    ipc = grown(samples, "task_instructions") / grown(samples, "task_cycles")
    assert ipc == pytest.approx(0.8, rel=0.02)


def test_misses_per_reference_are_right_however_much_is_shared(samples):
    ratio = grown(samples, "task_cache_misses") / grown(samples, "task_cache_references")
    assert ratio == pytest.approx(0.25, rel=0.02)


def test_no_counter_goes_backwards(samples):
    for before, after in itertools.pairwise(samples):
        for name, value in before.items():
            if "factor" not in name:
                assert after[name] >= value


def test_sharing_is_told(counted):
    factors = {
        name: one["busy"][-1]["task_scaling_factor_max"] for name, one in counted["sets"].items()
    }
    assert factors["four"] == pytest.approx(1, abs=0.01)
    assert factors["ten"] > 1.5
    assert factors["twenty"] > factors["ten"]


def test_cycles_are_those_of_the_time_that_the_task_ran(counted):
    samples = counted["sets"]["two and a clock"]["busy"]
    microseconds = grown(samples, "task_clock_seconds") * 1e6
    assert grown(samples, "task_cycles") / microseconds == pytest.approx(2000, rel=0.05)
    assert grown(samples, "task_instructions") / microseconds == pytest.approx(1600, rel=0.05)


def test_a_task_beside_it_that_does_nothing_has_nothing(counted):
    for one in counted["sets"].values():
        assert set(one["idle"].values()) == {0}


def test_the_agent_derives_the_same_ratios(counted):
    agent = counted["agent"]
    assert agent["code"] == 0, agent["err"]
    values = {
        (name, task): float(number)
        for name, task, number in re.findall(
            r'^(task_\w+)\{.*task_id="/?(\w+)".*\} (\S+)', agent["out"], re.MULTILINE
        )
    }
    assert values["task_ipc", "busy"] == pytest.approx(0.8, rel=0.02)
    assert values["task_cache_hit_ratio", "busy"] == pytest.approx(0.75, rel=0.02)
    assert values["task_cache_misses_per_kilo_instructions", "busy"] == pytest.approx(
        5 / 1.6, rel=0.02
    )
    assert values["task_scaling_factor_max", "busy"] > 1.5
    assert values["task_ips", "idle"] == 0
    assert ("task_ipc", "idle") not in values


def test_no_descriptor_is_left(counted):
    assert counted["leaked"] == 0
