"""Events: done once, counted by the hour, refused by clauses, and never beyond the deadline."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.allocations.actions import event_value
from wca.allocations.encoding import Machine
from wca.allocations.envelope import Envelope
from wca.allocations.events import Events
from wca.allocations.results import Result
from wca.allocations.slow import SlowWrites
from wca.allocators import AllocationType
from wca.detectors import TaskData
from wca.errors import NotAvailable, ValidationError, WcaError

T = AllocationType
MACHINE = Machine(cpus=4, nodes=2)
HOUR = 3600


class Fake:
    """Actions that note what was done; some fail, hang or are not there."""

    def __init__(self):
        self.done, self.fails, self.lacks = [], {}, {}
        self.hangs = None

    def value(self, type_, value):
        return event_value(type_, value, MACHINE)

    def prepare(self, task, type_, value):
        if task.task_id in self.lacks:
            raise NotAvailable(self.lacks[task.task_id])

        def do():
            if self.hangs is not None:
                assert self.hangs.wait(10)
            self.done.append((task.task_id, type_, value))
            if task.task_id in self.fails:
                raise self.fails[task.task_id]
            return "so it went"

        return do


@pytest.fixture
def fake():
    return Fake()


@pytest.fixture
def ask(fake):
    """ask({task: {type: value}}, now, held): outcome and reason of each."""
    made = []

    def ask(asked, now=0.0, held="", *, act=True, **budgets):
        if not made:
            envelope = Envelope(
                protected={"tier": "gold"},
                events_per_hour={"kill": 2, **budgets},
                maximums={T.MEMORY_RECLAIM: 1 << 30},
            )
            made.append(Events(fake, envelope, act=act, slow=lambda: SlowWrites(deadline=0.05)))
        results = [
            Result(task, str(type_), value)
            for task, one in asked.items()
            for type_, value in one.items()
        ]
        tasks = {name: TaskData(name, name, f"/{name}") for name in "abc"}
        tasks["gold"] = TaskData("gold", "gold", "/gold", {"tier": "gold"})
        made[0].perform(results, tasks, now, held)
        return [f"{one.outcome}: {one.reason}" if one.reason else one.outcome for one in results]

    yield ask
    for events in made:
        events.close(3.0)


KILL = {"a": {T.KILL: "it eats all memory"}}


def test_an_event_is_done_once_while_it_is_asked_for_and_again_when_it_is_asked_for_anew(ask, fake):
    assert ask(KILL) == ["applied: so it went"]
    assert ask(KILL) == ["unchanged: so it went"]
    assert len(fake.done) == 1
    ask({})
    assert ask(KILL) == ["applied: so it went"]
    assert fake.done == [("a", T.KILL, "it eats all memory")] * 2


def test_another_value_is_another_event(ask, fake):
    ask({"a": {T.MIGRATE_PAGES: 0}})
    assert ask({"a": {T.MIGRATE_PAGES: 1}}) == ["applied: so it went"]
    assert ask({"a": {T.MIGRATE_PAGES: 1.0}}) == ["unchanged: so it went"]
    assert [value for _, _, value in fake.done] == [0, 1]


def test_memory_is_reclaimed_in_every_interval_in_which_it_is_asked_for(ask, fake):
    for _ in range(3):
        assert ask({"a": {T.MEMORY_RECLAIM: 4096}}) == ["applied: so it went"]
    assert len(fake.done) == 3


def test_there_are_so_many_in_an_hour_and_no_more(ask, fake):
    for number, name in enumerate("abc"):
        outcome = ask({name: {T.KILL: "why"}}, now=number * 10.0)
    assert outcome == ["rejected: events_per_hour"]
    assert ask({"c": {T.KILL: "why"}}, now=HOUR - 0.1) == ["rejected: events_per_hour"]
    assert ask({"c": {T.KILL: "why"}}, now=HOUR) == ["applied: so it went"], "it is still wanted"
    assert [task for task, _, _ in fake.done] == ["a", "b", "c"]


def test_nobody_is_killed_unless_a_budget_says_so(fake):
    with_defaults = Events(fake, Envelope(), act=True)
    result = Result("a", "kill", "why")
    with_defaults.perform([result], {"a": TaskData("a", "a", "/a")}, 0.0)
    with_defaults.close(1.0)
    assert (result.outcome, result.reason) == ("rejected", "events_per_hour")
    assert fake.done == []


@pytest.mark.parametrize(
    ("asked", "held", "outcome"),
    [
        (KILL, "hold", "rejected: hold"),
        (KILL, "journal", "rejected: journal"),
        ({"gold": {T.KILL: "why"}}, "", "rejected: protected"),
        ({"a": {T.MEMORY_RECLAIM: 2 << 30}}, "", "rejected: maximums"),
        ({"gone": {T.KILL: "why"}}, "", "failed: there is no such task"),
        ({"a": {T.MIGRATE_PAGES: 2}}, "", "failed: expected a whole number from 0 to 1, got 2"),
        (
            {"a": {T.KILL: " "}},
            "",
            "failed: expected the reason, a text of up to 500 characters, got ' '",
        ),
    ],
)
def test_what_must_not_be_is_not_done_and_costs_no_budget(ask, fake, asked, held, outcome):
    for _ in range(3):
        assert ask(asked, held=held) == [outcome]
    assert fake.done == []
    assert ask({"a": {T.KILL: "1"}, "b": {T.KILL: "2"}}) == ["applied: so it went"] * 2


def test_what_was_held_back_is_done_when_it_is_released_and_still_asked_for(ask, fake):
    ask(KILL, held="hold")
    assert ask(KILL) == ["applied: so it went"]


def test_without_act_it_would_have_been_done_with_the_same_budget(ask, fake):
    assert ask(KILL, act=False) == ["would"]
    assert ask(KILL) == ["unchanged"]
    assert ask({"b": {T.KILL: "x"}, "c": {T.KILL: "y"}}) == ["would", "rejected: events_per_hour"]
    assert fake.done == []


def test_one_that_fails_costs_no_other_and_is_not_tried_again(ask, fake):
    fake.fails["a"] = WcaError("2 processes are left")
    asked = KILL | {"b": {T.KILL: "x"}}
    assert ask(asked) == ["failed: 2 processes are left", "applied: so it went"]
    assert ask(asked) == ["failed: 2 processes are left", "unchanged: so it went"]
    assert len(fake.done) == 2


def test_an_action_that_breaks_costs_itself(ask, fake):
    fake.fails["a"] = ZeroDivisionError("oh")
    assert ask(KILL | {"b": {T.KILL: "x"}}) == [
        "failed: ZeroDivisionError: oh",
        "applied: so it went",
    ]


def test_what_a_kernel_has_not_is_said(ask, fake):
    fake.lacks["a"] = "not on cgroup v1"
    assert ask({"a": {T.MEMORY_RECLAIM: 1}}) == ["failed: not on cgroup v1"]


def test_one_that_hangs_costs_its_type_only_and_what_was_not_begun_is_done_later(ask, fake):
    fake.hangs = threading.Event()
    both = {"a": {T.MIGRATE_PAGES: 1}, "b": {T.MIGRATE_PAGES: 1}}
    late, none_left = (
        "failed: the kernel has not finished it in time",
        "failed: no time was left for it",
    )
    assert ask(both, migrate_pages=2) == [late, none_left]
    assert ask(both) == [late, "failed: an earlier one has not finished"]
    fake.hangs.set()
    deadline = threading.Event()
    for _ in range(500):
        outcome = ask(both)
        if outcome == ["unchanged: so it went", "applied: so it went"]:
            break
        deadline.wait(0.01)
    assert outcome == ["unchanged: so it went", "applied: so it went"]
    assert sorted(task for task, _, _ in fake.done) == ["a", "b"], "each once, within a budget of 2"


def test_a_kill_does_not_wait_behind_a_reclaim_that_hangs(ask, fake):
    fake.hangs = threading.Event()
    ask({"a": {T.MEMORY_RECLAIM: 4096}})
    hanging, fake.hangs = fake.hangs, None
    assert ask({"b": {T.KILL: "x"}, "a": {T.MEMORY_RECLAIM: 4096}}) == [
        "applied: so it went",
        "failed: an earlier one has not finished",
    ]
    hanging.set()


@pytest.mark.parametrize(
    ("budgets", "sentence"),
    [({"cpu_quota": 3}, "events_per_hour: cpu_quota is no event, remove it")],
)
def test_a_budget_is_of_an_event(budgets, sentence):
    with pytest.raises(ValidationError) as refused:
        Envelope(events_per_hour=budgets)
    assert str(refused.value) == sentence


ASKED = st.dictionaries(
    st.sampled_from("ab"),
    st.fixed_dictionaries(
        {},
        optional={
            T.KILL: st.sampled_from(["x", "y"]),
            T.MIGRATE_PAGES: st.integers(0, 2),
            T.MEMORY_RECLAIM: st.integers(0, 2),
        },
    ),
)
STEPS = st.lists(st.tuples(ASKED, st.floats(0, 2000), st.sampled_from(["", "hold"])), max_size=20)


@given(STEPS, st.integers(0, 3))
def test_whatever_is_asked_for_the_hour_and_the_hold_are_kept_and_nothing_is_done_twice(
    steps, budget
):
    fake = Fake()
    envelope = Envelope(events_per_hour=dict.fromkeys(("kill", "migrate_pages"), budget))
    events = Events(fake, envelope, act=True)
    tasks = {name: TaskData(name, name, f"/{name}") for name in "ab"}
    now, times, before = 0.0, [], set()
    for asked, later, held in steps:
        now += later
        count = len(fake.done)
        results = [
            Result(task, str(type_), value)
            for task, one in asked.items()
            for type_, value in one.items()
        ]
        events.perform(results, tasks, now, held)
        fresh = fake.done[count:]
        assert not (held and fresh)
        assert len(fresh) == sum(one.outcome == "applied" for one in results)
        assert not before & {one for one in fresh if one[1] != T.MEMORY_RECLAIM}
        still = {(one.task_id, one.type, one.value) for one in results}
        before = (before | set(fresh)) & still
        times += [(type_, now) for _, type_, _ in fresh]
    for type_, time in times:
        within = [t for kind, t in times if kind == type_ and time - HOUR < t <= time]
        assert type_ == T.MEMORY_RECLAIM or len(within) <= budget
    events.close(1.0)
