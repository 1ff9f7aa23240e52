"""Tasks measured with resctrl, on a file system with the kernel's rules."""

import contextlib
import errno
import itertools
import logging
import os
import tempfile
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wca.abilities import ability_problems
from wca.collectors import NotAvailable, TargetGone
from wca.collectors.resctrl.counts import Growth
from wca.collectors.resctrl.names import group_name, is_ours
from wca.collectors.task_resctrl import TaskResctrlCollector
from wca.errors import StartError, WcaError
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.resctrl.files import ResctrlFiles
from wca.linux.resctrl.values import EVENTS, Place
from wca.metrics import CATALOGUE
from wca.nodes import Task
from wca.testing import FakeClock
from wca.testing.kernel import KernelTree
from wca.testing.resctrl import ResctrlTree

POINT = "/sys/fs/resctrl"
OCCUPANCY, TOTAL, LOCAL = EVENTS
LLC, ALL, NEAR, FAR = TaskResctrlCollector.emits
ROOT = Place("", "")


class Machine:
    """A machine with cgroup v2 and resctrl; one agent measures it."""

    def __init__(self, folder, **options):
        self.tree = KernelTree(folder, "v2")
        self.resctrl = ResctrlTree(folder, **options)
        self.clock = FakeClock()
        self.members = {}
        self.collector = self.agent()

    def agent(self, **options):
        return TaskResctrlCollector(files=self.resctrl, clock=self.clock, **options)

    def task(self, path, *threads):
        """A task with these threads, which begin in the root groups."""
        self.tree.add_task(path)
        self.members[path] = set()
        self.add(path, *threads)

    def add(self, path, *threads, parent=None):
        for thread in threads:
            self.resctrl.start(thread, parent=parent)
        self.set(path, self.members[path] | set(threads))

    def set(self, path, threads):
        self.members[path] = set(threads)
        folder = self.tree.groups(path)["v2"]
        self.tree.write(f"{folder}/cgroup.threads", "".join(f"{t}\n" for t in sorted(threads)))

    def attach(self, path, collector=None):
        cgroup = CgroupHierarchies(self.tree.kernel).locate(path)
        task = Task(path, path.lstrip("/"), path)
        target = SimpleNamespace(task=task, cgroup=cgroup, node=self.tree.kernel)
        return (collector or self.collector).attach(target)

    def count(self, place, occupancy=0, total=0, local=0):
        for event, value in zip(EVENTS, (occupancy, total, local), strict=True):
            self.resctrl.count(place, event, *(value if isinstance(value, tuple) else (value,)))


def read(probe):
    out = {}
    probe.read(out)
    return out


@pytest.fixture
def machine(tmp_path, request):
    return Machine(tmp_path, **getattr(request, "param", {}))


def ours(name, control=""):
    return Place(control, group_name(name))


# What is measured


def test_the_numbers_are_the_sums_over_domains_and_remote_is_the_rest(machine):
    machine.task("/job", 100)
    probe = machine.attach("/job")
    read(probe)
    machine.count(ours("job"), occupancy=(10, 20), total=(300, 400), local=(100, 50))
    assert read(probe) == {LLC: 30, ALL: 700, NEAR: 150, FAR: 550}


def test_what_is_measured_is_what_is_said_and_the_catalogue_knows(machine):
    machine.task("/job", 100)
    assert read(machine.attach("/job")).keys() == set(TaskResctrlCollector.emits)
    assert set(TaskResctrlCollector.emits) <= CATALOGUE.keys()
    assert TaskResctrlCollector.blocking
    assert not ability_problems(machine.collector)


@pytest.mark.parametrize(
    "machine",
    [
        {"domains": (0, 1, 2, 3, 17, 128)},  # AMD: ids of L3 caches
        {"clusters": 2},  # sub-NUMA clusters have folders of their own in each domain
        {"code_and_data": True},
        {"assignable": True},
        {"tells_places": False},
    ],
    indirect=True,
)
def test_every_kind_of_machine_is_summed_once(machine):
    machine.task("/job", 100)
    probe = machine.attach("/job")
    read(probe)
    machine.count(ours("job"), occupancy=1000, total=50, local=20)
    count = len(machine.resctrl._domains)
    assert read(probe) == {LLC: 1000 * count, ALL: 50 * count, NEAR: 20 * count, FAR: 30 * count}


