"""Who has a file that somebody else writes, too: decided by policy, and never fought over for long."""

import os
import tempfile

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.allocations.acting import Acting
from wca.allocations.api import Entry
from wca.allocations.files import KernelFiles
from wca.allocations.journal import Journal
from wca.allocations.ownership import (
    MOST_REWRITES,
    YIELD_FOR,
    Decision,
    ForeignWrites,
    Kind,
    Ownership,
    describe,
)
from wca.allocations.spec import texts_of_spec
from wca.allocators import AllocationType
from wca.detectors import TaskData
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.inotify import ClosedAfterWriting
from wca.testing.kernel import KernelTree

T = AllocationType
PATH = "/cg/task/cpu.shares"
REASSERT = ForeignWrites.REASSERT


def entry(**values):
    given = {
        "path": PATH,
        "original": "1024",
        "ours": "100",
        "settled": ("100",),
        "pending": (),
        "cgroup": ("/cg/task", 7),
        "expires": 100.0,
        "task_id": "t",
        "type": "cpu_shares",
    }
    return Entry(**{**given, **values})


@pytest.mark.parametrize(
    ("text", "kind"),
    [("1024", Kind.RESET), ("512", Kind.RESET), ("77", Kind.OTHER), ("100", None)],
)
def test_the_value_from_before_and_that_of_the_specification_are_resets(text, kind):
    found = Ownership().judge(entry(), text, 0.0, spec=lambda: ["512"])
    assert (found and found.kind) == kind


def test_while_a_write_may_be_to_come_only_a_value_that_nobody_knows_is_foreign():
    waits = entry(pending=("50",))
    assert Ownership().judge(waits, "1024", 0.0) is None
    assert Ownership().judge(waits, "50", 0.0, attempted=True) is None
    assert Ownership().judge(waits, "77", 0.0).kind is Kind.OTHER


def test_who_yields_leaves_a_file_alone_for_an_hour():
    ownership = Ownership()
    found = ownership.judge(entry(), "77", 0.0)
    assert found.decision is Decision.YIELD
    assert ownership.is_theirs(PATH, YIELD_FOR - 1)
    assert not ownership.is_theirs(PATH, YIELD_FOR)
    assert ownership.count == 0


@pytest.mark.parametrize(("text", "theirs"), [("77", False), ("1024", True)])
def test_the_value_from_before_gives_a_file_back_where_it_was_not_what_was_written(text, theirs):
    ownership = Ownership()
    ownership.judge(entry(), text, 0.0)
    ownership.keep(1.0, lambda _: True, lambda _: "1024")
    assert ownership.is_theirs(PATH, 1.0) is theirs


def test_what_belongs_to_a_group_that_is_gone_is_forgotten():
    ownership = Ownership()
    ownership.judge(entry(), "77", 0.0)
    ownership.keep(1.0, lambda _: False, lambda _: None)
    assert ownership.entries(1.0) == {}


def test_the_pause_before_a_reassertion_doubles_and_then_the_flap_breaker_ends_it():
    ownership, now, pauses = Ownership(REASSERT), 0.0, []
    for _ in range(MOST_REWRITES):
        found = ownership.judge(entry(), "1024", now)
        assert found.decision is Decision.REASSERT
        assert ownership.due(found.until - 0.1) == []
        assert ownership.due(found.until) == [entry()]
        pauses.append(found.until - now)
        now = found.until
        ownership.take(PATH)
        ownership.keep(now, lambda _: True, lambda _: "100")
    assert pauses == [1, 2, 4, 8]
    last = ownership.judge(entry(), "1024", now)
    assert last.decision is Decision.FLAP
    assert ownership.due(now + YIELD_FOR) == []
    assert "again and again" in describe(last)
    assert "'1024'" in describe(last)
    assert "'100'" in describe(last)
    assert not ownership.is_theirs(PATH, now + YIELD_FOR)
    assert ownership.judge(entry(), "1024", now + YIELD_FOR).decision is Decision.REASSERT


def test_who_gives_way_again_and_again_within_an_hour_stops_asking():
    ownership = Ownership()
    for now in range(MOST_REWRITES):
        assert ownership.judge(entry(), "77", now).decision is Decision.YIELD
        ownership.keep(now + 0.5, lambda _: True, lambda _: "1024")
        assert not ownership.is_theirs(PATH, now + 0.5)
    assert ownership.judge(entry(), "77", MOST_REWRITES).decision is Decision.FLAP
    ownership.keep(9.0, lambda _: True, lambda _: "1024")
    assert ownership.is_theirs(PATH, 9.0), "even the value from before does not end it"


