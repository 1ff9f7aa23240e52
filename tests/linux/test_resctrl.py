"""The files of resctrl: what they say, and that nothing else is taken for it."""

import contextlib
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vm.guest.resctrl_rules import ANSWERS, answers
from wca.errors import NotAvailable, TargetGone
from wca.linux.cgroup_threads import cgroup_threads
from wca.linux.files import Kernel
from wca.linux.parse import Malformed, parse_threads
from wca.linux.processes import has_ended
from wca.linux.resctrl.files import ResctrlFiles
from wca.linux.resctrl.tree import find_resctrl
from wca.linux.resctrl.values import (
    EVENTS,
    Place,
    l3_domains,
    parse_counter,
    parse_features,
    parse_place,
)
from wca.testing.kernel import KernelTree
from wca.testing.resctrl import ResctrlTree

NAMES = st.text(min_size=1).filter(lambda name: name.isprintable() and "/" not in name)


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"res:/\nmon:\n", Place("", "")),
        (b"res:/\nmon:m1\n", Place("", "m1")),
        (b"res:c1\nmon:\n", Place("c1", "")),
        (b"res:c1\nmon:wca-a%20b\n", Place("c1", "wca-a%20b")),
        (b"res:\nmon:\n", None),
    ],
)
def test_where_a_thread_is(data, place):
    assert parse_place(data) == place


@given(NAMES, NAMES)
def test_any_name_of_a_group_is_understood(control, monitoring):
    data = f"res:{control}\nmon:{monitoring}\n".encode()
    assert parse_place(data) == Place(control, monitoring)


@given(st.sets(st.integers(1, 2**31 - 1)))
def test_every_id_of_a_thread_is_read(threads):
    assert parse_threads("".join(f"{thread}\n" for thread in threads).encode()) == threads


def test_a_thread_of_another_pid_namespace_is_left_out():
    assert parse_threads(b"0\n7\n0\n") == {7}


@pytest.mark.parametrize("data", [b"-1\n", b"1 2\n", b"1_0\n", b"+5\n", b"x", b"1" * 5000])
def test_something_else_than_ids_is_refused(data):
    with pytest.raises(Malformed, match="ids of threads"):
        parse_threads(data)


@given(st.integers(0, 2**64 - 1))
def test_a_counter_is_its_number(value):
    assert parse_counter(b"%d\n" % value) == value


@pytest.mark.parametrize("word", [b"Unavailable\n", b"Unassigned\n", b"Error\n"])
def test_what_was_not_counted_is_no_number(word):
    assert parse_counter(word) is None


@pytest.mark.parametrize("data", [b"", b"\n", b"-5\n", b"1 2\n", b"unavailable\n", b"9" * 30])
def test_a_counter_of_another_form_is_refused(data):
    with pytest.raises(Malformed, match="Unavailable, Unassigned or Error"):
        parse_counter(data)


def test_features_are_those_that_are_measured():
    data = b"llc_occupancy\nmbm_total_bytes\nmbm_total_bytes_config\nmbm_local_bytes\nnew_one\n"
    assert parse_features(data) == EVENTS
    assert parse_features(b"mbm_local_bytes\nllc_occupancy\n") == (EVENTS[0], EVENTS[2])
    assert parse_features(b"") == ()


def test_domains_are_those_of_l3_by_their_number():
    names = ["mon_L3_10", "mon_L3_02", "mon_PERF_PKG_00", "mon_sub_L3_00", "mon_L3_x", "mon_L3_"]
    assert l3_domains(names) == ["mon_L3_02", "mon_L3_10"]


@given(st.binary())
@pytest.mark.parametrize("parse", [parse_place, parse_threads, parse_counter, parse_features])
def test_any_bytes_give_a_value_or_are_refused(parse, data):
    with contextlib.suppress(Malformed):
        parse(data)


@given(st.lists(st.text()))
def test_any_names_of_folders_give_domains(names):
    assert set(l3_domains(names)) <= set(names)


@pytest.fixture
def tree(tmp_path, request):
    KernelTree(tmp_path, "v2")
    return ResctrlTree(tmp_path, **getattr(request, "param", {}))