@pytest.mark.parametrize(
    ("machine", "names"),
    [
        ({"events": (OCCUPANCY,)}, {LLC}),
        ({"events": (OCCUPANCY, TOTAL)}, {LLC, ALL}),
        ({"events": (LOCAL,)}, {NEAR}),
    ],
    indirect=["machine"],
)
def test_what_the_processor_does_not_count_is_absent(machine, names):
    machine.task("/job", 100)
    assert read(machine.attach("/job")).keys() == names


@pytest.mark.parametrize("word", ["Unavailable", "Unassigned", "Error"])
def test_a_sum_of_which_one_domain_says_nothing_is_absent_and_what_was_counted_stays(machine, word):
    machine.task("/job", 100)
    probe = machine.attach("/job")
    machine.count(ours("job"), 1, 1, 1) if ours("job") in machine.resctrl.groups() else None
    read(probe)
    machine.count(ours("job"), occupancy=5, total=(1000, 100), local=(10, 10))
    before = read(probe)
    machine.count(ours("job"), occupancy=5, total=(1500, word), local=(20, 20))
    assert read(probe) == {LLC: 10, NEAR: 40}
    machine.count(ours("job"), occupancy=(word, 5), total=(2000, 3), local=(30, 30))
    after = read(probe)
    # The second domain counted from zero: what it says is where it goes on from.
    assert after == {ALL: before[ALL] + 1000, NEAR: 60, FAR: before[FAR]}
    machine.count(ours("job"), occupancy=1, total=(2000, 10), local=(30, 30))
    assert read(probe)[ALL] == after[ALL] + 7


def test_remote_goes_on_with_both_after_a_gap_of_one(machine):
    machine.task("/job", 100)
    probe = machine.attach("/job")
    read(probe)
    machine.count(ours("job"), total=(1000, 0), local=(200, 0))
    assert read(probe)[FAR] == 800
    machine.count(ours("job"), total=("Unassigned", 0), local=(900, 0))
    assert FAR not in read(probe)
    machine.count(ours("job"), total=(5000, 0), local=(1000, 0))
    assert read(probe)[FAR] == 800
    machine.count(ours("job"), total=(5500, 0), local=(1100, 0))
    assert read(probe)[FAR] == 1200


def test_local_bytes_read_a_moment_later_do_not_let_remote_go_back(machine):
    machine.task("/job", 100)
    probe = machine.attach("/job")
    read(probe)
    machine.count(ours("job"), total=1000, local=900)
    assert read(probe)[FAR] == 200
    machine.count(ours("job"), total=1010, local=1005)
    assert read(probe)[FAR] == 200


def test_a_counter_that_begins_anew_is_no_jump_and_no_step_back(machine):
    machine.task("/job", 100)
    probe = machine.attach("/job")
    read(probe)
    machine.count(ours("job"), total=10**15, local=10**14)
    before = read(probe)
    machine.count(ours("job"), total=500, local=50)
    assert read(probe)[ALL] == before[ALL]
    machine.count(ours("job"), total=700, local=60)
    assert read(probe)[ALL] == before[ALL] + 400


@given(st.lists(st.none() | st.integers(0, 2**64), max_size=30), st.none() | st.just(0))
def test_growth_is_never_negative_and_never_more_than_the_counter_moved(values, first):
    growth = Growth(first)
    for value, before in zip(values, [first, *values], strict=False):
        by = growth.take(value)
        assert by >= 0
        assert by == 0 or (before is not None and value == before + by)


def test_a_domain_that_goes_offline_leaves_the_sum_and_takes_nothing_back(machine):
    machine.task("/job", 100)
    probe = machine.attach("/job")
    read(probe)
    machine.count(ours("job"), occupancy=(5, 6), total=(100, 200), local=0)
    assert read(probe)[ALL] == 300
    machine.resctrl.switch_off(1)
    assert read(probe) == {LLC: 5, ALL: 300, NEAR: 0, FAR: 300}


