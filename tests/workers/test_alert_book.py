"""The life of alerts: unit by unit, and against a model that is never restarted."""

import itertools
import logging
from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.workers.alert_model import NAMES, RULES, WORKERS, Model
from tests.workers.alert_parts import NOW, WORKER, known, reading, sample, unasked
from wca.errors import ValidationError
from wca.testing.clock import FakeClock
from wca.workers import (
    NoDataRule,
    ScheduledEventRule,
    StateChangeRule,
    StatusCheckRule,
    ThresholdRule,
)
from wca.workers.alerting.book import HOLD, AlertBook
from wca.workers.api import Rule
from wca.workers.model import (
    AlertState,
    Checks,
    Gone,
    ScheduledEvent,
    Severity,
    Worker,
)

HOT = ThresholdRule("cpu", above=90, clear_below=80, **{"for": 2})
CHECKS = StatusCheckRule()
STOPPED = StateChangeRule(**{"from": "running", "to": ["stopped", "terminated"]})
SILENT = NoDataRule("memory", after=2)
IMPAIRED = Checks("ok", "impaired", "ok")


def words(alerts):
    return [(alert.rule, str(alert.state)) for alert in alerts]


#: Counts the readings of all tests: each is newer than those before.
NUMBERS = itertools.count()


def fresh(one):
    """The same sample with readings that nobody has seen yet."""
    at = NOW + 300 * next(NUMBERS)
    readings = {
        name: reading if reading.at is None else replace(reading, at=at)
        for name, reading in one.readings.items()
    }
    return replace(one, readings=readings)


def polled(book, *samples):
    """The changes of each sample, as words; each has new readings."""
    return [words(book.judge(fresh(one), known("running"))) for one in samples]


# ok, pending, firing, resolved


def test_an_alert_is_pending_until_it_has_held_for_as_many_polls_as_its_rule_asks():
    book = AlertBook([HOT])
    assert polled(book, sample(cpu=95), sample(cpu=96), sample(cpu=97), sample(cpu=70)) == [
        [("cpu above 90", "pending")],
        [("cpu above 90", "firing")],
        [],
        [("cpu above 90", "resolved")],
    ]
    assert book.firing() == []


def test_an_alert_that_did_not_hold_long_enough_is_over_without_having_fired():
    book = AlertBook([HOT])
    book.judge(sample(cpu=95), None)
    (over,) = book.judge(sample(cpu=20), None)
    assert (over.state, over.fired_at) == (AlertState.RESOLVED, None)


def test_a_rule_that_asks_for_one_poll_fires_at_once():
    assert polled(AlertBook([CHECKS]), sample(checks=IMPAIRED)) == [[("status check", "firing")]]


def test_a_value_that_is_not_beyond_the_bound_begins_the_count_anew():
    assert polled(AlertBook([HOT]), *[sample(cpu=value) for value in (95, 85, 95, 95)]) == [
        [("cpu above 90", "pending")],
        [("cpu above 90", "resolved")],
        [("cpu above 90", "pending")],
        [("cpu above 90", "firing")],
    ]


@pytest.mark.parametrize("between", ["no data", "throttled", "stale"])
def test_a_poll_that_says_nothing_neither_counts_nor_begins_anew(between):
    book = AlertBook([HOT])
    assert polled(book, sample(cpu=95), sample(cpu=between), sample(cpu=95)) == [
        [("cpu above 90", "pending")],
        [],
        [("cpu above 90", "firing")],
    ]


@pytest.mark.parametrize("between", [85, "no data", "failed"])
def test_an_alert_that_fires_goes_on_until_something_says_that_it_is_over(between):
    book = AlertBook([HOT])
    polled(book, sample(cpu=95), sample(cpu=95))
    assert polled(book, sample(cpu=between), unasked(), sample(cpu=95)) == [[], [], []]
    assert words(book.firing()) == [("cpu above 90", "firing")]


def test_a_reading_that_several_polls_find_counts_once_also_over_a_restart():
    same = sample(cpu=95)
    (pending,) = AlertBook([HOT]).judge(same, None)
    book = AlertBook([HOT], [pending])
    assert book.judge(replace(same, at=NOW + 60), None) == []
    older = reading(99, NOW - 600)  # as when the newest point could not be had
    assert book.judge(replace(same, readings={"cpu": older}), None) == []
    (fires,) = book.judge(sample(cpu=96, at=NOW + 300), None)
    assert (fires.state, fires.polls, fires.read_at) == (AlertState.FIRING, 2, NOW)


def test_a_rule_about_the_state_counts_polls():
    book = AlertBook([StatusCheckRule(**{"for": 3})])
    same = sample(checks=IMPAIRED)
    assert [words(book.judge(same, None)) for _ in range(3)][2] == [("status check", "firing")]


