"""What each receiver is sent, what becomes of its answers, and what is never shown."""

import json
import logging

import pytest

from tests.http_receiver import Receiver, Reply
from tests.workers.alert_parts import NOW, WORKER, alert, configured
from tests.workers.vendors import Vendor, cloudevents, opsgenie, pagerduty, slack
from wca.errors import ConfigLoadError, ValidationError
from wca.testing.clock import FakeClock
from wca.workers import (
    AlertmanagerNotifier,
    LogNotifier,
    OpsgenieNotifier,
    PagerDutyNotifier,
    SlackNotifier,
    WebhookNotifier,
)
from wca.workers.alerting.notifications import Notifications
from wca.workers.api import RefusedError, TryLaterError
from wca.workers.model import Severity, Worker

FIRES, OVER = alert(), alert("resolved")
HOOK_SECRET = "correct-horse-battery"
ROUTING_KEY = "R0UTINGKEY0123456789012345678901"
GENIE_KEY = "11111111-2222-3333-4444-555555555555"
SLACK_PATH = "/services/T0000/B0000/xyzzyxyzzyxyzzy"
HARD = Worker("w&1", "eu-west-1", "i-1", "prod", "<!channel> & " + "ü" * 600)


def webhook(url, **fields):
    return WebhookNotifier(f"{url}/hooks/top-secret-path", secret=HOOK_SECRET, **fields)


def slack_notifier(url, **fields):
    return SlackNotifier(url + SLACK_PATH, **fields)


def pagerduty_notifier(url, **fields):
    return PagerDutyNotifier(ROUTING_KEY, f"{url}/v2/enqueue", **fields)


def opsgenie_notifier(url, **fields):
    return OpsgenieNotifier(GENIE_KEY, url, **fields)


def alertmanager(url, **fields):
    return AlertmanagerNotifier(url, auth={"token": "alertmanager-token"}, **fields)


VENDORS = {
    webhook: cloudevents(HOOK_SECRET),
    slack_notifier: slack,
    pagerduty_notifier: pagerduty,
    opsgenie_notifier: opsgenie,
}
ALL = [*VENDORS, alertmanager]
SECRETS = [
    HOOK_SECRET,
    "top-secret-path",
    "xyzzyxyzzyxyzzy",
    ROUTING_KEY,
    GENIE_KEY,
    "alertmanager-token",
]


@pytest.fixture
def vendor(request):
    """Of the notifier of the test: its receiver."""
    with Vendor(VENDORS[request.getfixturevalue("make")]) as receiver:
        yield receiver


@pytest.fixture
def make(request):
    return request.param


@pytest.mark.parametrize("make", list(VENDORS), indirect=True)
def test_what_is_sent_is_what_the_reference_of_the_receiver_says(make, vendor):
    notifier = make(vendor.url)
    hard = [alert(worker=HARD, severity=severity) for severity in Severity]
    long = alert(rule="r" * 200, summary="s" * 20_000, value=None)
    for one in [FIRES, OVER, *hard, long, alert("resolved", worker=HARD)]:
        notifier.send([one])
    assert vendor.complaints == []
    assert len(vendor.requests) == 8


@pytest.mark.parametrize("make", list(VENDORS), indirect=True)
def test_fire_and_end_arrive_in_order_and_once(make, vendor):
    notifications = Notifications([make(vendor.url)], clock=FakeClock())
    notifications.tell([FIRES])
    notifications.tell([OVER])
    notifications.start()
    notifications.close(20)
    (counts,) = notifications.counts().values()
    assert (counts.sent, counts.refused, counts.dropped) == (2, 0, 0)
    assert vendor.complaints == []


def sent(make, *alerts):
    with Receiver() as receiver:
        notifier = make(receiver.url)
        for one in alerts:
            notifier.send([one])
        return [(request.path, json.loads(request.body)) for request in receiver.requests]


def test_pagerduty_resolves_by_the_key_that_it_was_triggered_with():
    (_, trigger), (_, resolve) = sent(pagerduty_notifier, FIRES, OVER)
    assert (trigger["event_action"], resolve["event_action"]) == ("trigger", "resolve")
    assert trigger["dedup_key"] == resolve["dedup_key"] == FIRES.key
    payload = trigger["payload"]
    assert payload["summary"] == "cpu above 90: cpu of web is 95.5, above 90"
    assert (payload["source"], payload["severity"]) == ("web", "warning")
    assert payload["custom_details"]["worker"]["tags"] == {"role": "cml-worker"}


def test_opsgenie_closes_by_the_alias_that_it_was_created_with():
    (path, created), (closing, _) = sent(opsgenie_notifier, FIRES, OVER)
    assert (path, created["alias"]) == ("/v2/alerts", FIRES.key)
    assert closing == f"/v2/alerts/{FIRES.key}/close?identifierType=alias"
    assert created["priority"] == "P3"
    assert created["details"]["worker_instance_id"] == WORKER.instance_id


