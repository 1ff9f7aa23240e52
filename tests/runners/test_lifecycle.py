"""Components start in order and close in reverse, within one budget."""

import pytest

from wca.errors import StartError
from wca.runners.lifecycle import Lifecycle
from wca.testing.clock import FakeClock


class Part:
    def __init__(self, name, journal, clock=None, takes=0.0, broken=False):
        self.name, self.journal, self.clock = name, journal, clock
        self.takes, self.broken = takes, broken

    def start(self):
        if self.broken:
            raise OSError("no such port")
        self.journal.append(f"start {self.name}")

    def close(self, timeout):
        self.journal.append(f"close {self.name} in {timeout:.1f}")
        if self.clock:
            self.clock.advance(self.takes)


def test_what_started_first_closes_last_and_all_share_one_budget():
    clock, journal = FakeClock(), []
    lifecycle = Lifecycle(clock)
    for name in "ab":
        lifecycle.start(Part(name, journal, clock, takes=0.7), name)
    lifecycle.close(1.0)
    assert journal == ["start a", "start b", "close b in 1.0", "close a in 0.3"]


def test_an_instance_that_is_shared_starts_and_closes_once():
    journal = []
    lifecycle, part = Lifecycle(FakeClock()), Part("a", journal)
    lifecycle.start(part, "one")
    lifecycle.start(part, "two")
    lifecycle.close(1.0)
    lifecycle.close(1.0)
    assert journal == ["start a", "close a in 1.0"]


def test_a_failing_start_becomes_a_sentence_and_the_others_are_closed():
    journal = []
    lifecycle = Lifecycle(FakeClock())
    lifecycle.start(Part("a", journal), "a")
    with pytest.raises(StartError, match="b cannot start: no such port"):
        lifecycle.start(Part("b", journal, broken=True), "b")
    lifecycle.close(1.0)
    assert journal == ["start a", "close b in 1.0", "close a in 1.0"]


def test_a_component_with_neither_ability_works():
    lifecycle = Lifecycle(FakeClock())
    lifecycle.start(object(), "plain")
    lifecycle.close(1.0)


def test_one_that_fails_to_close_does_not_keep_the_others_open(caplog):
    class Broken:
        def close(self, timeout):
            raise RuntimeError("still busy")

    journal = []
    lifecycle = Lifecycle(FakeClock())
    lifecycle.start(Part("a", journal), "a")
    lifecycle.start(Broken(), "b")
    lifecycle.close(1.0)
    assert journal[-1] == "close a in 1.0"
    assert "b did not close: still busy" in caplog.text


def test_a_component_that_exits_does_not_keep_the_others_open():
    class Exiting:
        def close(self, timeout):
            raise SystemExit(3)

    journal = []
    lifecycle = Lifecycle(FakeClock())
    lifecycle.start(Part("a", journal), "a")
    lifecycle.start(Exiting(), "b")
    lifecycle.close(1.0)
    assert journal[-1] == "close a in 1.0"
    assert not lifecycle.open


def test_everything_is_handed_on_before_anything_is_closed():
    journal = []
    lifecycle = Lifecycle(FakeClock())
    for name in "ab":
        lifecycle.start(Part(name, journal), name)
        lifecycle.before_close(name, lambda left, name=name: journal.append(f"flush {name}"))
    assert lifecycle.open
    lifecycle.close(1.0)
    assert journal[2:] == ["flush b", "flush a", "close b in 1.0", "close a in 1.0"]
    assert not lifecycle.open


def test_a_sentence_that_a_component_refuses_to_start_with_is_left_as_it_is():
    class Refusing:
        def start(self):
            raise StartError("install cramjam")

    with pytest.raises(StartError, match=r"^install cramjam$"):
        Lifecycle(FakeClock()).start(Refusing(), "b")


def test_what_closes_when_the_time_is_over_has_no_time_rather_than_less():
    clock, journal = FakeClock(), []
    lifecycle = Lifecycle(clock)
    for name in "ab":
        lifecycle.start(Part(name, journal, clock, takes=2.0), name)
    lifecycle.close(1.0)
    assert journal[2:] == ["close b in 1.0", "close a in 0.0"]


def test_what_is_asked_for_again_stays_and_the_rest_is_closed():
    journal = []
    lifecycle = Lifecycle(FakeClock())
    one, other = Part("one", journal), Part("other", journal)
    for part in (one, other):
        lifecycle.start(part, part.name)
    lifecycle.renew(lambda part: part is one)
    lifecycle.start(Part("new", journal), "new")
    lifecycle.start(one, "one")
    lifecycle.close_unused(1.0)
    assert not lifecycle.works(other)
    assert lifecycle.works(one)
    assert journal == ["start one", "start other", "start new", "close other in 1.0"]
    lifecycle.close(1.0)  # in reverse of the order in which they were asked for last
    assert journal[4:] == ["close one in 1.0", "close new in 1.0"]


def test_a_group_is_used_and_ended_together():
    journal = []
    lifecycle = Lifecycle(FakeClock())
    with lifecycle.group("both"):
        lifecycle.start(Part("a", journal), "a")
        lifecycle.before_close("b", lambda _timeout: journal.append("flush b"))
    lifecycle.renew(lambda _part: False)
    lifecycle.use_group("both")
    lifecycle.close_unused(1.0)
    assert journal == ["start a"]
    lifecycle.end_group("both")
    assert journal == ["start a", "flush b", "close a in 0.8"]
    assert not lifecycle.open