@pytest.mark.parametrize(
    ("name", "resources", "texts"),
    [
        ("cpu.shares", {"requests_cpu": 0.25}, ["256"]),
        ("cpu.shares", {"requests_cpu": 0.001}, ["2"]),
        ("cpu.weight", {"requests_cpu": 1.0}, ["39"]),
        ("cpu.cfs_quota_us", {"limits_cpu": 0.5}, ["50000"]),
        ("cpu.max", {"limits_cpu": 2}, ["200000 100000"]),
        ("memory.max", {"limits_memory": 1 << 20}, ["1048576"]),
        ("memory.limit_in_bytes", {}, []),
        ("cpu.shares", {"limits_cpu": 1}, []),
        ("pids.max", {"requests_cpu": 1}, []),
    ],
)
def test_what_the_kubelet_writes_follows_from_what_a_pod_has_asked_for(name, resources, texts):
    assert texts_of_spec(f"/cg/pod/{name}", resources) == texts


def test_who_has_opened_a_file_for_writing_is_seen(tmp_path):
    path = str(tmp_path / "file")
    open(path, "w").close()
    watcher = ClosedAfterWriting()
    watcher.watch([path, str(tmp_path / "absent")])
    assert watcher.seen() == set()
    open(path).close()
    assert watcher.seen() == set(), "reading is no writing"
    open(path, "a").close()
    assert watcher.seen() == {path}
    assert watcher.seen() == set()
    watcher.watch([])
    open(path, "a").close()
    assert watcher.seen() == set()
    watcher.watch([path])
    os.unlink(path)
    assert watcher.seen() <= {path}
    watcher.close()
    watcher.close()
    assert watcher.seen() == set()


class Owners(RuleBasedStateMachine):
    """An agent, somebody else who writes, and the time.

    The model is the value that would be there without the agent: the first one, or the last one
    that somebody else has written. It is there when the agent has ended.
    """

    policy = ForeignWrites.YIELD

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        tree = KernelTree(os.path.join(self.folder.name, "root"), layout="v2")
        tree.add_task("/task")
        self.path = f"{tree.groups('/task')['v2']}/cpu.weight"
        self.files = KernelFiles(tree.root)
        self.journal = Journal(f"{self.folder.name}/journal", now=lambda: 90.0, lease=100.0)
        self.journal.open()
        self.acting = Acting(
            CgroupHierarchies(tree.kernel).locate,
            files=self.files,
            journal=self.journal,
            ownership=Ownership(self.policy),
        )
        self.acting.tasks = {"t": TaskData("t", "t", "/task")}
        self.first = self.model = self.files.read(self.path)
        self.overwritten = False  # a value of the agent's, by somebody else
        self.answers = []  # when the agent has written over that

    @rule(value=st.sampled_from([None, 10, 20, 100]))
    def an_interval(self, value):
        before = self.files.read(self.path)
        self.acting.ask({} if value is None else {"t": {T.CPU_WEIGHT: value}})
        if self.overwritten and self.files.read(self.path) != before:
            self.overwritten = False
            self.answers.append(self.acting.now)

    @rule(value=st.sampled_from(["55", "66", "the first one"]))
    def somebody_else_writes(self, value):
        text = self.first if value == "the first one" else value
        if self.files.read(self.path) == text:
            return  # nobody can tell
        self.overwritten |= bool(self.journal.entries())
        self.model = text
        self.files.write(self.path, text)

    @rule(seconds=st.sampled_from([0.5, 3.0, 30.0, 4000.0]))
    def time_goes_by(self, seconds):
        self.acting.now += seconds

    @rule(value=st.sampled_from(["55", "the first one"]))
    def somebody_else_insists(self, value):
        for _ in range(MOST_REWRITES + 3):
            self.an_interval(10)
            self.somebody_else_writes(value)
            self.an_interval(20)
            self.somebody_else_writes("the first one")
            self.time_goes_by(9)

    @invariant()
    def nobody_fights_for_long(self):
        recent = [one for one in self.answers if one > self.acting.now - YIELD_FOR]
        assert len(recent) <= MOST_REWRITES + 1  # one may answer what was written the hour before

    def teardown(self):
        self.acting.undo()
        assert self.files.read(self.path) == self.model
        self.journal.close()
        self.folder.cleanup()


class Reasserting(Owners):
    policy = REASSERT


for machine in (Owners, Reasserting):
    machine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_who_yields_never_fights_and_spoils_nothing = Owners.TestCase
test_who_reasserts_never_fights_for_long_and_spoils_nothing = Reasserting.TestCase
