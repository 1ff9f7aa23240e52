"""What was there before the agent can be given back, by what allocators are shown of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.allocations.acting import Acting, Group
from tests.allocations.kernel_stand_in import Kernel
from wca.allocations.encoding import Machine
from wca.allocations.envelope import Envelope
from wca.allocators import AllocationType
from wca.detectors import TaskData

T = AllocationType
#: An allocator that may do nothing any more but give back.
SPENT = {"shrink_pause": 600.0, "grow_pause": 600.0, "grow_step": 0.0, "decisions_per_day": 1}


class Node:
    """One task on a stand-in of the kernel."""

    def __init__(self, version, files, *, cpus=2, decides=True, below=(), **envelope):
        self.kernel, self.version = Kernel(), version
        for folder, content in files.items():
            self.kernel.put(folder, content)
        self.acting = Acting(
            lambda path: Group(path, version),
            files=self.kernel,
            cpus=cpus,
            decides=decides,
            envelope=Envelope(**envelope),
        )
        self.task = TaskData("t", "t", "/t")
        self.task.subcgroups_paths = list(below)
        self.acting.tasks = {"t": self.task}

    def shown(self):
        return self.acting.groups.read(self.task)

    def ask(self, type_, value, after=0.0):
        self.acting.now += after
        return self.acting.ask({"t": {type_: value}})["t", type_]

    def text(self, name):
        return next(text for path, text in self.kernel.files.items() if path.endswith(f"/{name}"))


PERIOD, QUOTA = "cpu.cfs_period_us", "cpu.cfs_quota_us"


@pytest.mark.parametrize(
    ("version", "folder", "content", "type_", "value"),
    [
        (1, "/cg/cpu/t", {PERIOD: "50000", QUOTA: "-1"}, T.QUOTA, 0.1),
        (1, "/cg/cpu/t", {PERIOD: "250000", QUOTA: "-1"}, T.QUOTA, 0.1),
        (1, "/cg/cpu/t", {PERIOD: "50000", QUOTA: "30001"}, T.QUOTA, 0.1),
        (2, "/cg/t", {"cpu.max": "max 50000"}, T.QUOTA, 0.1),
        (2, "/cg/t", {"cpu.max": "70007 70000"}, T.QUOTA, 0.1),
        (2, "/cg/t", {"cpuset.cpus": ""}, T.CPUSET_CPUS, "0"),
        (2, "/cg/t", {"cpuset.mems": ""}, T.CPUSET_MEMS, "0"),
        (1, "/cg/cpu/t", {"cpu.shares": "2"}, T.CPU_WEIGHT, 10),
        (1, "/cg/cpu/t", {"cpu.shares": "1000"}, T.CPU_WEIGHT, 10),
        (2, "/cg/t", {"cpu.weight": "17"}, T.SHARES, 0.002),
        (1, "/cg/cpu/t", {"cpu.cfs_burst_us": "7"}, T.CPU_BURST, 0.0),
        (2, "/cg/t", {"memory.max": "max"}, T.MEMORY_MAX, 1 << 30),
    ],
)
def test_what_an_allocator_was_shown_is_given_back_as_it_was(
    version, folder, content, type_, value
):
    node = Node(version, {folder: content}, **SPENT | {"grow_step": 100.0})
    before, files = node.shown()[type_], dict(node.kernel.files)
    assert node.ask(type_, before) == "unchanged"
    if node.ask(type_, value) != "unchanged":
        assert node.kernel.files != files
    assert node.ask(type_, before, after=1) in ("applied", "unchanged")
    assert node.kernel.files == files
    assert node.acting.journal.entries() == []


def test_all_cpus_are_what_a_group_without_a_list_has():
    node = Node(2, {"/cg/t": {"cpuset.cpus": ""}}, cpus=4, **SPENT)
    assert node.ask(T.CPUSET_CPUS, "0-3") == "unchanged"
    assert node.ask(T.CPUSET_CPUS, "0") == "applied"
    assert node.ask(T.CPUSET_CPUS, [0, 1, 2, 3]) == "applied"
    assert node.text("cpuset.cpus") == ""


def test_an_empty_list_becomes_that_of_the_group_above_which_the_kernel_takes_with_processes():
    node = Node(2, {"/cg/t": {"cpuset.cpus": ""}, "/cg": {"cpuset.cpus.effective": "0-3"}}, cpus=4)
    assert node.ask(T.CPUSET_CPUS, "0") == "applied"
    assert node.ask(T.CPUSET_CPUS, "") == "applied"
    assert node.text("cpuset.cpus") == "0-3"
    assert node.ask(T.CPUSET_CPUS, "") == "unchanged"


def test_an_empty_list_is_refused_where_there_was_another():
    node = Node(2, {"/cg/t": {"cpuset.cpus": "0-1"}})
    assert node.ask(T.CPUSET_CPUS, "").startswith("failed: expected at least one of the CPUs")


def test_to_give_back_to_one_container_is_no_right_to_give_the_same_to_another():
    node = Node(
        1,
        {
            "/cg/cpuset/t": {"cpuset.cpus": "0-7"},
            "/cg/cpuset/t/A": {"cpuset.cpus": "0-3"},
        },
        cpus=8,
        below=["/t/A"],
        maximums={T.CPUSET_CPUS: 2},
    )
    assert node.ask(T.CPUSET_CPUS, "0-1") == "applied"
    node.kernel.put("/cg/cpuset/t/B", {"cpuset.cpus": "6"})
    node.task.subcgroups_paths = ["/t/A", "/t/B"]
    assert node.ask(T.CPUSET_CPUS, "0-3", after=1) == "rejected: maximums"
    assert node.kernel.files["/cg/cpuset/t/B/cpuset.cpus"] == "6"
    node.kernel.put("/cg/cpuset/t/B", {"cpuset.cpus": "0-3"})
    assert node.ask(T.CPUSET_CPUS, "0-3", after=1) == "applied", "nothing is written to B"


@given(
    st.sampled_from([(1, QUOTA), (2, "cpu.max")]),
    st.integers(1_000, 1_000_000),
    st.none() | st.integers(1_000, 2_000_000),
    st.floats(0, 1),
)
def test_a_quota_comes_back_with_its_period(where, period, quota, asked):
    version, name = where
    limit = {1: "-1", 2: "max"}[version] if quota is None else str(quota)
    content = {PERIOD: str(period), name: limit} if version == 1 else {name: f"{limit} {period}"}
    node = Node(version, {"/cg/cpu/t" if version == 1 else "/cg/t": content}, decides=False)
    files, before = dict(node.kernel.files), node.shown()[T.QUOTA]
    assert node.ask(T.QUOTA, before) == "unchanged" or before > 1
    node.acting.ask({"t": {T.QUOTA: asked}})
    if before <= 1:
        assert node.ask(T.QUOTA, before) in ("applied", "unchanged", "rejected: minimums")
        assert node.kernel.files == files


def test_a_group_with_a_limit_keeps_its_period():
    node = Node(1, {"/cg/cpu/t": {PERIOD: "50000", QUOTA: "50000"}})
    assert node.ask(T.QUOTA, 0.25) == "applied"
    assert (node.text(PERIOD), node.text(QUOTA)) == ("50000", "25000")


def test_a_period_changes_while_there_is_no_limit_only():
    node = Node(1, {"/cg/cpu/t": {PERIOD: "250000", QUOTA: "-1"}})
    assert node.ask(T.QUOTA, 0.25) == "applied"
    assert node.ask(T.QUOTA, 1.0) == "applied"
    folder = "/cg/cpu/t/"
    assert node.kernel.log == [
        (folder + PERIOD, "100000"),
        (folder + QUOTA, "50000"),
        (folder + QUOTA, "-1"),
        (folder + PERIOD, "250000"),
    ]


def test_cpus_and_nodes_are_those_that_there_are_however_they_are_numbered():
    node = Node(2, {"/cg/t": {"cpuset.cpus": "", "cpuset.mems": ""}}, cpus=3, decides=False)
    node.acting.groups.machine = Machine(
        3, nodes=2, cpu_numbers=frozenset({0, 2, 3}), node_numbers=frozenset({0, 8})
    )
    assert node.ask(T.CPUSET_CPUS, "3") == "applied"
    assert node.ask(T.CPUSET_CPUS, "1") == "failed: the CPUs are 0, 2 to 3, got '1'"
    assert node.ask(T.CPUSET_MEMS, "8") == "applied"
    assert node.ask(T.CPUSET_MEMS, [1]) == "failed: the NUMA nodes are 0, 8, got [1]"
