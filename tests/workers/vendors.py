"""Receivers on loopback that take what the vendors' published references say, and nothing else.

None of these services can be had here; what stands below is from their references:
PagerDuty's Events API v2 ("Send an Alert Event"), Slack's "Sending messages using incoming
webhooks", Opsgenie's "Alert API", and the specification of CloudEvents 1.0 (JSON format).
"""

import hashlib
import hmac
import json
import re

from tests.http_receiver import Receiver, Reply

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
SEVERITIES = {"critical", "error", "warning", "info"}


class Vendor(Receiver):
    """A receiver that checks each message before it takes it.

    Args:
        check: gets a request, and returns a Reply; AssertionError: the message is wrong.
        refusal: status of the answer to a wrong message.
    """

    def __init__(self, check, refusal=400):
        self.check = check
        self.refusal = refusal
        self.complaints = []
        super().__init__()

    def take(self, request):
        reply = super().take(request)
        if reply.status != 200:  # what a test has asked for
            return reply
        try:
            return self.check(request)
        except AssertionError as error:
            self.complaints.append(str(error))
            return Reply(self.refusal, body=str(error).encode())

    @property
    def documents(self):
        return [json.loads(request.body) for request in self.requests]


def text(document, name, most, required=True):
    assert name in document or not required, f"{name} is missing"
    value = document.get(name, "")
    assert isinstance(value, str), f"{name} is no text"
    assert len(value) <= most, f"{name} is longer than {most}"
    assert value or not required, f"{name} is empty"


def pagerduty(request):
    assert (request.method, request.path) == ("POST", "/v2/enqueue")
    event = json.loads(request.body)
    allowed = {"routing_key", "event_action", "dedup_key", "payload", "client", "client_url"}
    allowed |= {"images", "links"}
    assert set(event) <= allowed, set(event) - allowed
    assert re.fullmatch(r"[A-Za-z0-9]{32}", event["routing_key"]), "Invalid routing key"
    assert event["event_action"] in ("trigger", "acknowledge", "resolve")
    text(event, "dedup_key", 255)
    if event["event_action"] == "trigger":
        payload = event["payload"]
        known = {"summary", "source", "severity", "timestamp", "component", "group", "class"}
        assert set(payload) <= known | {"custom_details"}
        text(payload, "summary", 1024)
        text(payload, "source", 10_000)
        assert payload["severity"] in SEVERITIES
        assert RFC3339.fullmatch(payload["timestamp"])
        assert isinstance(payload.get("custom_details", {}), dict)
    answer = {
        "status": "success",
        "message": "Event processed",
        "dedup_key": event["dedup_key"],
    }
    return Reply(202, body=json.dumps(answer).encode())


def slack(request):
    assert request.method == "POST"
    assert re.fullmatch(r"/services/T\w+/B\w+/\w+", request.path), "no_service"
    assert request.headers["content-type"].startswith("application/json")
    message = json.loads(request.body)
    assert set(message) <= {"text", "blocks", "attachments", "mrkdwn"}, "invalid_payload"
    text(message, "text", 40_000)
    assert not re.search(r"<(!|@)", message["text"]), "a whole channel would be called"
    return Reply(200, body=b"ok")


def opsgenie(request):
    assert request.method == "POST"
    assert request.headers["authorization"] == "GenieKey 11111111-2222-3333-4444-555555555555"
    assert request.headers["content-type"].startswith("application/json")
    document = json.loads(request.body)
    closing = re.fullmatch(r"/v2/alerts/([0-9a-f]{40})/close\?identifierType=alias", request.path)
    if closing:
        assert set(document) <= {"user", "source", "note"}
        text(document, "source", 100, required=False)
        text(document, "note", 25_000, required=False)
    else:
        assert request.path == "/v2/alerts"
        text(document, "message", 130)
        text(document, "alias", 512)
        text(document, "description", 15_000, required=False)
        text(document, "entity", 512, required=False)
        text(document, "source", 100, required=False)
        assert document["priority"] in ("P1", "P2", "P3", "P4", "P5")
        details = document["details"]
        assert all(isinstance(one, str) for one in details.values())
        assert sum(map(len, [*details, *details.values()])) <= 8000
    answer = {"result": "Request will be processed", "took": 0.1, "requestId": "r"}
    return Reply(202, body=json.dumps(answer).encode())


def cloudevents(secret):
    """A receiver that knows the secret of the signature."""

    def check(request):
        content, _, parameters = request.headers["content-type"].partition(";")
        assert content == "application/cloudevents+json"
        assert parameters.strip().lower() in ("", "charset=utf-8")
        digest = hmac.new(secret.encode(), request.body, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(request.headers["x-wca-signature"], f"sha256={digest}")
        event = json.loads(request.body)
        assert event["specversion"] == "1.0"
        for name in ("id", "source", "type"):
            text(event, name, 1000)
        assert all(re.fullmatch("[a-z0-9]+", name) for name in event), "a name of an attribute"
        assert RFC3339.fullmatch(event["time"])
        text(event, "subject", 1000)
        assert event["datacontenttype"] == "application/json"
        assert request.headers["idempotency-key"] == event["id"]
        return Reply(204)

    return check