@pytest.mark.parametrize("tree", [{}, {"tells_places": False}], indirect=True)
def test_a_thread_is_found_where_it_is_on_old_and_new_kernels(tree):
    resctrl = find_resctrl(tree)
    for folder in ("c1", "c1/mon_groups/m", "mon_groups/m"):
        tree.make(f"/sys/fs/resctrl/{folder}")
    for thread in (1, 2, 3, 4):
        tree.start(thread)
    tree.move(2, Place("c1", ""))
    tree.move(3, Place("c1", ""))
    tree.move(3, Place("c1", "m"))
    tree.move(4, Place("", "m"))
    assert resctrl.places_of([1, 2, 3, 4, 99]) == {
        Place("", ""): {1},
        Place("c1", ""): {2},
        Place("c1", "m"): {3},
        Place("", "m"): {4},
    }
    assert resctrl.threads(Place("c1", "")) == {2, 3}
    assert resctrl.threads(Place("c2", "")) is None
    assert set(resctrl.all_monitoring_groups()) == {Place("", "m"), Place("c1", "m")}


def test_a_file_of_threads_that_makes_no_sense_is_not_taken_for_a_group_that_is_gone(tree):
    tree._write("/sys/fs/resctrl/tasks", "nonsense\n")
    with pytest.raises(Malformed):
        find_resctrl(tree).threads(Place("", ""))


def test_resctrl_is_found_where_it_is_mounted(tmp_path):
    tree = KernelTree(tmp_path, "v2")
    tree.write("/proc/self/mountinfo", "9 1 0:9 / /mnt/rdt rw - resctrl resctrl rw,cdp\n")
    assert find_resctrl(ResctrlFiles(str(tmp_path))).point == "/mnt/rdt"


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ("nodev\tresctrl\n", "resctrl is not mounted: mount -t resctrl"),
        ("nodev\tproc\n", "this processor or kernel does not offer it"),
        (None, "this processor or kernel does not offer it"),
    ],
)
def test_without_resctrl_the_reason_says_what_to_do(tmp_path, known, reason):
    tree = KernelTree(tmp_path, "v2")
    if known is not None:
        tree.write("/proc/filesystems", known)
    with pytest.raises(NotAvailable, match=reason):
        find_resctrl(ResctrlFiles(str(tmp_path)))


def test_a_lock_is_held_by_one_until_it_is_given_back(tree):
    folder = "/sys/fs/resctrl/mon_groups"
    held = tree.lock(folder)
    assert tree.lock(folder) is None
    tree.unlock(held)
    again = tree.lock(folder)
    assert again is not None
    tree.unlock(again)


def test_the_threads_of_a_cgroup_are_those_of_the_groups_below_too(real_cgroups):
    for name in ("job", "job/one", "job/one/two"):
        path = real_cgroups.make(name)
        worker = real_cgroups.worker(path)
    worker.do(
        "import threading; [threading.Thread(target=time.sleep, args=(99,), daemon=True).start() for _ in range(3)]"
    )
    cgroup = real_cgroups.locate(f"{real_cgroups.parent}/job")
    for controller in ("cpu", "psi"):
        version, folder = cgroup.version(controller), cgroup.directory(controller)
        if version is not None:
            threads = cgroup_threads(Kernel(), folder, version)
            assert len(threads) == 6
            assert set(cgroup.procs(controller, recursive=True)) < threads


def test_a_cgroup_that_is_gone_has_no_threads_but_an_end(tmp_path):
    with pytest.raises(TargetGone):
        cgroup_threads(Kernel(), str(tmp_path / "none"), 2)


def test_a_process_that_nobody_has_asked_about_has_ended():
    with subprocess.Popen([sys.executable, "-IS", "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert not has_ended(Kernel(), child.pid)
        child.stdin.close()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert os.path.exists(f"/proc/{child.pid}")
        assert has_ended(Kernel(), child.pid)
    assert has_ended(Kernel(), child.pid)


def test_the_tree_refuses_what_the_kernel_refuses(tmp_path):
    """The same questions are asked of the real kernel in tests/vm/test_resctrl.py."""
    KernelTree(tmp_path, "v2")
    tree = ResctrlTree(tmp_path, num_rmids=32, num_closids=8, limbo=True)
    for thread in (100, 101):
        tree.start(thread)
    assert answers(tree, 100, 101) == ANSWERS
