"""Decisions as Events of pods: what Kubernetes accepts, not more than it should get, and no waiting."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.audit.test_why import FOREIGN, anomaly, decision
from tests.nodes.kubernetes.servers import TOKEN, Server
from wca.audit.kubernetes_events import KubernetesEvents
from wca.audit.pod_event import event_of
from wca.audit.token_bucket import TokenBucket
from wca.testing.clock import FakeClock

LABELS = {"namespace": "shop", "pod": "web-1", "task_name": "shop/web-1"}
POD = {"task_id": "uid-1", "task_labels": LABELS}


def of_pod(number=1, *, time=1.5, **values):
    uid, name = f"uid-{number}", f"web-{number}"
    return decision(time, task_id=uid, task_labels={**LABELS, "pod": name}, **values)


QUALIFIED = re.compile(
    r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
)
PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*-?")
MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
KNOWN = {
    *("apiVersion", "kind", "metadata", "eventTime", "type", "reason", "action", "note"),
    *("regarding", "reportingController", "reportingInstance"),
}


def problems_of(event, namespace):
    """What ValidateEventCreate of Kubernetes finds: pkg/apis/core/validation/events.go, 1.33."""
    metadata, regarding = event["metadata"], event["regarding"]
    found = sorted(set(event) - KNOWN)
    checks = {
        "kind": (event["apiVersion"], event["kind"]) == ("events.k8s.io/v1", "Event"),
        "metadata.generateName": PREFIX.fullmatch(metadata["generateName"]),
        "metadata.namespace": metadata["namespace"] == namespace == regarding["namespace"],
        "eventTime": MICRO_TIME.fullmatch(event["eventTime"]),
        "type": event["type"] in ("Normal", "Warning"),
        "reason": 0 < len(event["reason"]) <= 128,
        "action": 0 < len(event["action"]) <= 128,
        "note": len(event["note"].encode()) <= 1024,
        "reportingController": QUALIFIED.fullmatch(event["reportingController"]),
        "reportingInstance": 0 < len(event["reportingInstance"].encode()) <= 128,
        "regarding": set(regarding) == {"apiVersion", "kind", "namespace", "name", "uid"},
    }
    return found + [name for name, holds in checks.items() if not holds]


class EventsServer(Server):
    """Creates events, as the kube-apiserver does."""

    def __init__(self, certificates):
        super().__init__(certificates)
        self.created, self.problems = [], []

    def answer(self, handler, path, query):
        parts = path.strip("/").split("/")
        if parts[:3] != ["apis", "events.k8s.io", "v1"] or parts[5:] != ["events"]:
            handler.error(404, "NotFound")
            return
        self.problems += problems_of(handler.document, parts[4])
        self.created.append(handler.document)
        handler.json(handler.document, 201)


@pytest.fixture
def server(certificates):
    with EventsServer(certificates) as server:
        yield server


@pytest.fixture
def events(server, certificates, tmp_path):
    """Makes them, and closes them at the end."""
    token = tmp_path / "token"
    token.write_text(TOKEN)
    made = []

    def make(**fields):
        place = {"kubeapi_host": "127.0.0.1", "kubeapi_port": server.port, "node_name": "node-1"}
        files = {"client_token_path": str(token), "server_cert_ca_path": certificates.ca}
        made.append(KubernetesEvents(**{**place, **files, **fields}))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.close(10.0)


def test_a_decision_is_an_event_on_the_pod(server, events):
    told = events()
    told.add(of_pod())
    told.close(10.0)
    assert server.problems == []
    (event,) = server.created
    assert event["regarding"] == {
        "apiVersion": "v1",
        "kind": "Pod",
        "namespace": "shop",
        "name": "web-1",
        "uid": "uid-1",
    }
    assert (event["type"], event["reason"], event["reportingInstance"]) == (
        *("Normal", "Allocated"),
        "node-1",
    )
    assert event["note"] == (
        "cpu_quota 1 -> 0.5: applied (Contention, because of cpu neighbour: shop)"
    )
    assert event["eventTime"] == "1970-01-01T00:00:01.500000Z"
    assert told.dropped == 0


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (of_pod(outcome="rejected", reason="protected"), "AllocationRejected"),
        (of_pod(outcome="failed", reason="busy"), "AllocationFailed"),
        ({**FOREIGN, **POD}, "ForeignWrite"),
        (of_pod(type="given back", outcome="restored"), "AllocationGivenBack"),
        (of_pod(outcome="would"), None),
        (decision(1.0), None),
        (anomaly(1.0), None),
    ],
)
def test_what_else_is_told_and_what_is_not(record, reason):
    event = event_of(record, "node-1")
    assert (event and event["reason"]) == reason
    assert event is None or problems_of(event, "shop") == []


@given(st.text(), st.text(min_size=1), st.integers(0, 1 << 33))
def test_whatever_the_reason_is_the_event_is_accepted(reason, instance, when):
    record = of_pod(outcome="failed", reason=reason * 300, time=when)
    event = event_of(record, instance * 100)
    assert problems_of(event, "shop") == []


def test_one_pod_does_not_get_more_than_its_share_and_no_node_more_than_its(server, events):
    told = events(per_pod=2, per_node=3, clock=FakeClock())
    for number in (1, 1, 1, 2, 2):
        told.add(of_pod(number))
    told.close(10.0)
    assert [one["regarding"]["uid"] for one in server.created] == ["uid-1", "uid-1", "uid-2"]
    assert told.dropped == 2


def test_a_bucket_is_filled_evenly_and_holds_an_hour():
    bucket = TokenBucket(2)
    assert bucket.full
    for _ in range(2):
        assert bucket.has(0.0)
        bucket.take()
    assert not bucket.has(1799.0)
    assert bucket.has(1800.0)
    bucket.take()
    assert bucket.has(1e9)
    assert bucket.full


def test_what_is_refused_is_counted_and_said_once_and_the_next_is_tried(server, events, caplog):
    told = events()
    server.tokens, server.certificate_is_enough = set(), False
    for _ in range(2):
        told.add(of_pod())
    wait_until(lambda: told.dropped == 2)
    server.tokens = {TOKEN}
    told.add(of_pod())
    told.close(10.0)
    assert len(server.created) == 1
    lines = [one.getMessage() for one in caplog.records if "Kubernetes takes no" in one.message]
    assert len(lines) == 1
    assert "answers 401 Unauthorized" in lines[0]
    assert TOKEN not in caplog.text


def test_a_server_that_does_not_answer_costs_nobody_time(server, events):
    told = events(per_pod=3600, per_node=3600, timeout=1.0)
    with server.away():
        before = time.monotonic()
        for _ in range(200):
            told.add(of_pod())
        assert time.monotonic() - before < 1.0, "nobody waits for an answer"
        assert told.dropped >= 98, "what waits is bounded"
        told.close(0.5)


def wait_until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_without_a_token_the_check_says_so():
    (problem,) = KubernetesEvents("node-1", "127.0.0.1", 1).check()
    assert "would not know who asks" in problem
