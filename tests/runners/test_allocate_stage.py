"""The stage that does what was asked for: the lease is looked after whatever came before it."""

from types import SimpleNamespace

import pytest

from wca.allocations.answers import AllocationAnswer
from wca.runners.allocate import Allocate
from wca.runners.asking import Said
from wca.runners.detect import Detect
from wca.runners.stages import Sample, run_iteration
from wca.telemetry import Telemetry


class Scene:
    """Views and an allocator that fail when they are told to; a lease that notes its checks."""

    def __init__(self):
        self.fails, self.checked, self.performed = "", [], []
        self.undone, self.held, self.count, self.tasks = 0, False, 0, frozenset()
        self.foreign_writes, self.yielded = (), 0
        view = SimpleNamespace(tasks={}, platform=SimpleNamespace(timestamp=1.0, monotonic=1.0))
        answer = AllocationAnswer()
        answer.allocations = {"t": {"cpu_shares": 0.4}}
        self.view, self.answer = view, Said(view, answer)
        telemetry = Telemetry(lambda: 0.0)
        detect = Detect(self, self, "test", {})
        nothing = SimpleNamespace(keep=lambda *_: None)
        self.stages = [
            detect,
            Allocate(detect, self, self, nothing, nothing, telemetry, {}, "test"),
        ]
        self.telemetry = telemetry

    def of(self, sample):
        return self.give(self.view, "views")

    def ask(self, view):
        return self.give(self.answer, "allocator")

    def give(self, what, name):
        if self.fails == name:
            raise RuntimeError(name)
        return what

    def check(self, asked):
        self.checked.append(asked is not None)
        return ""

    def given_back(self):
        return []

    def perform(self, asked, *_):
        self.performed.append(asked)
        return []

    def interval(self):
        run_iteration(self.stages, Sample(1.0), self.telemetry)


@pytest.mark.parametrize("what", ["views", "allocator"])
def test_an_answer_is_performed_in_its_interval_only(what):
    scene = Scene()
    scene.interval()
    scene.fails = what
    scene.interval()
    scene.interval()
    assert scene.checked == [True, False, False], "without an answer nothing is renewed"
    assert [asked for asked in scene.performed if asked] == [{"t": {"cpu_shares": 0.4}}]
    scene.fails = ""
    scene.interval()
    assert scene.checked[-1]


def test_the_lease_is_looked_after_before_anything_was_ever_seen():
    scene = Scene()
    scene.fails = "views"
    scene.interval()
    assert scene.checked == [False]