def test_an_alert_has_its_newest_number_and_the_worker_as_it_is_known_now():
    book = AlertBook([HOT])
    polled(book, sample(cpu=95), sample(cpu=95))
    renamed = replace(WORKER, name="db")
    assert book.judge(sample(cpu=99, worker=renamed), None) == []
    (alert,) = book.firing()
    assert (alert.value, alert.worker.title, alert.fired_at) == (99, "db", NOW)
    assert alert.summary == "cpu of db is 99, above 90"


def test_the_key_is_that_of_rule_and_worker_in_every_run():
    keys = {
        AlertBook([one]).judge(sample(checks=IMPAIRED, worker=worker), None)[0].key
        for one in (CHECKS, StatusCheckRule(name="checks"))
        for worker in (WORKER, Worker("w-2", "eu-west-1", "i-2"))
        for _ in range(2)
    }
    assert len(keys) == 4
    assert all(len(key) == 40 for key in keys)
    first = AlertBook([CHECKS]).judge(sample(checks=IMPAIRED), None)[0].key
    assert first == "96542f49a7fe0688c24eabdd1e0354d564d6ca64"


# What changes while it fires


def test_another_check_that_fails_is_told_and_each_only_once():
    book = AlertBook([CHECKS])
    both = Checks("impaired", "impaired", "ok")
    polls = [sample(checks=checks) for checks in (IMPAIRED, both, IMPAIRED, both)]
    assert polled(book, *polls) == [
        [("status check", "firing")],
        [("status check", "firing")],
        [],
        [],
    ]


def test_another_event_that_is_announced_is_told_with_a_time_of_its_own_also_after_a_restart():
    rule = ScheduledEventRule()
    first, second = (ScheduledEvent(id_, "system-reboot") for id_ in ("e-1", "e-2"))
    (fires,) = AlertBook([rule]).judge(sample(events=[first]), None)
    book = AlertBook([rule], [fires])
    assert book.judge(sample(events=[first], at=NOW + 60), None) == []
    (again,) = book.judge(sample(events=[first, second], at=NOW + 120), None)
    assert (again.fired_at, again.changed_at) == (NOW, NOW + 120)
    assert again.happened_at == NOW + 120
    assert fires.happened_at == NOW


def test_an_alert_that_was_kept_by_an_earlier_version_is_not_told_again():
    (fires,) = AlertBook([CHECKS]).judge(sample(checks=IMPAIRED), None)
    book = AlertBook([CHECKS], [replace(fires, what=())])
    both = Checks("impaired", "impaired", "ok")
    assert polled(book, sample(checks=IMPAIRED), sample(checks=both)) == [
        [],
        [("status check", "firing")],
    ]


# Inhibition


@pytest.mark.parametrize("state", ["stopping", "stopped", "shutting-down", "terminated"])
def test_alerts_about_load_and_data_of_an_instance_that_is_stopped_are_resolved(state):
    book = AlertBook([HOT, SILENT])
    polled(book, *[sample(cpu=95, memory="no data")] * 2)
    over = book.judge(sample(state), known("running"))
    assert words(over) == [("cpu above 90", "resolved"), ("no data of memory", "resolved")]
    assert {alert.summary for alert in over} == {f"web is {state}"}


def test_an_instance_that_is_stopped_begins_no_alert_about_load():
    book = AlertBook([HOT, SILENT])
    assert polled(book, *[sample("stopped", cpu=95, memory="no data")] * 3) == [[], [], []]


def test_the_alert_about_the_stop_itself_fires():
    book = AlertBook([HOT, STOPPED])
    assert words(book.judge(sample("stopped"), known("running"))) == [
        ("running to stopped/terminated", "firing")
    ]


def window(begin, end):
    return ScheduledEvent("e", "system-reboot", "", begin, end)


@pytest.mark.parametrize(
    ("event", "open_"),
    [
        (window(NOW - 1, NOW + 1), True),
        (window(NOW, None), True),
        (window(None, None), True),
        (window(NOW + 1, NOW + 2), False),
        (window(NOW - 2, NOW), False),
    ],
)
def test_while_an_announced_event_is_under_way_no_status_check_begins_to_alert(event, open_):
    book = AlertBook([CHECKS])
    found = book.judge(sample(checks=IMPAIRED, events=[event]), None)
    assert words(found) == ([] if open_ else [("status check", "firing")])


