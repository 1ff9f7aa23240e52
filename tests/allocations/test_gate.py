"""The gate: journal first, write, read back; what the kernel refuses costs its request only."""

import errno
import os
import tempfile
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.allocations.test_kills import eventually
from wca.allocations.api import JournalError, Write
from wca.allocations.changes import Change, Wanted, plan
from wca.allocations.gate import Gate
from wca.allocations.journal import Journal
from wca.allocations.slow import SlowWrites
from wca.allocations.volatile import VolatileJournal

A, B = "/cg/a", "/cg/b"


class FakeKernel:
    """Files in memory with faults, and the rules of cpu.idle."""

    def __init__(self):
        self.files = {
            f"{group}/{name}": text
            for group in (A, B)
            for name, text in {
                "cpu.shares": "1024",
                "cpu.idle": "0",
                "pids.max": "max",
                "memory.max": "max",
            }.items()
        }
        self.groups = {A: 1, B: 2}
        self.refuses = {}
        self.spells = {}
        self.log = []

    def read(self, path):
        self._present(path)
        return self.files[path]

    read_all = read

    def write(self, path, text):
        self._present(path)
        if path in self.refuses:
            raise OSError(self.refuses[path], os.strerror(self.refuses[path]))
        group, _, name = path.rpartition("/")
        if name == "cpu.shares" and self.files[f"{group}/cpu.idle"] == "1":
            raise OSError(errno.EINVAL, "idle")
        if name == "cpu.idle" and text != self.files[path]:
            self.files[f"{group}/cpu.shares"] = "3" if text == "1" else "1024"
        self.log.append((path, text))
        self.files[path] = self.spells.get(text, text)

    def inode(self, path):
        return self.groups.get(path)

    def _present(self, path):
        if path.rpartition("/")[0] not in self.groups:
            raise OSError(errno.ENOENT, "gone")


class Watching(VolatileJournal):
    """Notes what it is told, in the log of the kernel."""

    def __init__(self, log):
        super().__init__()
        self.log, self.full = log, False

    def intend(self, write, owner, expires):
        if self.full:
            raise JournalError("the disk is full")
        self.log.append(("intend", write.path))
        super().intend(write, owner, expires)

    def settle(self, write, outcome, seen=None):
        self.log.append((outcome, write.path))
        super().settle(write, outcome, seen)


@pytest.fixture
def kernel():
    return FakeKernel()


@pytest.fixture
def journal(kernel):
    return Watching(kernel.log)


@pytest.fixture
def gate(kernel, journal):
    slow = SlowWrites(deadline=0.05)
    gate = Gate(kernel, journal, "test", lambda: 20.0, frozenset({"memory_max"}), slow)
    yield gate
    gate.close(1.0)


def write(path, new, old=None, type_="t", task_id=None, **more):
    group = path.rpartition("/")[0]
    olds = {"shares": "1024", "idle": "0", "max": "max"}
    old = olds[path.rpartition(".")[2]] if old is None else old
    inode = {A: 1, B: 2}[group]
    return Write(path, old, new, task_id or group, type_, (group, inode), **more)


SHARES, PIDS, OTHER = f"{A}/cpu.shares", f"{A}/pids.max", f"{B}/cpu.shares"


def test_a_write_is_in_the_journal_before_it_is_in_the_kernel(gate, kernel, journal):
    assert gate.apply([write(SHARES, "2")]) == {}
    assert kernel.log == [("intend", SHARES), (SHARES, "2"), ("applied", SHARES)]
    (entry,) = journal.entries()
    assert (entry.original, entry.ours, entry.expires) == ("1024", "2", 20.0)


def test_without_the_journal_nothing_is_written(gate, kernel, journal):
    journal.full = True
    assert gate.apply([write(SHARES, "2")]) == {
        (A, "t"): "the journal cannot be written: the disk is full"
    }
    assert kernel.log == []


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EINVAL, "cpu.shares: Invalid argument"),
        (errno.EBUSY, "cpu.shares: Device or resource busy"),
        (errno.EACCES, "cpu.shares: Permission denied"),
        (errno.ERANGE, "cpu.shares: Numerical result out of range"),
        (errno.ENODEV, "cpu.shares is gone, or not on this kernel"),
    ],
)
def test_what_the_kernel_refuses_costs_that_request(gate, kernel, journal, number, reason):
    kernel.refuses[SHARES] = number
    assert gate.apply([write(SHARES, "2"), write(OTHER, "2")]) == {(A, "t"): reason}
    assert kernel.files[SHARES] == "1024"
    assert kernel.files[OTHER] == "2"
    assert [entry.path for entry in journal.entries()] == [OTHER]