def test_a_domain_that_appears_later_is_no_jump(machine):
    machine.task("/job", 100)
    probe = machine.attach("/job")
    read(probe)
    machine.count(ours("job"), total=100, local=50)
    assert read(probe)[ALL] == 200
    folder = f"{POINT}/mon_groups/{group_name('job')}/mon_data/mon_L3_02"
    for by in (0, 7):
        for event, value in ((OCCUPANCY, 5), (TOTAL, 10**12 + by), (LOCAL, 10**11)):
            machine.tree.write(f"{folder}/{event}", f"{value}\n")
        assert read(probe) == {LLC: 5, ALL: 200 + by, NEAR: 100, FAR: 100 + by}


def test_the_threads_of_a_task_are_read_through_the_machine_that_it_is_on(machine):
    machine.task("/job", 100)
    probe = machine.attach("/job")
    before = machine.tree.kernel.calls.reads
    read(probe)
    assert machine.tree.kernel.calls.reads > before


def test_a_file_that_makes_no_sense_costs_its_own_numbers(machine):
    machine.task("/job", 100)
    probe = machine.attach("/job")
    read(probe)
    machine.count(ours("job"), occupancy=7, total="nonsense", local=3)
    for _ in range(2):
        out = {}
        with pytest.raises(
            WcaError, match="mon_L3_00/mbm_total_bytes: expected a number"
        ) as raised:
            probe.read(out)
        assert not isinstance(raised.value, NotAvailable)
        assert out == {LLC: 14, NEAR: 6}
    machine.count(ours("job"), occupancy=7, total=100, local=3)
    assert read(probe)[ALL] == 200


def test_a_tasks_file_that_makes_no_sense_is_a_failure_and_no_end(machine):
    machine.task("/job", 100)
    probe = machine.attach("/job")
    read(probe)
    machine.tree.write(f"{POINT}/mon_groups/{group_name('job')}/tasks", "nonsense\n")
    with pytest.raises(WcaError, match="expected the ids of threads") as raised:
        read(probe)
    assert not isinstance(raised.value, NotAvailable)


# Where the group is, and who is in it


@pytest.mark.parametrize("machine", [{}, {"tells_places": False}], indirect=True)
def test_the_group_lies_in_the_control_group_of_the_task_so_that_its_allocation_stays(machine):
    machine.resctrl.make(f"{POINT}/gold")
    machine.task("/job", 100, 101)
    for thread in (100, 101):
        machine.resctrl.move(thread, Place("gold", ""))
    before = machine.resctrl.closid(100)
    read(machine.attach("/job"))
    assert machine.resctrl.place(100) == machine.resctrl.place(101) == ours("job", "gold")
    assert machine.resctrl.closid(100) == before != 0
    assert machine.resctrl.groups() == {Place("gold", ""), ours("job", "gold")}


def test_a_task_in_two_control_groups_has_a_group_in_each_and_their_sum(machine):
    machine.resctrl.make(f"{POINT}/gold")
    machine.task("/job", 100, 101)
    machine.resctrl.move(101, Place("gold", ""))
    probe = machine.attach("/job")
    read(probe)
    machine.count(ours("job"), occupancy=1, total=10, local=10)
    machine.count(ours("job", "gold"), occupancy=2, total=20, local=20)
    assert read(probe) == {LLC: 6, ALL: 60, NEAR: 60, FAR: 0}


def test_only_what_is_new_is_written(machine):
    machine.task("/job", 100, 101)
    probe = machine.attach("/job")
    read(probe)
    assert sorted(thread for _, thread in machine.resctrl.written) == [100, 101]
    machine.resctrl.written.clear()
    for _ in range(3):
        read(probe)
    machine.add("/job", 102, parent=100)  # it inherits the group
    read(probe)
    assert machine.resctrl.written == []
    machine.add("/job", 103)  # it was moved into the cgroup from elsewhere
    read(probe)
    assert machine.resctrl.written == [(f"{POINT}/mon_groups/{group_name('job')}/tasks", 103)]


def test_a_thread_that_ends_at_this_moment_is_no_error(machine, monkeypatch):
    machine.task("/job", 100, 101)
    write_each = machine.resctrl.write_each

    def end_first(path, threads):
        monkeypatch.undo()
        machine.set("/job", {101})
        machine.resctrl.end(100)
        return write_each(path, threads)

    monkeypatch.setattr(machine.resctrl, "write_each", end_first)
    assert read(machine.attach("/job"))[LLC] == 0
    assert machine.resctrl.place(101) == ours("job")
    assert machine.collector.waiting == {}


