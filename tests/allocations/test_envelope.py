"""The envelope: which clause refuses what, and that nothing ever gets past it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.allocations.envelope import Ask, Envelope, History
from wca.allocators import AllocationType
from wca.errors import ValidationError

T = AllocationType


def ask(amount=0.5, now=1.0, type_=T.QUOTA, task_id="a", labels=None, **more):
    return Ask(task_id, type_, amount, now, labels or {}, **more)


class Granting:
    """An envelope with its history."""

    def __init__(self, **options):
        self.envelope = Envelope(**options)
        self.history = History()

    def __call__(self, one, at=0.0, counted=None):
        counted = set() if counted is None else counted
        clause = self.envelope.refuses(one, self.history, at, counted)
        if clause is None:
            self.history.record(one, at, counted)
        return clause


def test_protected_tasks_are_left_alone_by_everybody():
    grant = Granting(protected={"qos": "Guaranteed|system", "team": "db"})
    assert grant(ask(labels={"qos": "Guaranteed"})) == "protected"
    assert grant(ask(labels={"team": "db"}, decided=False)) == "protected"
    assert grant(ask(labels={"qos": "Guaranteed2"})) is None
    assert grant(ask(labels={}, task_id="b")) is None


def test_a_task_without_the_label_is_not_protected_by_an_expression_that_matches_anything():
    assert Granting(protected={"qos": ".*"})(ask(labels={})) is None


def test_bounds_hold_for_what_a_person_has_decided_too():
    grant = Granting(minimums={"pids_max": 20}, maximums={T.MEMORY_MAX: 1 << 30})
    assert grant(ask(0.001, decided=False)) == "minimums"
    assert grant(ask(19, 30, T.PIDS_MAX)) == "minimums"
    assert grant(ask(2 << 30, math.inf, T.MEMORY_MAX)) == "maximums"
    assert grant(ask(math.inf, 1 << 20, T.MEMORY_MAX)) == "maximums"
    assert grant(ask(20, 30, T.PIDS_MAX)) is None


def test_the_same_is_not_changed_again_at_once_and_growth_takes_longer():
    grant = Granting(shrink_pause=10, grow_pause=60)
    assert grant(ask(0.8, 1.0), at=0) is None
    assert grant(ask(0.7, 0.8), at=9) == "shrink_pause"
    assert grant(ask(0.7, 0.8), at=10) is None
    assert grant(ask(0.8, 0.7), at=69) == "grow_pause"
    assert grant(ask(0.8, 0.7), at=70) is None


def test_another_type_and_another_task_have_pauses_of_their_own():
    grant = Granting()
    assert grant(ask(0.8)) is None
    assert grant(ask(0.8, task_id="b")) is None
    assert grant(ask(1, 100, T.CPU_WEIGHT)) is None


def test_a_step_is_a_share_of_what_is_in_force():
    grant = Granting(shrink_step=0.5, grow_step=0.25)
    assert grant(ask(0.49, 1.0)) == "shrink_step"
    assert grant(ask(0.5, 1.0)) is None
    assert grant(ask(0.63, 0.5, task_id="b")) == "grow_step"
    assert grant(ask(0.625, 0.5, task_id="b")) is None


def test_to_set_a_first_limit_and_to_enter_the_idle_class_is_one_step():
    grant = Granting(shrink_step=0.1)
    assert grant(ask(1 << 30, math.inf, T.MEMORY_MAX)) is None
    assert grant(ask(0.0, 1.0, T.CPU_IDLE, task_id="b")) is None


def test_four_decisions_a_day_unless_the_file_says_otherwise():
    grant = Granting()
    assert [grant(ask(task_id=name), at=0) for name in "abcd"] == [None] * 4
    assert grant(ask(task_id="e"), at=86_399) == "decisions_per_day"
    assert grant(ask(task_id="e"), at=86_400) is None


def test_changes_of_one_task_in_one_interval_are_one_decision():
    grant, counted = Granting(decisions_per_day=1), set()
    assert grant(ask(), counted=counted) is None
    assert grant(ask(1, 100, T.CPU_WEIGHT), counted=counted) is None
    assert grant(ask(task_id="b"), counted=counted) == "decisions_per_day"


def test_what_a_person_has_decided_is_not_counted_and_not_slowed_down():
    grant = Granting(decisions_per_day=0, shrink_step=0.0, grow_step=0.0)
    assert grant(ask(0.1, decided=False)) is None
    assert grant(ask(0.9, 0.1, decided=False)) is None


def test_to_give_back_what_was_there_is_never_refused_and_no_decision():
    grant = Granting(protected={"qos": "x"}, minimums={T.QUOTA: 0.9}, decisions_per_day=0)
    assert grant(ask(0.1, labels={"qos": "x"}, back=True)) is None
    assert grant.history.decisions(0) == 0


def test_growth_cannot_be_configured_to_be_faster():
    with pytest.raises(ValidationError, match="grow_pause >= shrink_pause"):
        Envelope(shrink_pause=60, grow_pause=10)


def test_an_expression_that_is_none_is_refused():
    with pytest.raises(ValidationError, match="protected: qos: no regular expression"):
        Envelope(protected={"qos": "("})


def test_tasks_that_are_gone_are_forgotten_when_their_last_change_does_not_matter_any_more():
    grant = Granting()
    grant(ask(), at=5.0)
    grant.history.keep({"b"}, since=4.0)
    assert grant.history.since(ask(), 6.0) == 1.0
    grant.history.keep({"b"}, since=5.0)
    assert grant.history.since(ask(), 6.0) == math.inf


def test_types_of_one_file_have_one_pause():
    grant = Granting()
    assert grant(ask(0.8, type_=T.SHARES), at=0) is None
    assert grant(ask(50, 80, T.CPU_WEIGHT), at=1) == "shrink_pause"
    assert grant(ask(0, 1, T.CPU_IDLE), at=2) == "shrink_pause"


@pytest.mark.parametrize(
    ("type_", "now", "amount", "too_much"),
    [
        (T.CPU_BURST, 0.0, 0.5, None),
        (T.CPUSET_CPUS, 1, 2, 3),
        (T.CPUSET_MEMS, 1, 2, 3),
        (T.CPU_WEIGHT, 1, 2, 3),
        (T.MEMORY_LOW, 0, 16 << 20, None),
        (T.PIDS_MAX, 8, 12, 13),
        (T.SHARES, 0.002, 0.028, 0.2),
    ],
)
def test_a_step_is_at_least_one_and_from_nothing_all(type_, now, amount, too_much):
    assert Granting()(ask(amount, now, type_)) is None
    if too_much is not None:
        assert Granting()(ask(too_much, now, type_)) == "grow_step"
    if now:
        assert Granting(grow_step=0.0)(ask(amount, now, type_)) == "grow_step"


@pytest.mark.parametrize(
    ("bounds", "sentence"),
    [
        ({"minimums": {T.QUOTA: math.nan}}, "minimums: cpu_quota: expected a number"),
        ({"maximums": {T.QUOTA: -1}}, "maximums: cpu_quota: expected a number"),
        ({"minimums": {T.SHARES: True}}, "minimums: cpu_shares: expected a number"),
        ({"minimums": {T.KILL: 3}}, "minimums: kill has no amount"),
        ({"maximums": {T.PIDS_MAX: 3}}, "maximums: pids_max: 3 is less than its minimum of 8"),
        (
            {"minimums": {T.SHARES: 2}, "maximums": {T.SHARES: 1}},
            "maximums: cpu_shares: 1 is less than its minimum of 2",
        ),
    ],
)
def test_bounds_that_make_no_sense_are_refused(bounds, sentence):
    with pytest.raises(ValidationError, match=sentence):
        Envelope(**bounds)


AMOUNTS = st.floats(0, 1, allow_nan=False)
EVENTS = st.lists(
    st.tuples(st.sampled_from("abc"), AMOUNTS, st.floats(0, 40_000), st.booleans()), max_size=40
)


@given(EVENTS, st.floats(0, 1), st.floats(0, 2), st.integers(0, 6))
def test_no_allocator_leaves_the_envelope(events, shrink_step, grow_step, per_day):
    """Whatever is asked for, when, and by whom."""
    grant = Granting(
        protected={"qos": "x"},
        minimums={T.QUOTA: 0.1},
        maximums={T.QUOTA: 0.9},
        shrink_step=shrink_step,
        grow_step=grow_step,
        shrink_pause=5,
        grow_pause=50,
        decisions_per_day=per_day,
    )
    at, state, changed, decided = 0.0, dict.fromkeys("abc", 0.5), {}, []
    for task_id, amount, pause, by_itself in events:
        at += pause
        now = state[task_id]
        labels = {"qos": "x"} if task_id == "c" else {}
        if grant(ask(amount, now, task_id=task_id, labels=labels, decided=by_itself), at) is None:
            assert task_id != "c"
            assert 0.1 <= amount <= 0.9
            if by_itself:
                step = grow_step if amount > now else shrink_step
                assert abs(amount - now) <= step * now * 1.000001
                rest = at - changed.get(task_id, -math.inf)
                assert rest >= (50 if amount > now else 5)
                decided.append(at)
                assert len([time for time in decided if time > at - 86_400]) <= per_day
            state[task_id], changed[task_id] = amount, at