def test_what_was_written_of_a_request_that_fails_is_taken_back(gate, kernel, journal):
    kernel.refuses[PIDS] = errno.EINVAL
    assert gate.apply([write(SHARES, "2"), write(PIDS, "9")]) == {
        (A, "t"): "pids.max: Invalid argument"
    }
    assert kernel.files[SHARES] == "1024"
    assert journal.entries() == []


def test_all_or_nothing_takes_back_the_others_too(gate, kernel, journal):
    kernel.refuses[PIDS] = errno.EBUSY
    failed = gate.apply([write(OTHER, "2"), write(PIDS, "9"), write(SHARES, "7")], whole=True)
    assert failed.keys() == {(A, "t"), (B, "t")}
    assert failed[B, "t"] == "another one failed, and all or none was asked for"
    assert (kernel.files[OTHER], kernel.files[SHARES]) == ("1024", "1024")
    assert journal.entries() == []


def test_a_limit_of_memory_that_the_kernel_rounds_is_not_applied(gate, kernel, journal):
    kernel.spells["4097"] = "4096"
    limit = write(f"{A}/memory.max", "4097", type_="memory_max")
    (reason,) = gate.apply([limit]).values()
    assert reason.startswith("the kernel has made '4096' of '4097'")
    assert kernel.files[f"{A}/memory.max"] == "max"
    assert journal.entries() == []


@pytest.mark.parametrize(("path", "type_"), [(f"{A}/memory.max", "memory_max"), (PIDS, "pids_max")])
def test_what_somebody_else_writes_just_after_us_is_theirs(gate, kernel, journal, path, type_):
    gate.apply([write(path, "8192", type_=type_)])
    kernel.spells["4096"] = "536870912"  # as if the kubelet had resized the task meanwhile
    (reason,) = gate.apply([write(path, "4096", "8192", type_=type_)]).values()
    assert reason.endswith("or somebody else has written it")
    assert kernel.files[path] == "536870912"
    assert [one.outcome for one in journal.undo(kernel, only_expired=False, now=0.0)] == ["foreign"]
    assert kernel.files[path] == "536870912"


def test_what_waits_behind_a_write_that_hangs_is_taken_back_after_it(gate, kernel, journal):
    hangs, plain = threading.Event(), kernel.write
    mine, other = f"{A}/memory.max", f"{B}/memory.max"

    def hanging(path, text):
        if path == other:
            hangs.wait(10)
        plain(path, text)

    kernel.write = hanging
    writes = [write(mine, "4096", type_="memory_max"), write(other, "4096", type_="memory_max")]
    failed = gate.apply(writes, whole=True)
    assert "not before an earlier write of this kind has finished" in failed[B, "memory_max"]
    gate.settle_late()
    assert kernel.files[mine] == "4096", "it has to wait"
    hangs.set()
    assert eventually(lambda: not gate._slow.busy)
    gate.settle_late()
    assert kernel.files[mine] == "max"
    assert [entry.path for entry in journal.entries()] == [other], "the late one is known"


def test_what_somebody_else_has_written_in_between_is_left_alone(gate, kernel, journal):
    kernel.files[SHARES] = "55"
    assert gate.apply([write(SHARES, "3")]) == {
        (A, "t"): "somebody else has written '55' to cpu.shares"
    }
    assert journal.entries() == []


def test_a_group_that_was_made_anew_is_not_the_one_that_was_meant(gate, kernel, journal):
    kernel.groups[A] = 17
    assert gate.apply([write(SHARES, "3")]) == {(A, "t"): "its cgroup is gone"}
    assert kernel.log == []


def test_the_idle_class_is_journalled_with_the_weight_that_it_hides(gate, kernel, journal):
    kernel.files[SHARES] = "300"
    hidden = write(SHARES, "3", "300", "cpu_idle", implied=True)
    assert gate.apply([hidden, write(f"{A}/cpu.idle", "1", type_="cpu_idle")]) == {}
    assert [entry.original for entry in journal.entries()] == ["300", "0"]
    journal.undo(kernel, only_expired=False, now=0.0)
    assert (kernel.files[SHARES], kernel.files[f"{A}/cpu.idle"]) == ("300", "0")


