"""The agent acts on a real kernel with cgroup v2 and two NUMA nodes: written, felt, given back."""

import copy
import json

import pytest

from tests.vm.guest import guest_script

pytestmark = pytest.mark.vm

MIB = 1 << 20
ABOVE = {"cpuset.cpus": "0-3", "cpuset.mems": "0-1"}


@pytest.fixture(scope="module")
def both(vm):
    """What the kernel had and what processes felt, from one boot."""
    done = vm(guest_script("acting.py"), numa=True, disk=32, timeout=100)
    assert done.exit_code == 0, done.stderr + done.stdout
    both = json.loads(done.stdout)
    for code, said in (one["agent"] for one in both.values()):
        assert code == 0, said
    return both


@pytest.fixture
def ran(both):
    return copy.deepcopy(both["act"])


def given_back(files):
    """What a group has after it was given back.

    A cpuset that was empty has what the group above has, which means the same: with processes in the
    group the kernel takes no empty one.
    """
    return {**files, **{name: text for name, text in ABOVE.items() if not files[name]}}


def outcomes(ran, task, type_):
    return [
        (one["outcome"], one["reason"])
        for one in ran["records"]
        if one["type"] == "allocation" and (one["task_id"], one["allocation_type"]) == (task, type_)
    ]


@pytest.mark.parametrize(
    ("task", "type_", "file", "text"),
    [
        ("quota", "cpu_quota", "cpu.max", "40000 100000"),
        ("shares", "cpu_shares", "cpu.weight", "20"),
        ("weight", "cpu_weight", "cpu.weight", "10"),
        ("idle", "cpu_idle", "cpu.idle", "1"),
        ("burst", "cpu_burst", "cpu.max.burst", "20000"),
        ("cpus", "cpuset_cpus", "cpuset.cpus", "2-3"),
        ("mems", "cpuset_mems", "cpuset.mems", "1"),
        ("memory_max", "memory_max", "memory.max", str(48 * MIB)),
        ("memory_high", "memory_high", "memory.high", str(24 * MIB)),
        ("memory_low", "memory_low", "memory.low", str(16 * MIB)),
        ("io_weight", "io_weight", "io.weight", "default 50"),
        ("io_max", "io_max", "io.max", f"DISK rbps={2 * MIB} wbps=max riops=max wiops=max"),
        ("pids", "pids_max", "pids.max", "10"),
    ],
)
def test_what_is_granted_is_in_the_kernel_and_then_as_it_was(ran, task, type_, file, text):
    assert outcomes(ran, task, type_) == [("applied", None)]
    assert ran["during"][task][file] == text.replace("DISK", ran["disk"])
    assert ran["during"][task][file] != ran["before"]["files"][task][file]
    assert ran["after"][task][file] == given_back(ran["before"]["files"][task])[file]


def test_everything_is_given_back_also_what_changed_by_itself_and_what_was_not_the_default(ran):
    before = ran["before"]["files"]
    for name, file in (("cpus", "cpuset.cpus"), ("mems", "cpuset.mems")):
        before[name] |= {file: ABOVE[file]}
    assert ran["after"] == before
    assert before["idle"]["cpu.weight"] == "250"
    assert "wbps=9000000" in before["io_max"]["io.max"]


def test_a_task_without_a_rule_is_left_alone(ran):
    assert ran["during"]["plain"] == ran["before"]["files"]["plain"]


def test_a_quota_throttles_and_a_burst_is_used(ran):
    assert ran["felt"]["throttled"] > 0
    assert ran["felt"]["bursts"] > 0


@pytest.mark.parametrize("task", ["weight", "idle"])
def test_a_small_weight_and_the_idle_class_give_way(ran, task):
    less, more = ran["felt"]["shared"][task]
    assert less < more / 2


def test_cpus_are_those_of_the_cpuset(ran):
    assert ran["felt"]["affinity"] == [2, 3]


@pytest.mark.parametrize("task", ["mems", "migrate"])
def test_pages_move_to_the_other_node(ran, task):
    before, after = ran["before"][task], ran["felt"][task]
    assert before["0"] >= 24 * MIB / 4096 * 0.95 > before["1"]
    assert after["1"] >= 24 * MIB / 4096 * 0.95 > after["0"]


def test_limits_of_memory_and_processes_are_felt(ran):
    assert ran["felt"]["child"] == -9, "it wanted more than memory.max"
    assert ran["felt"]["high"] > 0
    assert ran["felt"]["children"] == 9


def test_a_limit_at_a_device_is_felt(ran):
    assert ran["felt"]["seconds"] > 1.2, "4 MiB at 2 MiB/s"


def test_memory_is_reclaimed(ran):
    assert ran["before"]["cache"] >= 15 * MIB
    assert ran["felt"]["cache"] <= ran["before"]["cache"] - 4 * MIB
    assert ("applied", None) in outcomes(ran, "reclaim", "memory_reclaim")


def test_pages_are_moved_once(ran):
    ((outcome, reason),) = outcomes(ran, "migrate", "migrate_pages")
    assert outcome == "applied", reason


def test_a_kill_ends_the_task_and_its_children(ran):
    code, events = ran["felt"]["killed"]
    assert code == -9
    assert "populated 0" in events
    assert outcomes(ran, "kill", "kill") == [("applied", "2 processes killed")]


def test_an_allocator_binds_a_task_to_the_other_node_and_its_memory_follows(both):
    bound = both["bind"]
    (before, pages), (during, moved, cpus) = bound["before"], bound["during"]
    assert pages["0"] > pages["1"] > 0
    assert [during["spread"][file] for file in ("cpuset.cpus", "cpuset.mems")] == ["2-3", "1"]
    assert cpus == [2, 3]
    assert moved["1"] >= 36 * MIB / 4096 * 0.95 > moved["0"]
    assert during["first"] == before["first"]
    assert bound["after"] == before | {"spread": given_back(before["spread"])}
    asked = [
        (one["task_id"], one["allocation_type"], one["outcome"])
        for one in bound["records"]
        if one["type"] == "allocation"
    ]
    assert sorted(asked) == [
        ("spread", "cpuset_cpus", "applied"),
        ("spread", "cpuset_mems", "applied"),
        ("spread", "migrate_pages", "applied"),
    ]
