"""What is done about a worker whose status checks fail, and what never is."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workers.alert_parts import NOW, WORKER, alert, configured, known
from wca.errors import ConfigLoadError, ValidationError
from wca.workers import AutoRemediation
from wca.workers.model import BEGUN, UNANSWERED, Action, ActionRecord, Checks, Worker
from wca.workers.past import Past
from wca.workers.remediation import DONE, DRY_RUN

GUEST, HOST = Checks("ok", "impaired", "ok"), Checks("impaired", "impaired", "ok")
FIRES = alert(rule="status check", summary="the instance check is impaired on web")
ARMED = AutoRemediation(dry_run=False)


def record(action, at=NOW - 60, outcome=DONE, worker=WORKER):
    return ActionRecord(worker, action, at, "why", outcome)


def others(count, at=NOW - 60, outcome=DONE):
    return [
        record(Action.REBOOT, at, outcome, Worker(f"o-{number}", "eu-west-1", f"i-{number}"))
        for number in range(count)
    ]


def plan(remediation=ARMED, checks=GUEST, past=(), fires=FIRES, state="running", worker=WORKER):
    return remediation.plan(fires, known(state, checks, worker), Past(past), NOW)


def test_an_impaired_instance_is_rebooted_and_an_impaired_host_is_left():
    assert plan(checks=GUEST) is Action.REBOOT
    assert plan(checks=HOST) is Action.STOP


def test_by_default_it_is_only_recorded_what_would_be_done():
    assert plan(AutoRemediation()) == ActionRecord(
        WORKER, Action.REBOOT, NOW, "the instance check is impaired on web", DRY_RUN
    )


@pytest.mark.parametrize(
    "fires",
    [alert("pending", rule="status check"), alert("resolved", rule="status check"), alert()],
)
def test_only_an_alert_that_fires_and_is_about_status_checks_is_acted_on(fires):
    assert plan(fires=fires) is None


def test_rules_of_other_names_may_be_given():
    named = AutoRemediation(dry_run=False, rules=["checks of the fleet"])
    assert plan(named, fires=alert(rule="checks of the fleet")) is Action.REBOOT
    assert plan(named) is None


@pytest.mark.parametrize("checks", [Checks("ok", "ok", "impaired"), Checks("ok", "ok", "ok")])
def test_nothing_is_done_where_nothing_of_it_would_help(checks):
    assert plan(checks=checks) is None


@pytest.mark.parametrize("state", ["pending", "stopping", "stopped", "terminated", "unknown"])
def test_only_a_running_instance_is_acted_on(state):
    assert plan(state=state) is None


def test_a_worker_with_the_tag_is_off_limits():
    tagged = Worker("w-1", "eu-west-1", "i-1", tags={"wca-no-remediation": ""})
    assert plan(worker=tagged) is None
    stop = record(Action.STOP, worker=tagged)
    assert ARMED.finish(known("stopped", worker=tagged), Past([stop]), NOW) is None


def test_a_kind_of_action_can_be_left_out():
    assert plan(AutoRemediation(dry_run=False, stop_start=False), checks=HOST) is None
    assert plan(AutoRemediation(dry_run=False, reboot=False), checks=GUEST) is None


# Cool-down and limits


@pytest.mark.parametrize("outcome", [DONE, DRY_RUN, "EC2 did not accept it"])
def test_after_an_attempt_nothing_is_done_to_the_worker_for_the_cool_down(outcome):
    assert plan(past=[record(Action.REBOOT, NOW - 1799, outcome)]) is None
    assert plan(past=[record(Action.REBOOT, NOW - 1801, outcome)]) is Action.REBOOT
    assert plan(past=others(1)) is Action.REBOOT


def test_the_fleet_has_a_limit_within_an_hour_that_is_said_once_for_an_alert():
    full = others(3)
    held = plan(past=full)
    assert held.outcome == "held back: 3 actions within an hour are the most"
    assert plan(past=[*full, held]) is None
    assert plan(past=[*others(3, at=NOW - 3601), held]) is Action.REBOOT


def test_a_stop_and_its_start_are_one_action():
    pair = [record(Action.STOP), record(Action.START)]
    elsewhere = [replace(one, worker=Worker("o", "r", "i")) for one in pair]
    assert plan(past=[*elsewhere, *others(1)]) is Action.REBOOT
    assert plan(past=[*elsewhere, *others(2)]).outcome.startswith("held back")


def test_a_worker_that_three_actions_have_not_helped_is_left_to_people():
    past = [record(Action.REBOOT, NOW - hours * 3600) for hours in (20, 10, 2)]
    assert plan(past=past).outcome == (
        "held back: 3 actions on this worker within a day have not helped"
    )
    assert plan(past=past[1:]) is Action.REBOOT


# The second step


def test_what_was_stopped_by_us_is_started_when_it_is_stopped():
    stop = record(Action.STOP)
    assert ARMED.finish(known("stopping"), Past([stop]), NOW) is None
    assert ARMED.finish(known("stopped"), Past([stop]), NOW) is Action.START
    assert ARMED.finish(known("stopped"), Past([stop, record(Action.START, NOW - 30)]), NOW) is None


@pytest.mark.parametrize("outcome", [BEGUN, f"{UNANSWERED}no answer within 20 s"])
def test_a_stop_of_which_nobody_knows_whether_it_was_accepted_is_followed_up(outcome):
    stop = record(Action.STOP, NOW - 60, outcome)
    assert ARMED.finish(known("stopped"), Past([stop]), NOW) is Action.START
    assert ARMED.finish(known("running"), Past([stop]), NOW) is None
    assert ARMED.finish(known("running"), Past([stop]), NOW + 300).outcome == "not needed, it runs"


def test_a_start_that_failed_is_tried_again_and_knows_no_limit_or_dry_run():
    past = [*others(50), record(Action.STOP), record(Action.START, outcome="no capacity")]
    for remediation in (ARMED, AutoRemediation(dry_run=True)):
        assert remediation.finish(known("stopped"), Past(past), NOW) is Action.START


@pytest.mark.parametrize("outcome", [DRY_RUN, "EC2 did not accept it", "held back: enough"])
def test_what_somebody_else_has_stopped_stays_stopped(outcome):
    assert ARMED.finish(known("stopped"), Past([]), NOW) is None
    assert ARMED.finish(known("stopped"), Past([record(Action.STOP, outcome=outcome)]), NOW) is None


def test_a_worker_that_somebody_has_started_is_not_started_after_a_later_stop():
    stop = record(Action.STOP, NOW - 400)
    closed = ARMED.finish(known("running"), Past([stop]), NOW)
    assert (closed.action, closed.outcome) == (Action.START, "not needed, it runs")
    assert ARMED.finish(known("stopped"), Past([stop, closed]), NOW) is None


def test_ec2_may_call_an_instance_running_for_a_while_that_it_has_agreed_to_stop():
    assert ARMED.finish(known("running"), Past([record(Action.STOP, NOW - 60)]), NOW) is None


def test_nothing_else_is_done_between_a_stop_and_its_start():
    assert plan(checks=GUEST, past=[record(Action.STOP, NOW - 7200)]) is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["running", "stopping", "stopped"]),
            st.sampled_from([GUEST, HOST, Checks("ok", "ok")]),
            st.floats(1, 4000),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_whatever_happens_the_limits_hold_and_no_worker_of_ours_stays_stopped(polls):
    """EC2 as it likes, agents that know nothing but the records: every poll is a restart."""
    now, past = NOW, []
    for state, checks, seconds, accepted in polls:
        now += seconds
        seen = known(state, checks)
        before = Past(past)
        step = ARMED.finish(seen, before, now) or ARMED.plan(FIRES, seen, before, now)
        if isinstance(step, Action):
            outcome = DONE if accepted else "no"
            past.append(ActionRecord(WORKER, step, now, "why", outcome))
        elif step is not None:
            past.append(step)
        tried = [one.at for one in past if one.action is not Action.START]
        done = [one for one in tried if one in [r.at for r in past if r.outcome in (DONE, "no")]]
        assert len([at for at in done if at > now - 3600]) <= ARMED.max_per_hour
        assert all(b - a >= ARMED.cooldown for a, b in pairwise(done))
    steps = [one.action for one in past if one.outcome == DONE or "not needed" in one.outcome]
    for first, second in pairwise(steps):
        assert first is not Action.STOP or second is Action.START
    if steps and steps[-1] is Action.STOP:
        assert ARMED.finish(known("stopped"), Past(past), now) is Action.START


# What was done before


RECORDS = st.lists(
    st.builds(
        lambda number, action, at, outcome: record(
            action, NOW + at, outcome, Worker(f"w-{number}", "eu-west-1", "i-1")
        ),
        st.integers(0, 2),
        st.sampled_from(Action),
        st.integers(0, 20),
        st.sampled_from([BEGUN, DONE, DRY_RUN, "held back: enough", "no"]),
    ),
    max_size=30,
).map(lambda records: sorted(records, key=lambda one: one.at))


@given(RECORDS, st.integers(-1, 21))
def test_the_past_counts_as_one_who_looks_through_all_records(records, after):
    last = {}
    for one in records:
        key = one.worker.id, one.action, one.at
        if one.outcome != BEGUN or key not in last:
            last[key] = one
    tried = [
        one.worker.id
        for one in last.values()
        if one.at > NOW + after and one.action is not Action.START and "held" not in one.outcome
    ]
    past = Past(records)
    assert past.tried(NOW + after) == len(tried)
    for number in range(4):
        assert past.tried(NOW + after, f"w-{number}") == tried.count(f"w-{number}")
        mine = [one for one in last.values() if one.worker.id == f"w-{number}"]
        assert list(past.of(f"w-{number}")) == mine


# Configuration


def test_it_is_written_as_in_the_guide():
    made = configured(
        "remediation: !AutoRemediation {dry_run: false, cooldown: 1h, max_per_hour: 5}"
    ).remediation
    assert (made.dry_run, made.cooldown, made.max_per_hour) == (False, 3600, 5)


def test_what_makes_no_sense_is_refused_with_a_sentence():
    with pytest.raises(ValidationError, match="reboot and stop_start are both false"):
        AutoRemediation(reboot=False, stop_start=False)
    with pytest.raises(ValidationError, match="rules: expected names of rules"):
        AutoRemediation(rules=[])
    with pytest.raises(ConfigLoadError, match=r"remediation\.cooldown: expected a duration"):
        configured("remediation: !AutoRemediation {cooldown: 1s}")