def test_a_write_that_hangs_costs_its_request_and_not_the_loop(gate, kernel, journal):
    hangs = threading.Event()
    path, plain = f"{A}/memory.max", kernel.write

    def hanging(path_, text):
        if path_ == path:
            hangs.wait(10)
        plain(path_, text)

    kernel.write = hanging
    slow = write(path, "4096", type_="memory_max")
    assert gate.apply([slow]) == {(A, "memory_max"): "the kernel has not finished it in time"}
    assert gate.apply([write(f"{B}/memory.max", "1", type_="memory_max"), write(OTHER, "2")]) == {
        (B, "memory_max"): "an earlier write of this kind has not finished"
    }
    (entry,) = [one for one in journal.entries() if one.path == path]
    assert entry.pending == ("4096",), "it may still come, and undo knows it"
    hangs.set()
    gate.close(5.0)
    (entry,) = [one for one in journal.entries() if one.path == path]
    assert (entry.pending, entry.settled) == ((), ("4096",))
    journal.undo(kernel, only_expired=False, now=0.0)
    assert kernel.files[path] == "max"


def test_an_error_of_a_slow_write_is_its_reason(gate, kernel):
    kernel.refuses[f"{A}/memory.max"] = errno.EBUSY
    assert gate.apply([write(f"{A}/memory.max", "1", type_="memory_max")]) == {
        (A, "memory_max"): "memory.max: Device or resource busy"
    }


PATHS = sorted(FakeKernel().files)
VALUES = {"cpu.shares": ("2", "500", "1024"), "cpu.idle": ("0", "1"), "max": ("7", "8", "max")}
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("ask"),
            st.dictionaries(st.sampled_from(PATHS), st.integers(0, 2), max_size=4),
            st.booleans(),
        ),
        st.tuples(st.just("refuse"), st.sampled_from(PATHS), st.sampled_from([22, 16, 13, 0])),
        st.tuples(st.just("foreign"), st.sampled_from(PATHS), st.integers(0, 2)),
        st.tuples(st.just("remove"), st.sampled_from([A, B]), st.just(0)),
        st.tuples(st.just("undo"), st.just(""), st.just(0)),
    ),
    max_size=25,
)


def values_of(path):
    name = path.rpartition("/")[2]
    return VALUES.get(name) or VALUES["max"]


def wanted_of(kernel, files):
    wanted = []
    for path, place in files.items():
        group, _, name = path.rpartition("/")
        if group not in kernel.groups:
            continue
        identity, texts = (group, kernel.groups[group]), values_of(path)
        new = texts[place % len(texts)]
        changes = [Change(path, new, identity)]
        if name == "cpu.idle" and new == "1" != kernel.files[path]:
            changes.insert(0, Change(f"{group}/cpu.shares", "3", identity, implied=True))
        wanted.append(Wanted(path, name, changes, place == 1))
    return wanted


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(STEPS)
def test_whatever_happens_undo_leaves_what_was_there_or_what_somebody_else_has_written(steps):
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(f"{folder}/journal", now=lambda: 0.0, boot="one")
        journal.open()
        for each in (VolatileJournal(), journal):
            undo_leaves_what_was_there_or_what_somebody_else_has_written(steps, each)
        journal.close()


def undo_leaves_what_was_there_or_what_somebody_else_has_written(steps, journal):
    """Refusals, groups that vanish, others who write; a model of what everybody else has done.

    At the end the kernel has, in each file, what it would have without the agent. Files that others
    wrote while the agent had a value there are theirs, whatever comes of it.
    """
    kernel = FakeKernel()
    gate = Gate(kernel, journal, "test", lambda: 20.0)
    model, foreign = dict(kernel.files), set()
    for kind, what, detail in steps:
        if kind == "ask":
            current = dict(kernel.files)
            gate.apply(plan(wanted_of(kernel, what), current).writes, whole=detail)
        elif kind == "refuse":
            kernel.refuses = {what: detail} if detail else {}
        elif kind == "foreign":
            group, _, name = what.rpartition("/")
            if group in kernel.groups and name in ("pids.max", "memory.max"):
                kernel.files[what] = model[what] = f"{detail}{detail}"
                foreign.add(what)
        elif kind == "remove":
            kernel.groups.pop(what, None)
        else:
            kernel.refuses = {}
            journal.undo(kernel, only_expired=False, now=0.0)
    kernel.refuses = {}
    journal.undo(kernel, only_expired=False, now=0.0)
    left = {path: text for path, text in kernel.files.items() if path not in foreign}
    there = [path for path in left if path.rpartition("/")[0] in kernel.groups]
    assert {path: left[path] for path in there} == {path: model[path] for path in there}
    assert all(entry.cgroup[0] in kernel.groups for entry in journal.entries())
