"""What each rule says of a sample."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workers.alert_parts import NOW, WORKER, configured, known, sample, unasked
from wca.errors import ConfigLoadError, ValidationError
from wca.workers import (
    NoDataRule,
    ScheduledEventRule,
    StateChangeRule,
    StatusCheckRule,
    ThresholdRule,
)
from wca.workers.model import Checks, Gone, ScheduledEvent, Severity, Worker
from wca.workers.rules.fields import check_rules

SILENT = ["no data", "stale", "throttled", "failed"]
REBOOT = ScheduledEvent("e-1", "instance-reboot", "", NOW + 3600, NOW + 7200)


def active(rule, one, before=None):
    return rule.judge(one, before).active


# A metric beyond a bound


def test_a_value_above_the_bound_holds_and_one_at_the_bound_does_not():
    rule = ThresholdRule("cpu", above=90)
    assert active(rule, sample(cpu=90.1))
    assert active(rule, sample(cpu=90)) is False


def test_between_two_bounds_everything_stays_as_it_is():
    rule = ThresholdRule("cpu", above=90, clear_below=80)
    assert [active(rule, sample(cpu=value)) for value in (91, 90, 85, 80, 79.9)] == [
        True,
        None,
        None,
        None,
        False,
    ]


def test_a_value_below_the_bound_holds_until_it_is_above_the_other_one():
    rule = ThresholdRule("disk", below=10, clear_above=20)
    assert [active(rule, sample(disk=value)) for value in (9, 10, 20, 21)] == [
        True,
        None,
        None,
        False,
    ]


def test_zero_is_a_value():
    assert active(ThresholdRule("cpu", below=5), sample(cpu=0))
    assert active(ThresholdRule("cpu", above=0), sample(cpu=0)) is False
    assert ThresholdRule("cpu", below=5).judge(sample(cpu=0), None).value == 0


@pytest.mark.parametrize("verdict", SILENT)
def test_without_a_settled_value_a_threshold_says_nothing(verdict):
    assert active(ThresholdRule("cpu", above=90), sample(cpu=verdict)) is None
    assert active(ThresholdRule("cpu", below=90), sample(cpu=verdict)) is None


def test_a_metric_that_was_not_read_says_nothing():
    assert active(ThresholdRule("cpu", above=90), sample(memory=99)) is None


def test_the_summary_says_what_how_much_and_against_which_bound():
    judgement = ThresholdRule("cpu", above=90).judge(sample(cpu=95.54321), None)
    assert judgement.summary == "cpu of web is 95.54, above 90"


@given(
    st.floats(0, 100),
    st.floats(0, 100),
    st.floats(-10, 110),
    st.booleans(),
)
def test_above_and_below_are_mirror_images(bound, clear, value, explicit):
    bound, clear = max(bound, clear), min(bound, clear)
    above = ThresholdRule("m", above=bound, clear_below=clear if explicit else None)
    below = ThresholdRule("m", below=-bound, clear_above=-clear if explicit else None)
    assert active(above, sample(m=value)) == active(below, sample(m=-value))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "neither above nor below: write one of them"),
        ({"above": 1, "below": 2}, "both above and below: write one of them"),
        ({"above": 90, "clear_below": 95}, "clear_below: 95 is on the wrong side of above: 90"),
        ({"below": 10, "clear_above": 5}, "clear_above: 5 is on the wrong side of below: 10"),
        ({"above": 90, "clear_above": 95}, "clear_above belongs to a rule without above"),
        ({"above": float("nan")}, "above: expected a finite number, got nan"),
        ({"above": 90, "for": 0}, "for: expected a whole number from 1 to 1000, got 0"),
        ({"above": 90, "for": 1.5}, "for: expected a whole number from 1 to 1000, got 1.5"),
    ],
)
def test_a_threshold_that_makes_no_sense_is_refused_with_a_sentence(fields, sentence):
    with pytest.raises(ValidationError, match=sentence):
        ThresholdRule("cpu", **fields)


def test_an_unknown_keyword_is_refused_as_python_does():
    with pytest.raises(TypeError, match="unexpected keyword argument 'four'"):
        ThresholdRule("cpu", above=90, four=2)


# Status checks


@pytest.mark.parametrize("kind", ["system", "instance", "ebs"])
def test_an_impaired_check_of_the_kinds_holds(kind):
    impaired = Checks(**{**dict.fromkeys(("system", "instance", "ebs"), "ok"), kind: "impaired"})
    judgement = StatusCheckRule().judge(sample(checks=impaired), None)
    assert judgement.active
    assert judgement.summary == f"the {kind} check is impaired on web"
    others = [one for one in ("system", "instance", "ebs") if one != kind]
    assert active(StatusCheckRule(kinds=others), sample(checks=impaired)) is False


@pytest.mark.parametrize(
    ("checks", "says"),
    [
        (Checks("ok", "ok"), False),
        (Checks("not-applicable", "not-applicable", "not-applicable"), False),
        (Checks("ok", "initializing"), None),
        (Checks("insufficient-data", "ok"), None),
        (Checks("impaired", "initializing"), True),
        (Checks(), False),
    ],
)
def test_a_check_that_is_undecided_says_nothing(checks, says):
    assert active(StatusCheckRule(), sample(checks=checks)) is says


def test_kinds_that_are_none_are_refused():
    with pytest.raises(ValidationError, match="kinds: expected some of system, instance, ebs"):
        StatusCheckRule(kinds=["sytem"])
    with pytest.raises(ValidationError, match="got an empty list"):
        StatusCheckRule(kinds=[])


# A state that has changed


def stopped(**fields):
    return StateChangeRule(**{"from": "running", "to": ["stopped", "terminated"], **fields})


@pytest.mark.parametrize("now", ["stopping", "stopped", "shutting-down", "terminated"])
def test_a_change_holds_from_the_state_that_only_leads_to_the_next(now):
    judgement = stopped().judge(sample(now), known("running"))
    assert judgement.active
    assert judgement.summary == f"web was running and is {now} now"
    assert active(stopped(), sample("stopped"), known(now)) is None  # as it was


def test_an_instance_that_is_gone_was_terminated():
    gone = sample(status=Gone(WORKER.instance_id))
    assert active(stopped(), gone, known("running"))
    assert active(stopped(to="stopped"), gone, known("running")) is False


def test_the_first_poll_is_no_change():
    assert not active(stopped(), sample("stopped"), None)
    assert not active(stopped(), sample("stopped"), known("unknown"))


def test_a_change_is_over_when_the_state_is_left():
    assert active(stopped(), sample("pending"), known("stopped")) is False
    assert active(stopped(), sample("running"), known("stopped")) is False


def test_a_state_that_is_not_known_says_nothing():
    assert active(stopped(), sample("unknown"), known("running")) is None
    assert active(stopped(), unasked(), known("running")) is None


def test_a_tag_says_that_a_change_is_expected():
    tagged = Worker("w-1", "eu-west-1", "i-1", tags={"planned": ""})
    rule = stopped(unless_tag="planned")
    assert active(rule, sample("stopped", worker=tagged), known("running")) is False
    assert active(rule, sample("stopped"), known("running"))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"to": "running"}, "to: running is among from as well"),
        ({"to": "halted"}, "to: 'halted' is not a valid InstanceState; write pending, running"),
        ({"from": []}, "from: expected at least one state, got an empty list"),
    ],
)
def test_a_change_that_cannot_happen_is_refused(fields, sentence):
    with pytest.raises(ValidationError, match=sentence):
        stopped(**fields)


# No data


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("no data", True),
        ("stale", True),
        (0, False),
        (5, False),
        ("throttled", None),
        ("failed", None),
    ],
)
def test_no_data_is_what_cloudwatch_does_not_have(value, says):
    assert active(NoDataRule("memory"), sample(memory=value)) is says


@pytest.mark.parametrize("state", ["pending", "stopped", "unknown"])
def test_only_a_running_worker_can_lack_data(state):
    assert active(NoDataRule("memory"), sample(state, memory="no data")) is None


def test_the_number_of_polls_without_data_is_that_of_the_rule():
    assert NoDataRule("memory", after=5).polls == 5


# Scheduled events


def test_an_announced_event_holds_until_it_is_announced_no_more():
    rule = ScheduledEventRule()
    judgement = rule.judge(sample(events=[REBOOT]), None)
    assert judgement.active
    assert judgement.summary == (
        "EC2 has announced for web: instance-reboot from 2023-11-14 23:13 UTC to "
        "2023-11-15 00:13 UTC"
    )
    assert active(rule, sample()) is False


def test_only_events_of_the_codes_hold():
    assert active(ScheduledEventRule(codes=["instance-reboot"]), sample(events=[REBOOT]))
    other = ScheduledEventRule(codes=["instance-retirement"])
    assert active(other, sample(events=[REBOOT])) is False


# What holds for all of them

ALL = [
    ThresholdRule("cpu", above=90),
    StatusCheckRule(),
    stopped(),
    NoDataRule("cpu"),
    ScheduledEventRule(),
]


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: type(rule).__name__)
def test_a_poll_that_could_not_be_asked_says_nothing(rule):
    assert active(rule, unasked(), known("running")) is None


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: type(rule).__name__)
def test_no_rule_but_that_of_states_holds_for_an_instance_that_is_gone(rule):
    says = active(rule, sample(status=Gone("i-1")), known("running"))
    assert says is (True if isinstance(rule, StateChangeRule) else None)


def test_two_rules_of_one_name_are_refused_where_they_stand():
    rules = [ThresholdRule("cpu", above=90), StatusCheckRule(), ThresholdRule("cpu", above=90)]
    with pytest.raises(ValidationError, match=r"rules\[2\]: another rule is called 'cpu above 90'"):
        check_rules(rules)


def test_a_rule_about_a_metric_that_is_not_read_is_refused_where_it_stands():
    with pytest.raises(
        ValidationError, match=r"rules\[1\].metric: 'cpuu' is not among the metrics"
    ):
        check_rules([StatusCheckRule(), ThresholdRule("cpuu", above=90)], ["cpu", "memory"])
    check_rules(ALL, ["cpu"])


def test_rules_are_written_as_in_the_guide():
    rules = configured("""\