def test_a_cloudevent_has_the_same_id_when_it_is_sent_again_and_another_when_it_fires_again():
    again = alert(fired_at=NOW + 900)
    events = [event for _, event in sent(webhook, FIRES, FIRES, OVER, again)]
    ids = [event["id"] for event in events]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    assert [event["type"] for event in events[1:3]] == [
        "wca.worker.alert.firing.v1",
        "wca.worker.alert.resolved.v1",
    ]
    assert events[0]["time"] == "2023-11-14T22:13:20.000Z"
    assert events[0]["data"]["value"] == 95.5


def test_without_a_secret_there_is_no_signature():
    with Receiver() as receiver:
        WebhookNotifier(receiver.url).send([FIRES])
        assert "x-wca-signature" not in receiver.requests[0].headers


def test_slack_gets_one_line_for_each_alert_of_a_window():
    with Receiver() as receiver:
        slack_notifier(receiver.url).send([FIRES, alert("resolved", worker=HARD)])
        (message,) = [json.loads(body)["text"] for body in receiver.bodies]
    first, second = message.splitlines()
    assert first == (
        ":warning: *FIRING* cpu above 90: cpu of web is 95.5, above 90 "
        "(eu-west-1 i-0123456789abcdef0)"
    )
    assert second.startswith(":white_check_mark: *RESOLVED* ")


def test_alertmanager_gets_an_array_in_which_what_fires_does_so_for_four_more_minutes():
    with Receiver() as receiver:
        notifier = AlertmanagerNotifier(
            f"{receiver.url}/prefix/", labels={"team": "ml"}, clock=FakeClock(now=NOW + 60)
        )
        notifier.send([FIRES, alert("resolved", rule="status check", value=None)])
        (request,) = receiver.requests
        assert request.path == "/prefix/api/v2/alerts"
        fires, over = json.loads(request.body)
    assert fires["labels"] == {
        "alertname": "cpu above 90",
        "severity": "warning",
        "worker": "w-1",
        "instance": "i-0123456789abcdef0",
        "region": "eu-west-1",
        "team": "ml",
    }
    assert fires["startsAt"] == "2023-11-14T22:13:20.000Z"
    assert fires["endsAt"] == "2023-11-14T22:18:20.000Z"
    assert over["endsAt"] == "2023-11-14T22:23:20.000Z"
    assert fires["annotations"]["value"] == "95.5"
    assert "value" not in over["annotations"]


def test_the_log_has_one_line_for_each_alert(caplog):
    with caplog.at_level(logging.INFO, "wca.workers.alerts"):
        LogNotifier().send([FIRES, OVER])
    said = "(warning) cpu above 90: cpu of web is 95.5, above 90"
    assert [(one.levelname, one.getMessage()) for one in caplog.records] == [
        ("WARNING", f"FIRING {said} [worker w-1, alert {FIRES.key}]"),
        ("INFO", f"RESOLVED {said} [worker w-1, alert {FIRES.key}]"),
    ]


# Answers


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_pass_is_to_be_sent_again_when_the_receiver_says(make, status, receiver):
    receiver.reply(Reply(status, headers={"Retry-After": "7"}))
    with pytest.raises(TryLaterError, match=rf":{receiver.port} answers {status}") as caught:
        make(receiver.url).send([FIRES])
    assert caught.value.after == 7


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_any_other_refusal_is_for_good_and_says_why(make, status, receiver):
    receiver.reply(Reply(status, body=b"because of this"))
    with pytest.raises(RefusedError, match=rf"answers {status} .*: because of this"):
        make(receiver.url).send([FIRES])


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirection_is_not_followed_so_that_no_secret_goes_elsewhere(make, status, receiver):
    with Receiver() as elsewhere:
        receiver.reply(Reply(status, headers={"Location": f"{elsewhere.url}/v2/enqueue"}))
        with pytest.raises(RefusedError, match="redirects, which is not followed"):
            make(receiver.url).send([FIRES])
        assert elsewhere.requests == []


@pytest.mark.parametrize("make", ALL)
def test_a_receiver_that_does_not_answer_costs_the_timeout(make, receiver):
    receiver.reply(Reply(200, delay=30))
    with pytest.raises(TryLaterError, match=r"no answer within 0\.2 s"):
        make(receiver.url, timeout=0.2).send([FIRES])


def test_a_receiver_that_is_not_there_is_tried_again(receiver):
    notifier = webhook("http://127.0.0.1:9")
    with pytest.raises(TryLaterError, match=r"http://127\.0\.0\.1:9: connection refused"):
        notifier.send([FIRES])


def test_a_connection_is_kept_and_opened_anew_when_it_was_closed(receiver):
    notifier = webhook(receiver.url)
    notifier.send([FIRES])
    notifier.send([FIRES])
    receiver.disconnect()
    notifier.send([FIRES])
    assert len({request.connection for request in receiver.requests}) == 2


