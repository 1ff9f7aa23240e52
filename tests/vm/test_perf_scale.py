"""Perf events of a hundred tasks on 64 emulated CPUs: descriptors, times, and what does not fit."""

import json

import pytest

from tests.vm.guest import guest_script

pytestmark = [pytest.mark.vm, pytest.mark.slow, pytest.mark.timeout(400)]

TASKS, CPUS, EVENTS = 100, 64, 4
RESERVED = 64


@pytest.fixture(scope="module")
def scale(vm):
    """What the guest printed, from one boot."""
    done = vm(guest_script("perf_scale.py"), cpus=CPUS, memory=3072, timeout=300)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_the_numbers_for_the_documentation(scale):
    assert scale["cpus"] == CPUS
    print(f"\n{TASKS} tasks, {CPUS} emulated CPUs, {EVENTS} software events")
    for form in ("sum", "each"):
        one = scale[form]
        print(
            f"{form}: {one['descriptors']} descriptors, opened in {one['open']:.1f} s "
            f"(the longest round {one['longest round'] * 1e3:.0f} ms), "
            f"read in {one['read'] * 1e3:.0f} ms, closed in {one['close']:.1f} s"
        )

    iteration = scale["iteration"]
    whole = sum(iteration[stage] for stage in ("collect", "export", "store"))
    print(
        f"a whole iteration with the default collectors: {whole * 1e3:.0f} ms (collect "
        f"{iteration['collect'] * 1e3:.0f}, export {iteration['export'] * 1e3:.0f}, store "
        f"{iteration['store'] * 1e3:.0f}), {iteration['series']} series"
    )


def test_an_iteration_has_all_tasks_and_their_events(scale):
    assert scale["iteration"]["tasks"] == scale["iteration"]["counted"] == TASKS
    assert scale["iteration"]["series"] > TASKS * EVENTS


@pytest.mark.parametrize("form", ["sum", "each"])
def test_no_round_opens_the_events_of_more_tasks_than_fit_into_its_time(scale, form):
    """On this machine one task takes longer than that: each round opens one."""
    assert scale[form]["longest round"] < scale[form]["open"] / 10


@pytest.mark.parametrize("form", ["sum", "each"])
def test_descriptors_are_tasks_times_cpus_times_events(scale, form):
    assert scale[form]["refused"] == 0
    # And one file for each task that tells when it is gone.
    assert scale[form]["descriptors"] == TASKS * CPUS * EVENTS + TASKS


def test_the_tasks_that_work_are_those_that_are_seen_to_work(scale):
    used = {
        int(number): sample["task_clock_seconds"]
        for number, sample in scale["sum"]["samples"].items()
    }
    assert len(used) == TASKS
    assert {number for number, seconds in used.items() if seconds > 0} == {0, 1, 2, 3}


def test_each_cpu_has_its_own_numbers(scale):
    for number, sample in scale["each"]["samples"].items():
        assert all(len(cpus) == CPUS for cpus in sample.values())
        assert (sum(sample["task_clock_seconds"].values()) > 0) == (int(number) < 4)


def test_beyond_the_limit_the_tasks_that_fit_are_counted(scale):
    beyond = scale["beyond"]
    assert sorted(map(int, beyond["samples"])) == beyond["counted"]
    assert len(beyond["counted"]) + len(beyond["refused"]) == TASKS
    each = CPUS * EVENTS + 1
    assert beyond["held"] == len(beyond["counted"]) * each
    left = beyond["limit"] - beyond["before"] - beyond["held"]
    assert RESERVED <= left < RESERVED + each + 8  # one more would not have fitted


def test_the_others_say_why(scale):
    beyond = scale["beyond"]
    for sentence in beyond["refused"].values():
        assert f"{EVENTS} perf events x {CPUS} CPUs = {EVENTS * CPUS} descriptors" in sentence
        assert f"left of {beyond['limit']}" in sentence


def test_they_are_counted_when_descriptors_become_free(scale):
    beyond = scale["beyond"]
    refused = sorted(map(int, beyond["refused"]))
    assert beyond["later"] == refused[:10]  # as many as ended
    assert beyond["still"] == refused[10:]


def test_nothing_is_left_open(scale):
    assert scale["after"] == scale["before"]
