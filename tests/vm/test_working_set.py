"""The working set of a process that is known to use half of its memory, on a kernel of its own."""

import json

import pytest

from tests.vm.guest import guest_script

pytestmark = pytest.mark.vm

SIZES = {"clear_refs": "task_wss_referenced_bytes", "lru_gen": "task_working_set_size_bytes"}
#: What a small interpreter itself uses meanwhile.
INTERPRETER = 8 << 20


@pytest.fixture(scope="module")
def measured(vm):
    """What the guest printed, from one boot."""
    done = vm(guest_script("working_set.py"), timeout=100)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(params=SIZES)
def samples(measured, request):
    """The sizes that each method gave."""
    name = SIZES[request.param]
    return {when: sample.get(name) for when, sample in measured[request.param].items()}


@pytest.mark.parametrize("when", ["half", "again"])
def test_what_was_used_is_seen_within_a_tenth(measured, samples, when):
    assert samples[when] == pytest.approx(measured["size"] / 2, rel=0.1)


def test_what_was_not_used_is_not(samples):
    assert samples["nothing"] < INTERPRETER


def test_a_method_with_windows_has_nothing_before_the_first_has_ended(measured):
    assert measured["lru_gen"]["first"].keys() == {"task_wss_measure_overhead_seconds"}
    assert measured["clear_refs"]["first"]["task_wss_referenced_bytes"] > measured["size"]


@pytest.mark.parametrize("method", SIZES)
def test_the_cost_is_told(measured, method):
    costs = [sample["task_wss_measure_overhead_seconds"] for sample in measured[method].values()]
    assert costs == sorted(costs)
    assert 0 < costs[-1] < 60


def test_what_lacks_for_generations_is_told(measured):
    assert "switched off; write y to" in measured["off"]
    assert "needs debugfs" in measured["hidden"]


def test_the_scheduler_counts_the_process_in_the_group_below(measured):
    assert measured["task_sched_stat"]["nr_switches"] >= 4
    assert measured["task_sched_stat"]["se.sum_exec_runtime"] > 1
    assert measured["task_run_queue_timeslices"] >= 4
    assert measured["task_run_queue_delay_seconds"] >= 0


def test_a_task_in_the_hosts_network_has_no_traffic(measured):
    assert measured["network"] == [{}, {}]
