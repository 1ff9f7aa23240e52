"""One question to a service that answers with JSON, or a sentence that says why not."""

import json
import threading
import time

import pytest

from tests import tls_server
from tests.http_receiver import Receiver, Reply
from wca.errors import TaskSynchronizationException
from wca.nodes.http_json import JsonService
from wca.security import SSL

#: What a busy machine may add to a time that was promised, in seconds.
PATIENCE = 10.0


@pytest.fixture
def service():
    service = JsonService(20.0)
    yield service
    service.close()


@pytest.fixture
def hasty():
    """One that does not wait long."""
    service = JsonService(1.0)
    yield service
    service.close()


def refusal(service, url, **more):
    with pytest.raises(TaskSynchronizationException) as refused:
        service.ask("GET", url, **more)
    return str(refused.value)


def test_a_question_and_its_answer_are_json(service, receiver):
    receiver.reply(Reply(body=b'{"tasks": [1, "\xc3\xbc"]}'))
    asked = service.ask("POST", receiver.url + "/api", {"type": "X"}, {"X-Mine": "y"})
    assert asked == {"tasks": [1, "ü"]}
    (request,) = receiver.requests
    assert (request.method, request.path) == ("POST", "/api")
    assert json.loads(request.body) == {"type": "X"}
    assert request.headers["content-type"] == request.headers["accept"] == "application/json"
    assert request.headers["x-mine"] == "y"


def test_without_a_question_nothing_is_sent(service, receiver):
    receiver.reply(Reply(body=b"[]"))
    assert service.ask("GET", receiver.url) == []
    (request,) = receiver.requests
    assert (request.method, request.body) == ("GET", b"")
    assert "content-type" not in request.headers


def test_one_connection_is_kept(service, receiver):
    receiver.reply(Reply(body=b"1"))
    assert [service.ask("GET", receiver.url) for _ in range(3)] == [1, 1, 1]
    assert len({request.connection for request in receiver.requests}) == 1


def test_a_connection_that_was_closed_while_idle_is_no_failure(service, receiver):
    receiver.reply(Reply(body=b"1"))
    service.ask("GET", receiver.url)
    receiver.disconnect()
    assert service.ask("GET", receiver.url) == 1


def test_a_kept_connection_that_ends_under_a_question_is_no_failure(service, receiver):
    receiver.reply(Reply(body=b"1"), Reply(status=0), Reply(body=b"2"))
    assert [service.ask("GET", receiver.url) for _ in range(2)] == [1, 2]


