"""Whatever is asked for, whoever dies when, in resctrl: what was there before is there again."""

import contextlib
import shutil
import tempfile

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.allocations.rdt_node import POINT, RdtNode
from wca.allocations.journal import Journal, recover
from wca.allocations.resctrl.files import RdtFiles
from wca.allocators import RDTAllocation
from wca.linux.resctrl.values import Place
from wca.testing.control_files import ControlFiles

CLOSIDS = 5
REASONS = ("says something else about the group", "(CLOSIDs) are in use", "has a gap")
TASKS = ("one", "two", "three", "golden")
NAMES = st.sampled_from([None, None, "be", "", "le", "gold"])
MASKS = st.sampled_from(["0=f", None, "0=3;1=3f", "1=7ff", "0=7ff;1=7ff", None, "0=5"])
SHARES = st.sampled_from([None, "0=20", "1=33", "0=100;1=100", None])
ASKED = st.dictionaries(
    st.sampled_from(TASKS), st.builds(RDTAllocation, NAMES, MASKS, SHARES), min_size=1, max_size=4
)


class Killed(BaseException):
    """What SIGKILL does to a process, for one that lives on to be tested."""


class Mortal(ControlFiles):
    """Dies before or after one of its writes."""

    def __init__(self, tree):
        super().__init__(tree)
        self.left, self.after = None, False

    def _do(self, call):
        if self.left is not None:
            self.left -= 1
        if self.left == 0 and not self.after:
            raise Killed
        call()
        if self.left == 0:
            raise Killed

    def write(self, path, text):
        self._do(lambda: super(Mortal, self).write(path, text))

    def make(self, path):
        self._do(lambda: super(Mortal, self).make(path))

    def remove(self, path):
        self._do(lambda: super(Mortal, self).remove(path))


class RdtMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.folder = tempfile.mkdtemp(prefix="wca-rdt-")
        self.node = RdtNode(self.folder, num_closids=CLOSIDS, num_rmids=40)
        self.node.resctrl.make(f"{POINT}/gold")
        self.node.resctrl.set_rows("gold", "L3:0=ff;1=ff\n")
        for name in TASKS:
            self.node.task(name)
        for thread in self.node.members["golden"]:
            self.node.resctrl.move(thread, Place("gold", ""))
        self.before = self.node.everything()
        self.start()

    def start(self):
        """An agent, which first gives back what the one before has left."""
        self.node.act(kernel=Mortal(self.node.resctrl))
        recover(self.node.journal, self.node.acting.files, 0.0)
        self.is_as_before()

    def is_as_before(self):
        rows, places = self.before
        assert self.node.everything() == (rows, {name: places[name] for name in self.node.members})
        assert self.node.journal.entries() == []

    def die(self):
        self.node.journal.close()
        self.node.acting.kernel.left = None

    @rule(answers=st.lists(ASKED, min_size=1, max_size=3))
    def ask(self, answers):
        for asked in answers:
            self.ask_once(asked)

    def ask_once(self, asked):
        there = {name: value for name, value in asked.items() if name in self.node.tasks}
        answers = self.node.ask(**there)
        assert {"the root group (/)"}.isdisjoint(answers)
        for name, answer in answers.items():
            if answer in ("applied", "unchanged"):
                self.is_as_asked(name, there[name])
            else:
                assert any(reason in answer for reason in REASONS), answer

    def is_as_asked(self, name, asked):
        (group,) = self.node.where(name)
        in_force = self.node.in_force(name)
        assert in_force.name == asked.name
        for text, there in ((asked.l3, in_force.l3), (asked.mb, in_force.mb)):
            for part in (text or "").split(";") if text else ():
                assert part.replace("33", "40") in there, (group, there)

    @rule(name=st.sampled_from(TASKS[:3]), own=st.booleans())
    def threads_are_started(self, name, own):
        if name in self.node.tasks:
            (self.node.fork if own else self.node.add)(name)

    @precondition(lambda self: len(self.node.tasks) > 1)
    @rule(name=st.sampled_from(TASKS))
    def a_task_ends(self, name):
        if name in self.node.tasks:
            self.node.end(name)

    @rule(asked=ASKED, left=st.integers(1, 12), after=st.booleans(), guardian=st.booleans())
    def it_is_killed(self, asked, left, after, guardian):
        kernel = self.node.acting.kernel
        kernel.left, kernel.after = left, after
        with contextlib.suppress(Killed):
            self.node.ask(**{name: one for name, one in asked.items() if name in self.node.tasks})
        self.die()
        if guardian:
            files = RdtFiles(ControlFiles(self.node.resctrl), POINT, proc=False)
            journal = Journal(f"{self.folder}/journal", now=lambda: 90.0, boot="b")
            journal.undo(files, only_expired=False, now=90.0)
            rows, places = self.node.everything()
            assert (rows, places) == (self.before[0], {n: self.before[1][n] for n in places})
            journal.close()
        self.start()

    @rule()
    def it_ends(self):
        self.node.acting.undo()
        self.is_as_before()

    @invariant()
    def others_are_left_alone(self):
        assert "gold" in self.node.groups()
        assert len(self.node.groups()) < CLOSIDS

    def teardown(self):
        self.it_ends()
        self.node.journal.close()
        shutil.rmtree(self.folder)


TestRdtMachine = RdtMachine.TestCase
TestRdtMachine.settings = settings(max_examples=40, stateful_step_count=15)


@pytest.mark.parametrize("left", range(1, 7))
def test_a_move_to_somebody_elses_group_that_was_cut_leaves_no_thread_there(left):
    machine = RdtMachine()
    machine.threads_are_started(name="two", own=False)
    asked = {"two": RDTAllocation("gold", "0=f", None)}
    machine.it_is_killed(asked=asked, left=left, after=True, guardian=left % 2 == 0)
    machine.teardown()