def test_nothing_is_sent_after_the_end(receiver):
    notifier = webhook(receiver.url)
    notifier.close(1)
    with pytest.raises(TryLaterError, match="no message is sent after the end"):
        notifier.send([FIRES])


def test_the_end_does_not_wait_for_a_receiver_that_hangs(receiver):
    receiver.reply(Reply(200, delay=60))
    notifications = Notifications([webhook(receiver.url, timeout=60)])
    notifications.start()
    notifications.tell([FIRES])
    notifications.close(0.3)
    assert notifications.counts()["WebhookNotifier"].dropped == 1


# Secrets


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("status", [400, 500])
def test_no_log_shows_what_is_secret_though_the_receiver_repeats_it(make, status, caplog):
    with Receiver() as receiver:
        echo = " ".join([*SECRETS, SLACK_PATH, HOOK_SECRET.upper()]).encode()
        receiver.reply(Reply(status, body=echo))
        with caplog.at_level(logging.DEBUG):
            notifier = make(receiver.url)
            notifications = Notifications([notifier], clock=FakeClock())
            notifications.tell([FIRES])
            notifications.start()
            notifications.close(2)
        mine = own_secrets(make)
        shown = caplog.text + repr(notifier) + str(notifications.failing())
        assert "answers" in caplog.text
        assert not [secret for secret in mine if secret in shown]


def own_secrets(make):
    return {
        webhook: [HOOK_SECRET, "top-secret-path"],
        slack_notifier: ["xyzzyxyzzyxyzzy"],
        pagerduty_notifier: [ROUTING_KEY],
        opsgenie_notifier: [GENIE_KEY],
        alertmanager: ["alertmanager-token"],
    }[make]


CONFIGURATION = """\
notifiers:
- !LogNotifier
- !WebhookNotifier {url: !Env HOOK, secret: !Env HOOK_SECRET}
- !SlackNotifier {url: !Env SLACK, group_window: 5s}
- !PagerDutyNotifier {routing_key: !Env PD_KEY, url: "https://events.eu.pagerduty.com/v2/enqueue"}
- !AlertmanagerNotifier {url: "http://127.0.0.1:9093", labels: {team: ml}}
- !OpsgenieNotifier {api_key: !Env OG_KEY}
"""
ENVIRON = {
    "HOOK": "https://example.com/hooks/top-secret-path",
    "HOOK_SECRET": HOOK_SECRET,
    "SLACK": f"https://hooks.slack.com{SLACK_PATH}",
    "PD_KEY": ROUTING_KEY,
    "OG_KEY": GENIE_KEY,
}


def test_secrets_come_from_the_environment():
    kinds = [type(one).__name__ for one in configured(CONFIGURATION, **ENVIRON).notifiers]
    assert kinds == [
        "LogNotifier",
        "WebhookNotifier",
        "SlackNotifier",
        "PagerDutyNotifier",
        "AlertmanagerNotifier",
        "OpsgenieNotifier",
    ]


def test_secrets_come_from_a_file(tmp_path):
    (tmp_path / "secret.yaml").write_text(f"{HOOK_SECRET}\n")
    text = CONFIGURATION.replace("!Env HOOK_SECRET", f"!File {tmp_path}/secret.yaml")
    assert len(configured(text, **ENVIRON).notifiers) == 6


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("HOOK", "example.com/hooks/top-secret-path", "notifiers[1].url: expected an address"),
        ("SLACK", f"htps://hooks.slack.com{SLACK_PATH}", "notifiers[2].url: expected an address"),
        ("PD_KEY", "too-short-key", "routing_key: expected the integration key of an Events API"),
        ("OG_KEY", "genie key", "api_key: expected the key of an API integration"),
    ],
)
def test_a_malformed_secret_is_named_by_its_field_and_not_shown(variable, value, problem):
    with pytest.raises(ConfigLoadError) as caught:
        configured(CONFIGURATION, **{**ENVIRON, variable: value})
    message = str(caught.value)
    assert problem in message
    assert value not in message
    assert not [secret for secret in SECRETS if secret in message]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: WebhookNotifier("nowhere/secret"), "^url: expected an address such as"),
        (lambda: WebhookNotifier("http://h/x", secret=""), "secret: expected a text"),
        (lambda: WebhookNotifier("http://h/x", source=""), "source: expected a text"),
        (lambda: AlertmanagerNotifier("http://h/api/v2/alerts"), "url: write the address without"),
        (
            lambda: AlertmanagerNotifier("http://h", labels={"worker": "x"}),
            "labels: worker is set by WCA",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_from_python_as_well(make, sentence):
    with pytest.raises(ValidationError, match=sentence) as caught:
        make()
    assert "nowhere" not in str(caught.value)