def test_an_alert_from_before_the_event_is_held_and_may_end_in_it():
    book = AlertBook([CHECKS])
    polled(book, sample(checks=IMPAIRED))
    during = sample(checks=IMPAIRED, events=[window(NOW - 1, NOW + 60)])
    assert polled(book, during) == [[]]
    assert words(book.firing()) == [("status check", "firing")]
    assert book.actionable(during) == []
    assert words(book.actionable(sample(checks=IMPAIRED))) == [("status check", "firing")]
    healthy = sample(events=[window(NOW - 1, NOW + 60)])
    assert polled(book, healthy) == [[("status check", "resolved")]]


def test_an_event_does_not_hide_load():
    book = AlertBook([HOT])
    during = sample(cpu=95, events=[window(None, None)])
    assert polled(book, during, during)[1] == [("cpu above 90", "firing")]


# The end of a worker, of a rule, of a run


CHANGE = STOPPED.name


def ended(clock):
    """A book that has just been told that an instance has ended; NOW is now."""
    book = AlertBook([CHECKS, STOPPED], clock=clock)
    polled(book, sample(checks=IMPAIRED))
    changes = book.judge(sample(status=Gone(WORKER.instance_id)), known("running"))
    assert words([*changes, *book.end("w-1")]) == [(CHANGE, "firing"), ("status check", "resolved")]
    return book


def test_of_an_instance_that_has_ended_the_alert_that_says_so_goes_on_for_an_hour():
    clock = FakeClock(now=NOW)
    book = ended(clock)
    clock.advance(HOLD - 1)
    assert book.end("w-1") == []
    assert words(book.firing()) == [(CHANGE, "firing")]
    clock.advance(1)
    assert words(book.end("w-1")) == [(CHANGE, "resolved")]
    assert book.worker_ids == set()


def test_that_alert_goes_on_over_a_restart_and_no_longer():
    clock = FakeClock(now=NOW)
    book = AlertBook([CHECKS, STOPPED], ended(clock).firing(), clock=clock)
    assert book.end("w-1") == []
    clock.advance(HOLD)
    assert words(book.end("w-1")) == [(CHANGE, "resolved")]


def test_that_alert_is_over_at_once_where_nobody_could_tell_so_later():
    assert words(ended(FakeClock(now=NOW)).end("w-1", at_once=True)) == [(CHANGE, "resolved")]


def test_that_alert_is_over_when_its_worker_is_another_instance():
    book = ended(FakeClock(now=NOW))
    assert polled(book, sample()) == [[(CHANGE, "resolved")]]


def test_a_worker_that_ends_has_its_alerts_resolved():
    clock = FakeClock()
    book = AlertBook([CHECKS, HOT], clock=clock)
    polled(book, sample(checks=IMPAIRED, cpu=95))
    assert book.worker_ids == {"w-1"}
    over = book.end("w-1")
    assert words(over) == [("status check", "resolved"), ("cpu above 90", "resolved")]
    assert {alert.resolved_at for alert in over} == {clock.now()}
    assert book.end("w-1") == []
    assert book.firing() == []


def test_after_a_restart_an_alert_does_not_fire_again_and_is_resolved():
    first = AlertBook([HOT])
    hot = [fresh(sample(cpu=95)) for _ in range(2)]
    kept = [change for one in hot for change in first.judge(one, None)][-1]
    second = AlertBook([HOT], [kept])
    assert words(second.firing()) == [("cpu above 90", "firing")]
    assert polled(second, sample(cpu=95), sample(cpu=10)) == [[], [("cpu above 90", "resolved")]]


def test_after_a_restart_a_pending_alert_is_counted_on():
    (pending,) = AlertBook([HOT]).judge(sample(cpu=95), None)
    assert polled(AlertBook([HOT], [pending]), sample(cpu=95)) == [[("cpu above 90", "firing")]]


def test_an_alert_whose_rule_is_not_configured_any_more_is_resolved_with_the_next_poll():
    (fired,) = AlertBook([CHECKS]).judge(sample(checks=IMPAIRED), None)
    book = AlertBook([HOT], [fired])
    assert book.actionable(sample(checks=IMPAIRED)) == []
    (over,) = book.judge(sample(), None)
    assert (over.state, over.summary) == (AlertState.RESOLVED, "there is no such rule any more")


def test_what_another_agent_watches_is_its_business_until_it_is_taken_over_as_it_was_kept():
    here, there = AlertBook([CHECKS]), AlertBook([CHECKS])
    (fired,) = here.judge(sample(checks=IMPAIRED), None)
    here.let_go(["w-1"])
    assert here.firing() == []
    there.take_over(["w-1"], [fired])
    assert polled(there, sample(checks=IMPAIRED), sample()) == [[], [("status check", "resolved")]]
    here.judge(sample(checks=IMPAIRED), None)
    here.take_over(["w-1"], [])
    assert here.firing() == []


