"""What the page is told: rows by shard, of each shard the newest, in events."""

import json

import pytest

from tests.workers.monitoring.fleets import alert_of, worker
from wca.http.api import Request, Response
from wca.testing.clock import FakeClock
from wca.testing.fleet import FakeHistory, running
from wca.workers.dashboard.board import Board
from wca.workers.dashboard.pages import Dashboard
from wca.workers.dashboard.recent import LENGTH, Recent
from wca.workers.model import Reading, Sample, Shard, Verdict, WorkerState
from wca.workers.monitoring.lanes import Lane
from wca.workers.monitoring.watched import Findings

HERE, THERE = Shard("", "eu-west-1"), Shard("", "us-east-1")
ONE, TWO = worker(1, name="<b>one</b>"), worker(2)


def state(worker, cpu=50.0, verdict=Verdict.VALUE):
    readings = {"cpu": Reading(verdict, cpu, 0.0)}
    return WorkerState(worker, running("").state, polled_at=5.0, readings=readings)


def found(*states, shard=HERE, firing=(), ended=()):
    return Findings(shard, (), states, (), ended, firing)


@pytest.fixture
def board():
    made = Board(FakeClock().monotonic)
    yield made
    made.channel.close()


def events(stream, count):
    """So many events that tell of a shard."""
    seen = []
    while len(seen) < count:
        text = next(stream).decode()
        if "event: shard" in text:
            assert text.endswith("\n\n")
            fields = dict(line.split(": ", 1) for line in text.strip().splitlines())
            seen.append((fields["id"], json.loads(fields["data"])))
    return seen


def test_a_row_says_what_is_known(board):
    board.observe(found(state(ONE), firing=[alert_of(ONE, 7.0)]))
    (row,) = board.rows()
    assert (row["id"], row["name"], row["state"]) == ("w1", "<b>one</b>", "running")
    assert row["readings"]["cpu"] == {"verdict": "value", "value": 50.0, "at": 0.0}
    assert row["recent"]["cpu"] == [50]
    assert row["alerts"] == [
        {"rule": "busy", "severity": "warning", "summary": "<b>one</b> is busy", "since": 7.0}
    ]
    json.dumps(row)


def test_a_worker_that_ended_has_no_row(board):
    board.observe(found(state(ONE), state(TWO)))
    board.observe(found(ended=[ONE]))
    assert [row["id"] for row in board.rows()] == ["w2"]


def test_who_comes_later_is_told_of_every_shard_and_then_of_those_that_change(board):
    board.observe(found(state(ONE)))
    board.observe(found(state(worker(3, "us-east-1")), shard=THERE))
    stream = board.channel.follow()
    (first, second) = events(stream, 2)
    assert [first[1]["shard"], second[1]["shard"]] == ["/eu-west-1", "/us-east-1"]
    board.observe(found(state(ONE, 60.0)))
    ((number, third),) = events(stream, 1)
    assert third["shard"] == "/eu-west-1"
    assert third["workers"][0]["recent"]["cpu"] == [50, 60]
    assert int(number) == 3


def test_a_line_in_a_name_makes_no_second_event(board):
    board.observe(found(state(worker(1, name="a\n\nevent: shard\ndata: {}"))))
    ((_, event),) = events(board.channel.follow(), 1)
    assert event["workers"][0]["name"].startswith("a\n\n")


def test_recent_readings_are_bounded_and_gaps_are_gaps():
    recent = Recent(("cpu",))
    for number in range(LENGTH + 10):
        recent.add("w", {"cpu": Reading(Verdict.VALUE, float(number), 0.0)})
    assert recent.of("w")["cpu"] == list(range(10, LENGTH + 10))
    for reading in (
        None,
        Reading(Verdict.ZERO, 0.0, 0.0),
        Reading(Verdict.STALE, 5.0, 0.0),
        Reading(Verdict.VALUE, 1e9, 0.0),
    ):
        recent.add("w", {} if reading is None else {"cpu": reading})
    assert recent.of("w")["cpu"][-4:] == [None, 0, None, 100]
    recent.forget("w")
    assert recent.of("w") == {}


# The pages


@pytest.fixture
def history():
    made = FakeHistory()
    for at in (100.0, 200.0):
        readings = {"cpu": Reading(Verdict.VALUE, at / 10, at)}
        made.append([Sample(ONE, at, running(ONE.instance_id), readings)])
    return made


@pytest.fixture
def ask(history):
    lane = Lane("history")
    dashboard = Dashboard(history, lane, FakeClock(now=1000.0))

    def answer(path, **query):
        (route,) = [one for one in dashboard.routes() if one.path == path]
        response = route.respond(Request("GET", path, query, {}))
        assert isinstance(response, Response)
        return response.status, json.loads(response.body)

    yield answer
    lane.close(5)


def test_the_history_of_a_worker_is_told(ask):
    status, body = ask("/api/workers/history", worker="w1")
    assert status == 200
    assert body["points"] == [
        {"at": 100.0, "state": "running", "values": {"cpu": 10.0}},
        {"at": 200.0, "state": "running", "values": {"cpu": 20.0}},
    ]
    status, body = ask("/api/workers/history", worker="w1", since="150", until="250")
    assert [point["at"] for point in body["points"]] == [200.0]


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ({}, 400, "say whose history"),
        ({"worker": "w1", "since": "yesterday"}, 400, "Unix times"),
    ],
)
def test_a_question_that_makes_no_sense_gets_a_sentence(ask, query, status, words):
    answer = ask("/api/workers/history", **query)
    assert answer[0] == status
    assert words in answer[1]["error"]


def test_a_history_that_fails_or_is_not_there_says_so(ask, history):
    def away(*_):
        raise OSError("the disk is full")

    history.query = away
    status, body = ask("/api/workers/history", worker="w1")
    assert (status, body["error"]) == (503, "the history cannot tell: the disk is full")
    dashboard = Dashboard(None, Lane("history"), FakeClock())
    (route,) = [one for one in dashboard.routes() if one.path.endswith("history")]
    response = route.respond(Request("GET", route.path, {"worker": "w1"}, {}))
    assert response.status == 404
    assert b"write history in the configuration" in response.body