def test_a_move_to_another_control_group_is_followed_and_the_totals_go_on(machine):
    machine.resctrl.make(f"{POINT}/gold")
    machine.task("/job", 100, 101)
    probe = machine.attach("/job")
    read(probe)
    machine.count(ours("job"), total=1000, local=100)
    before = read(probe)
    machine.resctrl.move(100, Place("gold", ""))  # the allocator is half-way
    machine.count(ours("job"), total=1100, local=110)
    assert read(probe)[ALL] == before[ALL] + 200
    machine.resctrl.move(101, Place("gold", ""))
    read(probe)
    assert machine.resctrl.groups() == {Place("gold", ""), ours("job", "gold")}
    machine.count(ours("job", "gold"), total=50, local=5)
    assert read(probe)[ALL] == before[ALL] + 300


def test_a_control_group_that_is_removed_takes_its_group_along_and_a_new_one_is_made(machine):
    machine.resctrl.make(f"{POINT}/gold")
    machine.task("/job", 100)
    machine.resctrl.move(100, Place("gold", ""))
    probe = machine.attach("/job")
    read(probe)
    machine.count(ours("job", "gold"), total=10, local=1)
    before = read(probe)
    machine.resctrl.remove(f"{POINT}/gold")
    assert read(probe)[ALL] == before[ALL]
    assert machine.resctrl.groups() == {ours("job")}


def test_a_group_that_somebody_removed_is_made_again(machine):
    machine.task("/job", 100)
    probe = machine.attach("/job")
    read(probe)
    machine.count(ours("job"), total=10, local=1)
    before = read(probe)
    machine.resctrl.remove(f"{POINT}/mon_groups/{group_name('job')}")
    assert read(probe) == {**before, LLC: 0}
    assert machine.resctrl.place(100) == ours("job")


def test_a_process_that_left_the_cgroup_goes_back_to_the_control_group(machine):
    machine.resctrl.make(f"{POINT}/gold")
    machine.task("/job", 100)
    machine.resctrl.move(100, Place("gold", ""))
    probe = machine.attach("/job")
    read(probe)
    machine.resctrl.start(200, parent=100)  # as an agent starts what it puts elsewhere
    machine.resctrl.start(201, parent=100)
    machine.resctrl.move(201, ROOT)
    read(probe)
    assert machine.resctrl.place(200) == Place("gold", "")
    assert machine.resctrl.place(201) == ROOT
    assert machine.resctrl.place(100) == ours("job", "gold")


def test_a_task_without_threads_has_no_group_and_no_numbers(machine):
    machine.task("/job")
    probe = machine.attach("/job")
    assert read(probe) == {}
    assert machine.resctrl.groups() == set()
    machine.add("/job", 100)
    assert read(probe).keys() == set(TaskResctrlCollector.emits)
    machine.count(ours("job"), total=10)
    machine.set("/job", ())
    machine.resctrl.end(100)
    assert read(probe)[ALL] == 20


# Groups of others


def test_a_foreign_group_that_holds_the_task_is_read_and_left_alone(machine):
    machine.task("/job", 100)
    machine.resctrl.make(f"{POINT}/mon_groups/theirs")
    machine.resctrl.move(100, Place("", "theirs"))
    machine.count(Place("", "theirs"), occupancy=1, total=500, local=400)
    machine.resctrl.written.clear()
    probe = machine.attach("/job")
    assert read(probe) == {LLC: 2, ALL: 1000, NEAR: 800, FAR: 200}
    probe.close()
    machine.collector.close()
    assert machine.resctrl.written == []
    assert machine.resctrl.groups() == {Place("", "theirs")}
    assert machine.resctrl.place(100) == Place("", "theirs")


def test_a_foreign_group_that_holds_others_too_says_nothing_of_the_task(machine):
    machine.task("/job", 100)
    machine.resctrl.start(7)
    machine.resctrl.make(f"{POINT}/mon_groups/theirs")
    for thread in (7, 100):
        machine.resctrl.move(thread, Place("", "theirs"))
    probe = machine.attach("/job")
    assert read(probe) == {}
    assert "mon_groups/theirs" in machine.collector.waiting["job"]
    assert machine.collector.unmeasured == {"job": "shared_group"}
    machine.resctrl.end(7, reaped=False)
    assert read(probe).keys() == set(TaskResctrlCollector.emits)
    assert machine.collector.waiting == {}


