"""What a task may use of the CPUs, and since when it is there."""

import os
import time
from types import SimpleNamespace

import pytest

from wca.collectors import NotAvailable, TargetGone
from wca.collectors.task_spec import TaskSpecCollector
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.cpu_limits import parse_cpu_max, parse_cpu_weight, parse_quota
from wca.linux.parse import Malformed
from wca.metrics import CATALOGUE
from wca.nodes import Task
from wca.testing.kernel import KernelTree

LAYOUTS = ["v1_apart", "v1_together", "v2", "hybrid"]
LIMITS = ("task_cpu_quota_seconds", "task_cpu_period_seconds", "task_cpu_shares")


def attach(kernel, path="/job"):
    cgroup = CgroupHierarchies(kernel).locate(path)
    return TaskSpecCollector().attach(
        SimpleNamespace(task=Task("job", "job", path), cgroup=cgroup, node=kernel)
    )


def read(probe):
    out = {}
    probe.read(out)
    return out


@pytest.fixture
def tree(tmp_path, request):
    tree = KernelTree(tmp_path, getattr(request, "param", "v1_apart"))
    yield tree
    tree.kernel.close()


def folder_of(tree, controller):
    groups = tree.groups("/job")
    return groups.get(controller) or groups["v2"]


def made_at(tree, seconds, names=("cgroup.clone_children", "cgroup.events")):
    """Give all folders of the task, and what they hold of these files, this time."""
    for folder in set(tree.groups("/job").values()):
        for name in names:
            tree.write(f"{folder}/{name}", "0\n")
            os.utime(f"{tree.root}{folder}/{name}", (seconds, seconds))
        os.utime(tree.root + folder, (seconds, seconds))


@pytest.mark.parametrize("tree", LAYOUTS, indirect=True)
def test_quota_period_and_shares_are_the_same_in_every_layout(tree):
    tree.add_task("/job", quota=50_000)
    if tree.groups("/job").keys() == {"v2"}:
        tree.write(f"{folder_of(tree, 'cpu')}/cpu.weight", "40\n")
    measured = read(attach(tree.kernel))
    assert [measured[name] for name in LIMITS] == [0.05, 0.1, 1024]


@pytest.mark.parametrize("tree", LAYOUTS, indirect=True)
def test_a_quota_that_is_not_set_is_absent_and_one_that_is_lifted_leaves_no_old_number(tree):
    tree.add_task("/job", quota=50_000)
    probe = attach(tree.kernel)
    assert "task_cpu_quota_seconds" in read(probe)
    tree.add_task("/job")
    assert LIMITS[0] not in read(probe)
    assert set(LIMITS[1:]) <= read(probe).keys()


@pytest.mark.parametrize("tree", LAYOUTS, indirect=True)
def test_the_start_is_the_time_of_the_groups(tree):
    tree.add_task("/job")
    made_at(tree, 1_700_000_000)
    assert read(attach(tree.kernel))["task_started"] == 1_700_000_000


@pytest.mark.parametrize("tree", LAYOUTS, indirect=True)
def test_a_group_that_is_made_below_later_does_not_change_it(tree):
    tree.add_task("/job")
    made_at(tree, 1_700_000_000)
    tree.add_task("/job/part")  # which changes the time of the folder
    assert os.stat(tree.root + folder_of(tree, "cpu")).st_mtime > 1_700_000_000
    assert read(attach(tree.kernel))["task_started"] == 1_700_000_000


def test_of_several_groups_the_first_counts(tree):
    tree.add_task("/job")
    made_at(tree, 1_700_000_000)
    os.utime(tree.root + folder_of(tree, "memory"), (1_600_000_000, 1_600_000_000))
    assert read(attach(tree.kernel))["task_started"] == 1_600_000_000


@pytest.mark.parametrize("tree", ["v2"], indirect=True)
def test_without_the_cpu_controller_the_start_is_known_all_the_same(tree):
    tree.add_task("/job")
    tree.write(f"{tree.groups('/job')['v2']}/cgroup.controllers", "memory\n")
    probe = attach(tree.kernel)
    assert read(probe).keys() == {"task_started"}
    probe.close()


def test_where_there_is_nothing_the_reason_is_told(tree):
    tree.add_task("/other")
    with pytest.raises((NotAvailable, TargetGone)):
        attach(tree.kernel)


@pytest.mark.parametrize("tree", LAYOUTS, indirect=True)
def test_it_emits_what_it_says_and_the_catalogue_knows(tree):
    tree.add_task("/job", quota=1000)
    assert read(attach(tree.kernel)).keys() == set(TaskSpecCollector.emits)
    assert CATALOGUE.keys() >= set(TaskSpecCollector.emits)


def test_it_is_read_once_a_minute_unless_the_user_says_otherwise():
    assert TaskSpecCollector().interval == 60
    assert TaskSpecCollector(interval=5.0).interval == 5
    assert TaskSpecCollector(interval=None).interval is None


def test_a_real_quota_and_the_real_start_are_seen(real_cgroups):
    before = time.time()
    path = real_cgroups.make("limited")
    folder = real_cgroups.locate(path).directory("cpu")
    second = real_cgroups.locate(path).version("cpu") == 2
    name, text = ("cpu.max", "20000 100000") if second else ("cpu.cfs_quota_us", "20000")
    with open(f"{folder}/{name}", "w") as file:
        file.write(text)
    probe = attach(real_cgroups.kernel, path)
    time.sleep(0.05)
    measured = read(probe)
    probe.close()
    assert measured["task_cpu_quota_seconds"] == 0.02
    assert measured["task_cpu_period_seconds"] == 0.1
    assert measured["task_cpu_shares"] == (2 + 99 * 262142 // 9999 if second else 1024)
    # The kernel's clock of file times may be a tick behind.
    assert before - 0.1 < measured["task_started"] < time.time()


@pytest.mark.parametrize(("text", "quota"), [(b"-1\n", None), (b"50000\n", 50_000)])
def test_the_quota_of_v1(text, quota):
    assert parse_quota(text) == quota


@pytest.mark.parametrize(
    ("text", "limits"), [(b"max 100000\n", (None, 100_000)), (b"5000 10000\n", (5000, 10_000))]
)
def test_the_limits_of_v2(text, limits):
    assert parse_cpu_max(text) == limits


@pytest.mark.parametrize(("weight", "shares"), [(1, 2), (40, 1024), (100, 2597), (10_000, 262_144)])
def test_the_ends_of_both_scales_of_weights_meet(weight, shares):
    assert parse_cpu_weight(b"%d\n" % weight) == shares


@pytest.mark.parametrize("text", [b"", b"50000\n", b"max\n", b"max max\n", b"-1 5\n", b"1 2 3\n"])
def test_what_are_no_limits_is_refused(text):
    with pytest.raises(Malformed, match="expected a quota and a period"):
        parse_cpu_max(text)


@pytest.mark.parametrize("text", [b"0\n", b"10001\n"])
def test_what_is_no_weight_is_refused(text):
    with pytest.raises(Malformed, match="expected a weight from 1 to 10000"):
        parse_cpu_weight(text)
