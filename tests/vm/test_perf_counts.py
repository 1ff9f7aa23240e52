"""Hardware events on a kernel whose counters count at known rates, shared and not shared."""

import itertools
import json
import re

import pytest

from tests.vm.guest import guest_script

pytestmark = [pytest.mark.vm, pytest.mark.timeout(300)]

SETS = ["4", "6", "10", "10 the other way round", "14", "20"]


@pytest.fixture(scope="module")
def counted(vm):
    """What the guest printed, from one boot."""
    done = vm(guest_script("perf_counts.py"), pmu=True, timeout=150)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(params=SETS)
def samples(counted, request):
    """The samples of the busy task, for every set of events."""
    return counted["sets"][request.param]["busy"]


@pytest.fixture(params=itertools.product(SETS, "01"), ids="-cpu".join)
def samples_of_a_cpu(counted, request):
    """The samples of the busy task on one CPU, for every set of events."""
    name, cpu = request.param
    return [
        {metric: numbers[cpu] for metric, numbers in sample.items()}
        for sample in counted["each cpu"][name]["busy"]
    ]


def grown(samples, name):
    return samples[-1][name] - samples[0][name]


def assert_ratios(samples):
    ipc = grown(samples, "task_instructions") / grown(samples, "task_cycles")
    assert ipc == pytest.approx(0.8, rel=0.02)
    ratio = grown(samples, "task_cache_misses") / grown(samples, "task_cache_references")
    assert ratio == pytest.approx(0.25, rel=0.02)
    mpki = 1000 * grown(samples, "task_cache_misses") / grown(samples, "task_instructions")
    assert mpki == pytest.approx(5 / 1.6, rel=0.02)


def test_ratios_are_right_however_much_is_shared(samples):
    assert_ratios(samples)


def test_ratios_of_each_cpu_are_right_however_much_is_shared(samples_of_a_cpu):
    assert_ratios(samples_of_a_cpu)


def test_no_counter_goes_backwards(samples):
    for before, after in itertools.pairwise(samples):
        for name, value in before.items():
            if "factor" not in name:
                assert after[name] >= value


def test_sharing_is_told(counted):
    factors = {
        name: one["busy"][-1]["task_scaling_factor_max"] for name, one in counted["sets"].items()
    }
    assert factors["4"] == pytest.approx(1, abs=0.01)
    assert factors["10"] > 1.5
    assert factors["20"] > factors["10"]


def test_cycles_are_those_of_the_time_that_the_task_ran(counted):
    samples = counted["clocked"]["busy"]
    microseconds = grown(samples, "task_clock_seconds") * 1e6
    assert grown(samples, "task_cycles") / microseconds == pytest.approx(2000, rel=0.05)
    assert grown(samples, "task_instructions") / microseconds == pytest.approx(1600, rel=0.05)


def test_a_task_beside_it_that_does_nothing_has_nothing(counted):
    for one in counted["sets"].values():
        assert set(one["idle"].values()) == {0}
    for one in counted["each cpu"].values():
        assert {value for cpus in one["idle"].values() for value in cpus.values()} == {0}


def test_totals_never_go_back_while_a_cpu_goes_and_comes(counted):
    for (_, sums, each, *_), (_, later_sums, later_each, *_) in itertools.pairwise(
        counted["steps"]
    ):
        for name in ("task_cycles", "task_instructions", "task_clock_seconds"):
            assert later_sums[name] > sums[name]
            assert all(later_each[name][cpu] >= value for cpu, value in each[name].items())


def test_the_cpu_that_is_away_counts_nothing_and_the_one_that_came_back_does(counted):
    steps = {name: each["task_cycles"] for name, _, each, *_ in counted["steps"]}
    assert steps["one"]["1"] == steps["one still"]["1"]
    assert steps["both again"]["1"] > steps["one still"]["1"]
    assert steps["at last"]["1"] > steps["away between two readings"]["1"]
    assert all(step["0"] > 0 for step in steps.values())


def test_nothing_is_missed_but_what_runs_before_the_cpu_is_noticed(counted):
    steps = {
        name: (sums["task_clock_seconds"], used) for name, sums, _, _, used, _ in counted["steps"]
    }
    clock, used = (steps["both again"][at] - steps["both"][at] for at in (0, 1))
    assert clock == pytest.approx(used, rel=0.1)


def test_events_of_a_cpu_that_is_away_are_closed(counted):
    held = {name: count for name, *_, count in counted["steps"]}
    # Three events and the companion of the clock, in two collectors; one event and its companion.
    assert held["both"] - held["one still"] == 2 * 4 + 2
    assert held["at last"] == held["both"]


def test_one_event_by_itself_goes_on_after_its_cpu_was_away_between_two_readings(counted):
    both = {
        name: (sums["task_cycles"], lone["task_cycles"])
        for name, sums, _, lone, *_ in counted["steps"]
    }
    group, lone = (both["at last"][at] - both["back"][at] for at in (0, 1))
    assert lone == pytest.approx(group, rel=0.15)


def printed(agent):
    """What the agent printed last: numbers by metric, task and CPU; no CPU is an empty text."""
    assert agent["code"] == 0, agent["err"]
    numbers = {}
    for name, labels, number in re.findall(r"^(\w+)\{(.*)\} (\S+)", agent["out"], re.MULTILINE):
        by_name = dict(re.findall(r'(\w+)="/?([^"]*)"', labels))
        numbers[name, by_name.get("task_id"), by_name.get("cpu", "")] = float(number)
    return numbers


@pytest.mark.parametrize(
    ("run", "cpu"), [("agent", ""), ("agent by cpu", "0"), ("agent by cpu", "1")]
)
def test_the_agent_derives_the_same_ratios(counted, run, cpu):
    values = printed(counted[run])
    assert values["task_ipc", "busy", cpu] == pytest.approx(0.8, rel=0.02)
    assert values["task_cache_hit_ratio", "busy", cpu] == pytest.approx(0.75, rel=0.02)
    mpki = values["task_cache_misses_per_kilo_instructions", "busy", cpu]
    assert mpki == pytest.approx(5 / 1.6, rel=0.02)
    assert values["task_scaling_factor_max", "busy", cpu] > 1.5
    assert values["task_ips", "idle", cpu] == 0
    assert ("task_ipc", "idle", cpu) not in values


def test_a_sum_never_stands_beside_its_parts(counted):
    for run, has_cpu in (("agent", False), ("agent by cpu", True)):
        of_perf = {
            bool(cpu)
            for name, _, cpu in printed(counted[run])
            if name.startswith(("task_ipc", "task_cycles", "task_scaling_factor", "raw__"))
        }
        assert of_perf == {has_cpu}


def test_no_descriptor_is_left(counted):
    assert counted["leaked"] == 0