def test_two_rules_of_one_name_are_refused():
    with pytest.raises(ValidationError, match="another rule is called 'status check'"):
        AlertBook([CHECKS, StatusCheckRule()])


def test_a_rule_of_a_plugin_that_breaks_is_said_once_and_keeps_nobody_from_judging(caplog):
    class Broken(Rule):
        name, severity, polls = "broken", Severity.INFO, 1

        def judge(self, sample, before):
            return 1 / 0

    book = AlertBook([Broken(), CHECKS])
    with caplog.at_level(logging.ERROR):
        assert polled(book, sample(checks=IMPAIRED), sample()) == [
            [("status check", "firing")],
            [("status check", "resolved")],
        ]
    assert caplog.messages == [
        "The rule 'broken' cannot judge (said once): ZeroDivisionError: division by zero"
    ]


# Against a model

VALUES = st.sampled_from([0, 50, 79, 80, 85, 90, 91, 100, "no data", "stale", "throttled"])
STATES = st.sampled_from(["running"] * 6 + ["pending", "stopping", "stopped", "terminated"])
WORDS = st.sampled_from(["ok", "impaired", "initializing", "not-applicable"])
EVENTS = st.sampled_from([(), (), (window(None, None),), (window(NOW - 9, NOW - 5),)])
SAMPLES = st.builds(
    lambda worker, state, word, events, cpu, memory: sample(
        state, Checks("ok", word, "ok"), events, worker, cpu=cpu, memory=memory
    ),
    st.sampled_from(WORKERS),
    STATES,
    WORDS,
    EVENTS,
    VALUES,
    VALUES,
)


class Life(RuleBasedStateMachine):
    """Polls, restarts with what was kept, and ends of workers, in any order."""

    @initialize()
    def begin(self):
        self.model = Model()
        self.kept = {}  # as a store keeps alerts
        self.states = {}
        self.readings = {}
        self.heard = []
        self.book = AlertBook(RULES)

    @rule(worker=st.sampled_from(WORKERS), cpu=st.sampled_from([91, 95, 100]))
    def poll_trouble(self, worker, cpu):
        """What chance alone would hardly make several times in a row."""
        impaired = sample(checks=IMPAIRED, worker=worker, cpu=cpu, memory="no data")
        self.poll_one(fresh(impaired))

    @rule(one=SAMPLES)
    def poll(self, one):
        self.poll_one(fresh(one))

    @rule(one=SAMPLES)
    def poll_before_there_are_new_readings(self, one):
        readings = self.readings.get(one.worker.id)
        self.poll_one(fresh(one) if readings is None else replace(one, readings=readings))

    def poll_one(self, one):
        self.readings[one.worker.id] = one.readings
        before = self.states.get(one.worker.id)
        self.keep(self.book.judge(one, before))
        self.model.poll(one, before)
        self.states[one.worker.id] = known(str(one.status.state), worker=one.worker)

    @rule(worker=st.sampled_from(WORKERS))
    def poll_nobody_answers(self, worker):
        self.keep(self.book.judge(unasked(worker), self.states.get(worker.id)))

    @rule(worker=st.sampled_from(WORKERS))
    def gone(self, worker):
        one = replace(unasked(worker), status=Gone(worker.instance_id))
        before = self.states.pop(worker.id, None)
        self.keep(self.book.judge(one, before))
        self.keep(self.book.end(worker.id))  # the alerts of these tests fired years ago
        self.model.poll(one, before)

    @rule(worker=st.sampled_from(WORKERS))
    def end(self, worker):
        self.states.pop(worker.id, None)
        self.keep(self.book.end(worker.id))
        self.model.forget(worker.id)

    @rule()
    def restart(self):
        self.book = AlertBook(RULES, list(self.kept.values()))

    def keep(self, alerts):
        for alert in alerts:
            if alert.state is AlertState.RESOLVED:
                self.kept.pop(alert.key, None)
            else:
                self.kept[alert.key] = alert
            if alert.state is not AlertState.PENDING and alert.fired_at is not None:
                self.heard.append((NAMES[alert.rule], alert.worker.id, str(alert.state)))

    @invariant()
    def nothing_is_lost_or_doubled(self):
        if hasattr(self, "model"):
            assert sorted(self.heard) == sorted(self.model.heard)
            told = {(NAMES[one.rule], one.worker.id) for one in self.book.firing()}
            assert told == self.model.fires

    @invariant()
    def each_receiver_hears_fire_and_end_in_turns(self):
        turns = {}
        for name, worker_id, state in getattr(self, "heard", []):
            turns.setdefault((name, worker_id), []).append(state)
        for states in turns.values():
            assert states == (["firing", "resolved"] * len(states))[: len(states)]


Life.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestLife = Life.TestCase