def test_what_a_foreign_group_counts_while_it_holds_others_is_not_the_tasks(machine):
    machine.task("/job", 100)
    machine.resctrl.make(f"{POINT}/mon_groups/theirs")
    machine.resctrl.move(100, Place("", "theirs"))
    machine.count(Place("", "theirs"), total=10, local=10)
    probe = machine.attach("/job")
    assert read(probe)[ALL] == 20
    machine.resctrl.start(7)
    machine.resctrl.move(7, Place("", "theirs"))
    machine.count(Place("", "theirs"), total=10**9, local=10**9)
    assert read(probe) == {}
    machine.resctrl.end(7)
    assert read(probe)[ALL] == 20
    machine.count(Place("", "theirs"), total=10**9 + 1, local=10**9)
    assert read(probe)[ALL] == 22


def test_a_process_that_a_task_starts_for_another_task_is_counted_there(machine):
    for path, thread in (("/a", 100), ("/b", 101)):
        machine.task(path, thread)
    first, second = machine.attach("/a"), machine.attach("/b")
    read(first), read(second)
    machine.add("/a", 102, parent=101)
    assert read(first) == {}  # it is in the group of the other one until that one looks
    assert read(second)
    assert read(first)
    assert machine.resctrl.place(102) == ours("a")


@pytest.mark.parametrize("machine", [{"num_rmids": 3}], indirect=True)
def test_a_task_that_is_moved_uses_the_group_that_it_has_when_there_is_no_other(machine):
    machine.resctrl.make(f"{POINT}/gold")
    machine.task("/job", 100)
    probe = machine.attach("/job")
    read(probe)
    machine.count(ours("job"), total=10)
    before = read(probe)
    machine.resctrl.move(100, Place("gold", ""))
    assert read(probe) == {}
    assert read(probe) == {**before, LLC: 0}
    assert machine.resctrl.place(100) == ours("job", "gold")


def test_what_a_foreign_group_counted_before_it_got_the_task_is_not_the_tasks(machine):
    machine.task("/job", 100)
    probe = machine.attach("/job")
    read(probe)
    machine.count(ours("job"), total=10, local=10)
    read(probe)
    machine.resctrl.make(f"{POINT}/mon_groups/theirs")
    machine.count(Place("", "theirs"), total=10**12, local=10**12)
    machine.resctrl.move(100, Place("", "theirs"))
    assert read(probe)[ALL] == 20
    machine.count(Place("", "theirs"), total=10**12 + 5, local=10**12)
    assert read(probe)[ALL] == 30


def test_a_container_leaves_the_group_of_its_pod_which_then_reads_both(machine):
    machine.task("/pod", 100, 101)
    machine.task("/pod/one")
    pod = machine.attach("/pod")
    read(pod)
    machine.members["/pod"] = {100}
    machine.set("/pod", {100})
    machine.set("/pod/one", {101})
    one = machine.attach("/pod/one")
    for _ in range(2):
        read(pod), read(one)
    machine.count(ours("pod"), occupancy=1, total=100)
    machine.count(ours("pod/one"), occupancy=2, total=10)
    machine.resctrl.written.clear()
    assert (read(pod)[LLC], read(one)[LLC]) == (6, 4)
    assert (read(pod)[ALL], read(one)[ALL]) == (220, 20)
    assert machine.resctrl.written == []


# Too few groups


@pytest.mark.parametrize("machine", [{"num_rmids": 3}], indirect=True)
def test_without_a_free_group_a_task_waits_and_the_others_go_on(machine, caplog):
    probes = {}
    for index, path in enumerate(("/a", "/b", "/c", "/d")):
        machine.task(path, 100 + index)
        probes[path] = machine.attach(path)
    with caplog.at_level(logging.INFO):
        measured = {path: bool(read(probe)) for path, probe in probes.items()}
        for _ in range(3):
            assert {path: bool(read(probe)) for path, probe in probes.items()} == measured
    assert measured == {"/a": True, "/b": True, "/c": False, "/d": False}
    assert machine.collector.waiting == dict.fromkeys(
        ("c", "d"), "all 3 monitoring groups are in use"
    )
    assert [record.message for record in caplog.records] == [
        "task c has no numbers of resctrl for now: all 3 monitoring groups are in use"
    ]
    assert machine.collector.unmeasured == {"c": "exhausted", "d": "exhausted"}
    probes["/a"].close()
    assert read(probes["/c"])
    assert machine.collector.waiting.keys() == {"d"}
    assert machine.collector.unmeasured == {"d": "exhausted"}


