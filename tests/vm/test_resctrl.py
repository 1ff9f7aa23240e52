"""Monitoring with the kernel's own resctrl: two L3 domains, 32 monitoring groups."""

import itertools
import json
import re

import pytest

from tests.vm.guest import guest_script
from tests.vm.guest.resctrl_rules import ANSWERS

pytestmark = pytest.mark.vm

NUMBERS = {
    "task_llc_occupancy_bytes",
    "task_mem_bandwidth_bytes",
    "task_mem_bandwidth_local_bytes",
    "task_mem_bandwidth_remote_bytes",
}
ASK = """
import json, subprocess, sys
from resctrl_rules import answers
from wca.linux.resctrl.files import ResctrlFiles
tasks = [subprocess.Popen([sys.executable, "-IS", "-c", "import time; time.sleep(99)"]) for _ in range(2)]
print(json.dumps(answers(ResctrlFiles(), *(task.pid for task in tasks))))
[task.kill() for task in tasks]
[task.wait() for task in tasks]
"""


@pytest.fixture(scope="module")
def seen(vm):
    """What the guest printed, from one boot."""
    sources = ("wca", "benchmarks")
    done = vm(guest_script("resctrl_tasks.py"), sources=sources, numa=True, rdt=True, timeout=100)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_the_kernel_answers_as_the_tree_of_the_test_kit_does(vm):
    rules = {"/vm/src/resctrl_rules.py": guest_script("resctrl_rules.py")}
    done = vm(ASK, files=rules, numa=True, rdt=True)
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == ANSWERS


@pytest.mark.parametrize("name", ["gold-task", "plain", "foreign"])
def test_every_number_is_there_and_counters_grow(seen, name):
    samples = [sample[name] for sample in seen["samples"]]
    assert all(sample.keys() == NUMBERS for sample in samples)
    for before, after in itertools.pairwise(samples):
        assert after["task_mem_bandwidth_bytes"] > before["task_mem_bandwidth_bytes"]
        assert after["task_mem_bandwidth_local_bytes"] > before["task_mem_bandwidth_local_bytes"]
        assert after["task_mem_bandwidth_remote_bytes"] >= before["task_mem_bandwidth_remote_bytes"]
    assert samples[-1]["task_llc_occupancy_bytes"] > 0


def test_what_a_task_may_use_is_the_same_while_it_is_measured(seen):
    assert seen["schemata before"] == seen["schemata after"]
    assert seen["before"] == {
        "gold-task": [["gold"]],
        "plain": [["/"]],
        "foreign": [["/", "theirs"]],
    }
    assert seen["during"] == {
        "gold-task": [["gold", "wca-gold-task"]],
        "plain": [["/", "wca-plain"]],
        "foreign": [["/", "theirs"]],
    }


def test_threads_and_processes_that_are_started_later_are_in_the_same_groups(seen):
    assert seen["threads"] == {"gold-task": 5, "plain": 5, "foreign": 5}
    assert seen["after more threads"] == seen["during"]


def test_a_task_that_an_allocator_moves_is_followed_and_its_counters_go_on(seen):
    assert seen["moved"] == [["silver", "wca-gold-task"]]
    assert seen["groups"] == ["silver/wca-gold-task", "theirs", "wca-plain"]
    for before, after in itertools.pairwise(seen["move"]):
        assert after.keys() == NUMBERS
        for name in NUMBERS - {"task_llc_occupancy_bytes"}:
            assert after[name] >= before[name]


def test_closing_leaves_nothing_of_ours_and_everything_of_others(seen):
    assert seen["closed"] == {
        "gold-task": [["silver"]],
        "plain": [["/"]],
        "foreign": [["/", "theirs"]],
    }
    assert seen["groups closed"] == ["theirs"]


def test_groups_of_an_agent_that_was_killed_are_taken_over_or_removed(seen):
    assert seen["killed"] == [-9, "", ["theirs", "wca-gone", "wca-kept"]]
    numbers, places = seen["kept"]
    assert numbers.keys() == NUMBERS
    assert places == [["/", "wca-kept"]]
    assert seen["sweep"] == 1
    assert seen["after sweep"] == [["theirs", "wca-kept"], [["/"]]]


def test_the_agent_prints_the_numbers_and_leaves_no_group(seen):
    code, out, err, groups = seen["agent"]
    assert code == 0, err
    for name in NUMBERS:
        assert re.search(rf'^{name}{{.*task_id="plain".*}} \d', out, re.MULTILINE), out + err
    assert groups == ["theirs"]


def test_tasks_without_a_group_wait_and_the_others_are_measured(seen):
    measured, waiting, the_same, reasons = seen["exhausted"]
    # Of 31 groups beside the root's, gold, silver and theirs hold one each, and six were used
    # before: those of gold-task (two), plain (two), kept and gone.
    assert (measured, waiting) == (31 - 3 - 6, 40 - 22)
    assert the_same
    assert len(reasons) == 1
    assert reasons[0].startswith("of 32 monitoring groups those that are not in use still have")
    assert seen["again the same"]
    assert seen["left"] == ["theirs"]


def test_the_numbers_for_the_documentation(seen):
    cost = seen["cost"]
    assert cost["tasks"] == 31 - 3 - 6
    assert 0 < cost["floor"] < cost["read"]
    print(
        f"\nTaskResctrlCollector, emulated: {cost['tasks']} tasks on two L3 domains, "
        f"{cost['files']:.1f} files of each, floor {cost['floor']:.0f} us, read "
        f"{cost['read']:.0f} us for each task, read / floor {cost['read'] / cost['floor']:.2f}"
    )
