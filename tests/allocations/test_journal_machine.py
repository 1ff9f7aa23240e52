"""The journal against a small model: whoever dies, whatever else happens, undo is identity.

The model knows for each file of the kernel who wrote it last and what was there before us.
Values of ours are odd, those of others even, so that nobody's value is taken for another's.
"""

import contextlib
import os
import shutil
import tempfile
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.allocations.kernel_stand_in import FOLDER, Kernel, Times, perform
from wca.allocations.api import APPLIED, FAILED, JournalError
from wca.allocations.journal import Journal, recover
from wca.allocations.undo import is_ours

LEASE = 20.0
GROUPS = [f"{FOLDER}/one"]
FILES = [f"{GROUPS[0]}/{name}" for name in ("cpu.shares", "cpu.cfs_quota_us")]
OURS = st.integers(5, 40).map(lambda n: str(2 * n + 1))
THEIRS = st.integers(5, 40).map(lambda n: str(2 * n))


class Killed(BaseException):
    """What SIGKILL does to a process, for one that lives on to be tested."""


class JournalMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.folder = tempfile.mkdtemp(prefix="wca-journal-")
        self.path = f"{self.folder}/journal"
        self.times = Times()
        self.kernel = Kernel()
        self.before = {}  # what was there before us, of files that are ours
        self.ends = {}  # monotonic
        self.half = None
        self.agent = None
        for group in GROUPS:
            self.make(group)
        self.guardian = self.journal()
        self.start()

    def journal(self):
        return Journal(
            self.path, now=self.times.now, monotonic=self.times.monotonic, lease=LEASE, boot="b"
        )

    def start(self):
        self.agent = self.journal()
        self.agent.open()

    def make(self, group):
        self.kernel.make(group, cpu_shares="2048", cpu_cfs_quota_us="-2", cpu_idle="0")

    def take(self, path):
        """The file is ours from now on."""
        self.before.setdefault(path, self.kernel.files[path])
        self.ends[path] = self.times.steady + LEASE

    def lose(self, *paths):
        for path in paths:
            self.before.pop(path, None)
            self.ends.pop(path, None)

    def idle(self, path):
        group = os.path.dirname(path)
        return self.kernel.files[f"{group}/cpu.idle"] == "1"

    def known(self):
        return {entry.path: entry for entry in self.agent.entries()}

    def is_awaited(self, path):
        """Whether it was due already, and could not be given back."""
        return any(entry.path == path and entry.undoing for entry in self.agent.entries())

    def give_up_what_others_have(self, path):
        """As the gate does: what is there and not ours is somebody else's."""
        entry, there = self.known().get(path), self.kernel.files[path]
        if entry is not None and there != entry.original and not is_ours(entry, there):
            self.agent.forget(path)

    def perform(self, write):
        """What the gate does with a write; what was given back meanwhile is read, and asked, again."""
        expires = self.times.now() + LEASE
        try:
            return perform(self.agent, self.kernel, write, expires)
        except JournalError:
            return perform(self.agent, self.kernel, write, expires)

    # -- the agent

    @precondition(lambda self: self.agent and not self.half)
    @rule(path=st.sampled_from(FILES), value=OURS)
    def change(self, path, value):
        if path.endswith("shares") and self.idle(path):
            return  # as the gate does
        self.give_up_what_others_have(path)
        write, before = self.kernel.write_of(path, value), dict(self.before)
        self.take(path)
        if not self.perform(write):
            self.before = before

    @precondition(lambda self: self.agent and not self.half)
    @rule(group=st.sampled_from(GROUPS))
    def put_into_the_idle_class(self, group):
        shares, idle = f"{group}/cpu.shares", f"{group}/cpu.idle"
        if self.kernel.files[idle] == "1":
            return
        self.give_up_what_others_have(shares)
        for path, write in (
            (shares, self.kernel.write_of(shares, "3", implied=True)),
            (idle, self.kernel.write_of(idle, "1")),
        ):
            self.take(path)
            assert self.perform(write)

    @precondition(lambda self: self.agent and not self.half)
    @rule(group=st.sampled_from(GROUPS), to=st.sampled_from("01"), announced=st.booleans())
    def stop_before_the_write_of_the_idle_class(self, group, to, announced):
        shares, idle = f"{group}/cpu.shares", f"{group}/cpu.idle"
        if (self.kernel.files[idle] == "1") == (to == "1"):
            return
        if to == "1":
            self.give_up_what_others_have(shares)
            write = self.kernel.write_of(shares, "3", implied=True)
            self.take(shares)
            assert self.perform(write)
        self.half, self.announced = self.kernel.write_of(idle, to), announced
        self.half_before = {
            path: self.before.get(path, self.kernel.files[path]) for path in (shares, idle)
        }
        self.half_ends = self.times.steady + LEASE
        if announced and not self.announce(self.half):
            self.half = None

    @precondition(lambda self: self.agent and not self.half)
    @rule(path=st.sampled_from(FILES), value=OURS)
    def change_in_vain(self, path, value):
        if path.endswith("shares") and self.idle(path):
            return
        self.kernel.refused.add(path)
        assert not self.perform(self.kernel.write_of(path, value))
        self.kernel.refused.clear()
        if path in self.before:
            self.ends[path] = self.times.steady + LEASE

    @precondition(lambda self: self.agent and not self.half)
    @rule(path=st.sampled_from(FILES), value=OURS)
    def stop_before_the_write(self, path, value):
        if path.endswith("shares") and self.idle(path):
            return
        self.give_up_what_others_have(path)
        self.half = self.kernel.write_of(path, value)
        expires = self.times.now() + LEASE
        try:
            self.agent.intend(self.half, "test", expires)
        except JournalError:
            self.agent.intend(self.half, "test", expires)
        if path in self.before:
            self.ends[path] = self.times.steady + LEASE
        self.announced = True
        self.half_before = {path: self.before.get(path, self.half.old)}
        self.half_ends = self.times.steady + LEASE

    @precondition(lambda self: self.agent and self.half)
    @rule()
    def go_on(self):
        write, self.half = self.half, None
        if not self.announced and not self.announce(write):
            return
        here = self.kernel.inode(write.cgroup[0]) == write.cgroup[1]
        if not here:  # the gate looks before it writes
            self.agent.settle(write, FAILED)
            return
        there = dict(self.kernel.files)
        try:
            self.kernel.write(write.path, write.new)
        except OSError:
            self.agent.settle(write, FAILED)
            return
        self.agent.settle(write, APPLIED)
        # Ours again, and what was there before it was announced comes back.
        for path, before in self.half_before.items():
            if path == write.path or self.kernel.files[path] != there[path]:
                self.before.setdefault(path, before)
                if path == write.path:
                    self.ends[path] = self.half_ends
                self.ends.setdefault(path, self.half_ends)
                if self.is_awaited(path):
                    self.ends[path] = self.times.steady

    def announce(self, write):
        """Late; whether the journal takes it."""
        try:
            self.agent.intend(write, "test", self.times.now() + LEASE)
        except JournalError:
            return False
        self.half_ends = self.times.steady + LEASE
        return True

    @precondition(lambda self: self.agent and not self.half)
    @rule()
    def renew(self):
        self.agent.renew(self.times.now() + LEASE)
        self.has_renewed()

    def has_renewed(self):
        """All but what is due already."""
        for path in self.before:
            if not self.is_awaited(path):
                self.ends[path] = self.times.steady + LEASE

    # -- and its deaths

    @precondition(lambda self: self.agent)
    @rule()
    def kill(self):
        self.agent.close()
        self.agent = self.half = None

    @precondition(lambda self: self.agent and not self.half)
    @rule(
        path=st.sampled_from(FILES), value=OURS, record=st.integers(0, 1), byte=st.integers(0, 500)
    )
    def kill_within_a_record(self, path, value, record, byte):
        if path.endswith("shares") and self.idle(path):
            return
        self.give_up_what_others_have(path)
        real, calls = os.write, []

        def write(descriptor, data):
            calls.append(data)
            if len(calls) <= record:
                return real(descriptor, data)
            real(descriptor, data[:byte])
            raise Killed

        change = self.kernel.write_of(path, value)
        with mock.patch("os.write", write), contextlib.suppress(Killed):
            self.perform(change)
        if record == 1:  # killed when it settled: the write was made
            self.before.setdefault(path, change.old)
        if path in self.before:
            self.ends[path] = min(self.ends.get(path, 0), self.times.steady + LEASE)
            if record == 1 or byte >= len(calls[0]) - 1:
                self.ends[path] = self.times.steady + LEASE
        self.kill()

    @precondition(lambda self: not self.agent)
    @rule(after=st.booleans())
    def kill_while_the_file_is_written_anew(self, after):
        real = os.replace

        def replace(*names):
            if after:
                real(*names)
            raise Killed

        agent = self.journal()
        with mock.patch("os.replace", replace), contextlib.suppress(Killed):
            agent.open()
        agent.close()

    @precondition(lambda self: not self.agent)
    @rule(adopt=st.booleans())
    def start_again(self, adopt):
        self.start()
        recover(self.agent, self.kernel, self.times.now(), adopt=adopt)
        if adopt:
            self.ends = dict.fromkeys(self.before, self.times.steady + LEASE)
        else:
            self.all_is_as_before(self.before)
            assert self.agent.entries() == []

    @precondition(lambda self: self.agent and not self.half)
    @rule()
    def write_anew(self):
        with mock.patch("wca.allocations.journal_file._LARGE", -1_000_000):
            self.agent.renew(self.times.now() + LEASE)
        self.has_renewed()

    # -- everybody else

    @rule(path=st.sampled_from(FILES), value=THEIRS)
    def somebody_else_writes(self, path, value):
        if path.endswith("shares") and self.idle(path):
            return
        self.kernel.change(path, value)
        self.lose(path)

    @rule(group=st.sampled_from(GROUPS), alike=st.booleans())
    def the_group_is_made_anew(self, group, alike):
        before = {path: self.kernel.files[path] for path in FILES}
        self.kernel.remove(group)
        self.make(group)
        if alike:  # whoever has made it wants the same values
            self.kernel.files.update(before)
        self.lose(*(path for path in list(self.before) if os.path.dirname(path) == group))

    @rule(seconds=st.sampled_from([1.0, 7.0, 21.0]))
    def time_goes_by(self, seconds):
        self.times.go(seconds)

    @rule(seconds=st.sampled_from([-1e6, -10.0, 10.0, 1e6]))
    def somebody_sets_the_clock(self, seconds):
        self.times.wall += seconds

    # -- undo

    @rule(only_expired=st.sampled_from([True, True, True, False]))
    def guard(self, only_expired):
        due = {
            path: value
            for path, value in self.before.items()
            if not only_expired or self.ends[path] <= self.times.steady
        }
        for path in [path for path in due if path.endswith("shares") and self.idle(path)]:
            if os.path.dirname(path) + "/cpu.idle" not in due:  # which goes first
                del due[path]
        kept = {path: self.kernel.files[path] for path in self.before if path not in due}
        theirs = {p: v for p, v in self.kernel.files.items() if p not in self.before}
        self.guardian.undo(self.kernel, only_expired=only_expired, now=self.times.now())
        self.all_is_as_before(due)
        for path, value in {**kept, **theirs}.items():
            assert self.kernel.files[path] == value, path

    @precondition(lambda self: self.agent and not self.half)
    @rule(sure=st.integers(0, 3))
    def undo(self, sure):
        if sure:
            return
        self.agent.undo(self.kernel, only_expired=False, now=self.times.now())
        self.all_is_as_before(self.before)
        assert self.agent.entries() == []

    def all_is_as_before(self, due):
        for path, value in list(due.items()):
            assert self.kernel.files[path] == value, path
            self.lose(path)

    @invariant()
    def what_is_ours_is_in_the_journal(self):
        entries = {entry.path: entry for entry in self.guardian.entries()}
        for path, value in self.before.items():
            if self.kernel.files[path] != value:
                assert entries[path].original == value

    def teardown(self):
        if self.half:
            self.go_on()
        self.guard(only_expired=False)
        if self.agent:
            self.agent.close()
        self.guardian.close()
        shutil.rmtree(self.folder)


JournalMachine.TestCase.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
test_undo_is_identity = JournalMachine.TestCase