@pytest.mark.parametrize("machine", [{"num_rmids": 2, "limbo": True}], indirect=True)
def test_a_group_in_limbo_is_waited_for(machine):
    machine.task("/a", 100)
    machine.task("/b", 101)
    first, second = machine.attach("/a"), machine.attach("/b")
    assert read(first)
    first.close()
    assert read(second) == {}
    assert "max_threshold_occupancy" in machine.collector.waiting["b"]
    machine.resctrl.drain()
    assert read(second) == {}  # not asked for at every reading
    machine.clock.advance(10)
    assert read(second)


@pytest.mark.parametrize("machine", [{"num_rmids": 3, "num_closids": 3}], indirect=True)
def test_a_task_of_which_one_part_has_no_group_has_no_numbers(machine):
    machine.resctrl.make(f"{POINT}/gold")
    machine.task("/job", 100, 101)
    machine.resctrl.move(101, Place("gold", ""))
    probe = machine.attach("/job")
    for _ in range(3):
        assert read(probe) == {}
        machine.clock.advance(10)
    assert "in use" in machine.collector.waiting["job"]
    assert len(machine.resctrl.written) == 2  # one move of the test, and one into our group


# Former runs


def killed(machine, path):
    """An agent measures a task and ends without cleaning up."""
    agent = machine.agent()
    read(machine.attach(path, agent))
    os.close(agent._lock)


def test_the_group_of_a_former_run_is_taken_over_with_its_count(machine):
    machine.task("/job", 100)
    killed(machine, "/job")
    machine.count(ours("job"), occupancy=3, total=500, local=500)
    machine.resctrl.written.clear()
    assert read(machine.attach("/job")) == {LLC: 6, ALL: 1000, NEAR: 1000, FAR: 0}
    assert machine.resctrl.written == []


def test_groups_of_a_former_run_that_nobody_uses_are_removed_and_no_others(machine):
    machine.resctrl.make(f"{POINT}/gold")
    for path, thread in (("/gone", 100), ("/moved", 101), ("/job", 102)):
        machine.task(path, thread)
        killed(machine, path)
    machine.resctrl.make(f"{POINT}/gold/mon_groups/{group_name('gone')}")
    machine.resctrl.make(f"{POINT}/mon_groups/theirs")
    machine.resctrl.move(101, Place("gold", ""))
    probes = [machine.attach("/job"), machine.attach("/moved")]
    for _ in range(2):
        for probe in probes:
            read(probe)
        machine.clock.advance(60)
    assert machine.resctrl.groups() == {
        Place("gold", ""),
        Place("", "theirs"),
        ours("job"),
        ours("moved", "gold"),
    }
    assert machine.resctrl.place(100) == ROOT


def test_whoever_only_looks_whether_a_task_can_be_measured_removes_nothing(machine):
    machine.task("/gone", 100)
    killed(machine, "/gone")
    machine.resctrl.end(100)
    machine.task("/job", 101)
    machine.attach("/job").close()
    machine.collector.close()
    assert machine.resctrl.groups() == {ours("gone")}


@pytest.mark.parametrize("machine", [{"num_rmids": 3}], indirect=True)
def test_an_empty_group_of_a_former_run_makes_room_at_once_when_there_is_none(machine):
    for path, thread in (("/gone", 100), ("/later", 101)):
        machine.task(path, thread)
        killed(machine, path)
    machine.resctrl.end(100)
    machine.count(ours("later"), total=100)
    machine.task("/job", 102)
    assert read(machine.attach("/job"))
    # The other one is not empty: its task has not been seen yet.
    assert read(machine.attach("/later"))[ALL] == 200