def test_a_service_that_always_hangs_up_is_asked_twice_at_most(service, receiver):
    receiver.reply(Reply(body=b"1"), Reply(status=0))
    service.ask("GET", receiver.url)
    assert "closed the connection without an answer" in refusal(service, receiver.url)
    assert len(receiver.requests) <= 3


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (
            Reply(500, body=b"boom\n  at line 1"),
            "answers 500 Internal Server Error: boom at line 1",
        ),
        (Reply(503), "answers 503 Service Unavailable"),
        (Reply(401), "answers 401 Unauthorized (the credentials are not accepted)"),
        (Reply(403, body=b"no"), "answers 403 Forbidden: no (the credentials are not accepted)"),
        (Reply(204), "answers 204 No Content"),
        (Reply(799), "answers 799"),
        (Reply(302, {"Location": "http://other/x?token=y"}), "redirects to http://other/x, which"),
        (Reply(307), "redirects to nowhere"),
        (Reply(body=b""), "answers with what is no JSON"),
        (Reply(body=b"<html>"), "answers with what is no JSON"),
        (Reply(body=b'{"a": [1, 2'), "answers with what is no JSON"),
        (Reply(body=b'{"a": "\xff"}'), "answers with what is no JSON"),
        (Reply(body=b"[" * 200_000), "no JSON: it is nested too deeply"),
        (Reply(body=b'{"a": 1}', cut=4), "no valid answer"),
        (Reply(status=0), "closed the connection without an answer"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_answer_is_said_in_a_sentence(service, receiver, reply, words):
    receiver.reply(reply)
    said = refusal(service, receiver.url + "/pods?secret=x")
    assert said.startswith(f"{receiver.url}/pods")
    assert words in said
    assert "secret" not in said
    assert "\n" not in said


def test_an_answer_that_repeats_a_secret_is_shown_without_it(service, receiver):
    receiver.reply(Reply(401, body=b"bad token s3cret"))
    assert "s3cret" not in refusal(service, receiver.url, hidden=("s3cret",))


def test_an_answer_that_does_not_end_is_not_kept(receiver):
    service = JsonService(20.0, most_bytes=100_000)
    receiver.reply(
        Reply(body=b'"' + b"x" * 50_000 + b'"'), Reply(body=b'"' + b"x" * 100_000 + b'"')
    )
    assert len(service.ask("GET", receiver.url)) == 50_000
    assert "answers with more than 100000 bytes" in refusal(service, receiver.url)
    receiver.reply(Reply(body=b"1"))
    assert service.ask("GET", receiver.url) == 1
    service.close()


@pytest.mark.parametrize(
    "reply",
    [Reply(delay=30), Reply(body=b"[" + b" " * 60 + b"]", body_pace=0.3), Reply(pace=0.3)],
    ids=["silence", "a byte at a time", "a byte of the head at a time"],
)
def test_all_of_it_ends_in_time(hasty, receiver, reply):
    receiver.reply(reply)
    start = time.monotonic()
    assert "no answer within 1 s" in refusal(hasty, receiver.url)
    assert time.monotonic() - start < 1.0 + PATIENCE


def test_nobody_there_is_said(service, receiver):
    with Receiver() as gone:
        url = gone.url
    assert refusal(service, url) == f"{url}: connection refused"


def test_a_question_that_waits_is_ended_from_another_thread_and_another_may_follow(receiver):
    service = JsonService(60.0)
    receiver.reply(Reply(delay=60), Reply(body=b"1"))
    said = []
    asking = threading.Thread(target=lambda: said.append(refusal(service, receiver.url)))
    asking.start()
    while not receiver.requests:
        time.sleep(0.01)
    start = time.monotonic()
    service.close()
    asking.join(30)
    assert not asking.is_alive()
    assert time.monotonic() - start < PATIENCE
    assert said
    assert service.ask("GET", receiver.url) == 1
    service.close()


@pytest.fixture
def secure(certificates):
    with Receiver(tls_server.context(certificates, ask_client=True)) as receiver:
        receiver.reply(Reply(body=b"1"))
        yield receiver


def test_a_server_is_verified_and_shown_who_asks(secure, certificates):
    ssl = SSL(certificates.ca, certificates.client_cert, certificates.client_key)
    service = JsonService(20.0, ssl)
    assert service.ask("GET", secure.url) == 1
    assert secure.requests[0].client == "client"
    service.close()


def test_a_server_that_nobody_knows_is_not_believed(secure, certificates, service):
    assert "its certificate is not accepted" in refusal(service, secure.url)
    assert secure.requests == []


def test_files_that_cannot_be_used_are_named_and_read_again_the_next_time(
    secure, certificates, tmp_path
):
    ca = tmp_path / "ca.pem"
    ca.write_text("nothing\n")
    ssl = SSL(str(ca), certificates.client_cert, certificates.client_key)
    service = JsonService(20.0, ssl)
    assert f"server_verify: {ca} cannot be used" in refusal(service, secure.url)
    with open(certificates.other_ca) as other:
        ca.write_text(other.read())
    assert "its certificate is not accepted" in refusal(service, secure.url)
    with open(certificates.ca) as right:
        ca.write_text(right.read())
    assert service.ask("GET", secure.url) == 1
    service.close()


def test_what_the_environment_says_changes_nothing(service, receiver, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    receiver.reply(Reply(body=b"1"))
    assert service.ask("GET", receiver.url) == 1