rules:
- !ThresholdRule {metric: cpu, above: 90, clear_below: 80, for: 2, severity: error}
- !StatusCheckRule {kinds: [system, instance], for: 3}
- !StateChangeRule {from: running, to: [stopped, terminated], unless_tag: planned}
- !NoDataRule {metric: memory, after: 4}
- !ScheduledEventRule {codes: [instance-retirement], severity: warning}
""").rules
    assert [(rule.name, rule.polls, rule.severity) for rule in rules] == [
        ("cpu above 90", 2, Severity.ERROR),
        ("status check", 3, Severity.CRITICAL),
        ("running to stopped/terminated", 1, Severity.WARNING),
        ("no data of memory", 4, Severity.INFO),
        ("scheduled event", 1, Severity.WARNING),
    ]


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("!ThresholdRule {metric: cpu, above: 90%}", "rules[0].above: expected a number"),
        ("!ThresholdRule {metric: cpu, above: 90, for: two}", "rules[0].for: expected"),
        ("!ThresholdRule {metric: cpu, above: 90, fro: 2}", "has no field 'fro', did you mean"),
        ("!StateChangeRule {to: stopped}", "!StateChangeRule needs the field 'from'"),
        ("!StateChangeRule {from: runing, to: stopped}", "rules[0].from: expected"),
        ("!StatusCheckRule {kinds: [sistem]}", "rules[0].kinds[0]: expected"),
        ("!NoDataRule {metric: cpu, after: 0}", "rules[0].after: expected a number between"),
    ],
)
def test_a_wrong_field_is_named_with_its_place(rule, problem):
    with pytest.raises(ConfigLoadError) as caught:
        configured(f"rules:\n- {rule}\n")
    assert problem in str(caught.value)