def test_only_one_agent_measures_at_a_time(machine):
    machine.task("/job", 100)
    machine.attach("/job")
    other = machine.agent()
    with pytest.raises(NotAvailable, match="another WCA agent measures with resctrl"):
        machine.attach("/job", other)
    machine.collector.close()
    machine.attach("/job", other)


# Whatever happens

PLACES = [ROOT, Place("gold", ""), Place("", "theirs"), Place("gold", "theirs")]
STEPS = st.one_of(
    st.tuples(st.just("move"), st.integers(100, 104), st.sampled_from(PLACES)),
    st.tuples(st.just("fork"), st.integers(100, 104), st.sampled_from(["a", "b", "none"])),
    st.tuples(st.just("end"), st.integers(100, 104), st.none()),
    st.tuples(st.just("count"), st.integers(0, 1000), st.sampled_from(EVENTS)),
    st.tuples(st.just("remove"), st.sampled_from("ab"), st.sampled_from(["", "gold"])),
)


def take_step(machine, kind, subject, value):
    """One thing that others do to the machine; what is not possible now is left out."""
    threads = machine.resctrl._threads
    if kind == "move" and subject in threads:
        with contextlib.suppress(OSError):
            machine.resctrl.move(subject, value)
    elif kind == "fork" and subject in threads:
        new = max(threads) + 1
        machine.resctrl.start(new, parent=subject)
        if value != "none":
            machine.set(f"/{value}", machine.members[f"/{value}"] | {new})
    elif kind == "end" and subject in threads:
        for path, members in list(machine.members.items()):
            machine.set(path, members - {subject})
        machine.resctrl.end(subject)
    elif kind == "count":
        for place in machine.resctrl.groups():
            machine.resctrl.count(place, value, subject)
    elif kind == "remove" and ours(subject, value) in machine.resctrl.groups():
        machine.resctrl.remove(machine.collector._groups.resctrl.folder(ours(subject, value)))


@settings(max_examples=40, deadline=None)
@given(st.lists(STEPS, max_size=25), st.integers(5, 9))
def test_no_reading_changes_what_a_thread_may_use_or_lets_a_counter_go_back(steps, num_rmids):
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(folder, num_rmids=num_rmids)
        for place in PLACES[1:]:
            machine.resctrl.make(machine.resctrl._folder(place))
        machine.task("/a", 100, 101)
        machine.task("/b", 102)
        probes = {name: machine.attach(f"/{name}") for name in "ab"}
        last = {name: {} for name in probes}
        for step in [("count", 0, EVENTS[0]), *steps]:
            take_step(machine, *step)
            before = {thread: machine.resctrl.closid(thread) for thread in machine.resctrl._threads}
            theirs = {t for t in before if machine.resctrl.place(t).monitoring == "theirs"}
            for name, probe in probes.items():
                out = read(probe)
                for metric in (ALL, NEAR, FAR):
                    assert out.get(metric, last[name].get(metric, 0)) >= last[name].get(metric, 0)
                last[name] |= out
                if out:  # every thread is counted, in a group of the task alone
                    for thread in machine.members[f"/{name}"]:
                        assert machine.resctrl.place(thread).monitoring in ("theirs", f"wca-{name}")
            assert before == {thread: machine.resctrl.closid(thread) for thread in before}
            assert theirs == {t for t in before if machine.resctrl.place(t).monitoring == "theirs"}
        for probe in probes.values():
            probe.close()
        machine.collector.close()
        assert machine.resctrl.groups() == set(PLACES[1:])


def test_an_agent_that_fails_at_the_beginning_does_not_keep_others_from_measuring(
    machine, monkeypatch
):
    machine.task("/job", 100)
    asked, real = [], machine.resctrl.read

    def fail_later(path):
        asked.extend([path] if "mon_features" in path else [])
        if len(asked) > 1:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(path)

    broken = machine.agent()
    with monkeypatch.context() as patched:
        patched.setattr(machine.resctrl, "read", fail_later)
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            machine.attach("/job", broken)
    read(machine.attach("/job", machine.agent()))
    broken.close()


# The end


def test_closing_removes_our_groups_and_leaves_the_allocation(machine):
    machine.resctrl.make(f"{POINT}/gold")
    machine.task("/job", 100, 101)
    machine.resctrl.move(101, Place("gold", ""))
    probe = machine.attach("/job")
    read(probe)
    opened = len(os.listdir("/proc/self/fd"))
    probe.close()
    probe.close()
    machine.collector.close()
    machine.collector.close()
    assert machine.resctrl.groups() == {Place("gold", "")}
    assert machine.resctrl.place(101) == Place("gold", "")
    assert len(os.listdir("/proc/self/fd")) == opened - 2 * 6 - 1


def test_a_collector_that_closes_first_leaves_no_group(machine):
    machine.task("/job", 100)
    probe = machine.attach("/job")
    read(probe)
    machine.collector.close()
    probe.close()
    assert machine.resctrl.groups() == set()


def test_a_task_that_was_replaced_keeps_the_group_of_the_new_one(machine):
    machine.task("/job", 100)
    old = machine.attach("/job")
    read(old)
    new = machine.attach("/job")
    read(new)
    old.close()
    assert machine.resctrl.place(100) == ours("job")
    new.close()
    assert machine.resctrl.groups() == set()


def test_a_task_that_is_gone_is_gone(machine):
    machine.task("/job", 100)
    probe = machine.attach("/job")
    read(probe)
    machine.tree.remove_task("/job")
    with pytest.raises(TargetGone):
        read(probe)
    with pytest.raises(TargetGone):
        machine.attach("/job")


# Machines that cannot be measured


def plain(folder):
    tree = KernelTree(folder, "v2")
    tree.write("/proc/filesystems", "nodev\tresctrl\n")
    return ResctrlFiles(str(folder))


def unmonitored(folder):
    KernelTree(folder, "v2")
    return ResctrlTree(folder, events=())


def unwritable(folder):
    KernelTree(folder, "v2")
    files = ResctrlTree(folder)
    files.writable = lambda path: False
    return files


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (plain, "resctrl is not mounted: mount -t resctrl"),
        (unmonitored, "counts neither L3 occupancy nor memory bandwidth"),
        (unwritable, "run the agent as root and mount resctrl for writing"),
    ],
)
def test_where_it_cannot_be_measured_required_decides_whether_that_is_an_error(
    tmp_path, build, reason
):
    files = build(tmp_path)
    wanted = TaskResctrlCollector(files=files)
    assert wanted.check() == []
    wanted.start()
    with pytest.raises(NotAvailable, match=reason):
        wanted.attach(SimpleNamespace())
    needed = TaskResctrlCollector(required=True, files=files)
    assert needed.check()[0].startswith("resctrl is required, but not available: ")
    with pytest.raises(StartError, match=reason):
        needed.start()


def test_where_it_can_be_measured_required_changes_nothing(machine):
    for agent in (machine.agent(), machine.agent(required=True)):
        assert agent.check() == []
        agent.start()


@pytest.mark.parametrize("call", ["make", "write_each"])
def test_a_right_that_is_missing_is_no_failure_but_a_state(machine, call, monkeypatch):
    def refuse(path, *_):
        raise PermissionError(errno.EPERM, "no")

    machine.task("/job", 100)
    monkeypatch.setattr(machine.resctrl, call, refuse)
    with pytest.raises(NotAvailable, match="run the agent as root"):
        read(machine.attach("/job"))


def test_an_error_that_nobody_expects_is_a_failure(machine, monkeypatch):
    def refuse(path):
        raise OSError(errno.EIO, "no")

    machine.task("/job", 100)
    monkeypatch.setattr(machine.resctrl, "make", refuse)
    with pytest.raises(OSError, match="no"):
        read(machine.attach("/job"))


# Names


@given(st.text(), st.text())
def test_two_tasks_never_share_a_name_and_every_name_is_one_of_a_folder(one, other):
    names = [group_name(one), group_name(other)]
    assert (names[0] == names[1]) == (one == other)
    for name in names:
        assert is_ours(name)
        assert len(name.encode()) <= 120
        assert not set(name) & {"/", "\n", "\0"}


def test_long_ids_that_begin_alike_have_names_of_their_own():
    ids = ["a" * 300 + tail for tail in ("", "b", "c")]
    assert len({group_name(one) for one in ids}) == 3
    short = list(map(group_name, ["a", "a b", "a%20b", "a/b", "a=b"]))
    assert len(set(short)) == 5
    for one, other in itertools.combinations([*short, *map(group_name, ids)], 2):
        assert one != other
