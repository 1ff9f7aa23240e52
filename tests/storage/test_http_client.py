"""Messages to a real web service on loopback."""

import contextlib
import gzip
import logging
import os
import shutil
import socket
import ssl
import threading
import time
import traceback

import pytest

from tests.http_receiver import Receiver, Reply
from wca.errors import ValidationError
from wca.security import SSL
from wca.storage.delivery import Parcel, Refused, Unavailable
from wca.storage.http_client import HttpTarget, judge
from wca.testing import FakeClock
from wca.testing.leaks import open_things

BODY = b'{"a": 1}'
#: What a machine that is busy may add to a deadline.
PATIENCE = 5.0


def parcel(body=BODY, samples=1):
    return Parcel(body, samples, 0.0)


@contextlib.contextmanager
def target(url, **options):
    made = HttpTarget(url, **options)
    made.open(1.0)
    try:
        yield made
    finally:
        made.close(1.0)
        made.close(1.0)


def sent(url, body=BODY, timeout=10.0, **options):
    """The outcome of one message."""
    with target(url, **options) as made:
        return made.send([parcel(body)], timeout)[0]


def absence(url, timeout=10.0, **options):
    """Why nothing can be said of a message."""
    with pytest.raises(Unavailable) as caught:
        sent(url, timeout=timeout, **options)
    assert caught.value.reason.isprintable()
    assert "object at 0x" not in caught.value.reason
    return caught.value.reason


# What is sent


def test_a_message_is_posted_as_it_is(receiver):
    assert sent(f"{receiver.url}/in?x=1", headers={"Content-Type": "application/json"}) is None
    (request,) = receiver.requests
    assert (request.method, request.path, request.body) == ("POST", "/in?x=1", BODY)
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"].startswith("wca/")
    assert request.headers["content-length"] == str(len(BODY))
    assert "content-encoding" not in request.headers


def test_a_message_that_is_gzip_says_so(receiver):
    sent(receiver.url, gzip.compress(BODY))
    assert receiver.requests[0].headers["content-encoding"] == "gzip"
    assert receiver.bodies == [BODY]


def test_an_encoding_that_is_given_stays(receiver):
    sent(receiver.url, b"\x1f\x8b..", headers={"content-encoding": "snappy"})
    assert receiver.requests[0].headers["content-encoding"] == "snappy"


def test_a_large_message_arrives_whole(receiver):
    body = os.urandom(8 * 2**20)
    assert sent(receiver.url, body) is None
    assert receiver.requests[0].body == body


def test_several_messages_keep_their_order(receiver):
    with target(receiver.url) as made:
        assert made.send([parcel(b"1"), parcel(b"2")], 10.0) == [None, None]
    assert receiver.bodies == [b"1", b"2"]


def test_the_environment_has_no_say(receiver, monkeypatch, tmp_path):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password something\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert sent(receiver.url) is None
    assert "authorization" not in receiver.requests[0].headers


def test_cookies_are_not_kept(receiver):
    receiver.reply(Reply(headers={"Set-Cookie": "a=b"}))
    with target(receiver.url) as made:
        for _ in range(2):
            made.send([parcel()], 10.0)
    assert "cookie" not in receiver.requests[1].headers


def test_a_proxy_gets_the_whole_address(receiver):
    assert sent("http://nowhere.invalid/in", proxy=receiver.url) is None
    assert receiver.requests[0].path == "http://nowhere.invalid/in"
    secret = receiver.url.replace("//", "//me:secret@")
    sent("http://nowhere.invalid/in", proxy=secret)
    assert receiver.requests[1].headers["proxy-authorization"] == "Basic bWU6c2VjcmV0"


def test_ipv6_works():
    with contextlib.ExitStack() as stack:
        try:
            receiver = stack.enter_context(Receiver(host="::1"))
        except OSError:
            pytest.skip("this machine has no IPv6")
        assert receiver.url.startswith("http://[::1]:")
        assert sent(receiver.url) is None
        assert receiver.bodies == [BODY]


# One connection


def test_one_connection_serves_all_messages(receiver):
    with target(receiver.url) as made:
        for number in range(20):
            reply = Reply(503 if number % 3 else 200, body=b"x" * number)
            receiver.reply(reply)
            made.send([parcel()], 10.0)
    assert len({request.connection for request in receiver.requests}) == 1


def test_an_answer_in_chunks_keeps_the_connection(receiver):
    chunked = {"Transfer-Encoding": "chunked"}
    receiver.reply(Reply(body=b"5\r\nhello\r\n0\r\n\r\n", headers=chunked, length=False))
    with target(receiver.url) as made:
        for _ in range(3):
            assert made.send([parcel()], 10.0) == [None]
    assert len({request.connection for request in receiver.requests}) == 1


def test_a_connection_that_was_closed_while_idle_costs_no_failure(receiver):
    with target(receiver.url) as made:
        for number in range(3):
            assert made.send([parcel(b"%d" % number)], 10.0) == [None]
            receiver.disconnect()
    assert receiver.bodies == [b"0", b"1", b"2"]


def test_a_connection_that_is_closed_instead_of_an_answer_is_tried_once_more(receiver):
    with target(receiver.url) as made:
        assert made.send([parcel()], 10.0) == [None]
        receiver.reply(Reply(0), Reply())
        assert made.send([parcel()], 10.0) == [None]
        receiver.reply(Reply(0))
        with pytest.raises(Unavailable, match="it closed the connection without an answer"):
            made.send([parcel()], 10.0)
    assert len(receiver.requests) == 5


def test_a_new_connection_that_is_closed_at_once_is_no_second_try(receiver):
    receiver.reply(Reply(0))
    assert "it closed the connection without an answer" in absence(receiver.url)
    assert len(receiver.requests) == 1


def test_it_sends_without_open_and_not_after_close(receiver):
    made = HttpTarget(receiver.url)
    assert made.send([parcel()], 10.0) == [None]
    made.close(0.0)
    made.close(0.0)
    for call in (lambda: made.send([parcel()], 10.0), lambda: made.open(1.0)):
        with pytest.raises(Unavailable, match="no message is sent after the end"):
            call()


def test_constructing_and_closing_opens_nothing(receiver):
    before = open_things()
    HttpTarget(receiver.url).close(0.0)
    assert open_things() == before


# What is answered


def test_the_outcome_is_that_of_the_answer(receiver):
    outcomes = []
    with target(receiver.url) as made:
        for status in (200, 400, 413, 503):
            receiver.reply(Reply(status, body=b"because"))
            outcomes += made.send([parcel()], 10.0)
    accepted, refused, too_large, unavailable = outcomes
    assert accepted is None
    assert refused.reason == f"{receiver.url} answers 400 Bad Request: because"
    assert too_large.label == "too_large"
    assert isinstance(unavailable, Unavailable)


def test_retry_after_is_seconds_or_a_date_by_our_clock(receiver):
    clock = FakeClock(now=1000.0)
    receiver.reply(Reply(429, {"Retry-After": "30"}))
    assert sent(receiver.url, clock=clock).retry_after == 30.0
    receiver.reply(Reply(503, {"Retry-After": "Thu, 01 Jan 1970 00:16:50 GMT"}))
    assert sent(receiver.url, clock=clock).retry_after == 10.0


def test_another_protocol_may_judge_otherwise(receiver):
    def partial(parcel, answer):
        written = int(answer.headers["x-written"])
        assert answer.body == b"details"
        left = parcel.samples - written
        return judge(parcel, answer) or (Refused("some", left) if left else None)

    receiver.reply(Reply(headers={"X-Written": "2"}, body=b"details"))
    with target(receiver.url, judge=partial) as made:
        assert made.send([parcel(samples=3)], 10.0) == [Refused("some", 1)]
        assert made.send([parcel(samples=2)], 10.0) == [None]


def test_an_answer_that_breaks_off_counts_by_its_status(receiver):
    receiver.reply(Reply(200, body=b"accepted", cut=3))
    assert sent(receiver.url) is None
    receiver.reply(Reply(400, body=b"because of the name", cut=7))
    assert sent(receiver.url).reason.endswith("400 Bad Request: because")
    receiver.reply(Reply(503, body=b"because", cut=0))
    assert isinstance(sent(receiver.url), Unavailable)


def test_of_a_long_answer_only_the_begin_is_read(receiver):
    seen = []
    receiver.reply(Reply(body=b"x" * 2**22))
    assert sent(receiver.url, judge=lambda parcel, answer: seen.append(len(answer.body))) is None
    assert seen == [64 * 1024]


@contextlib.contextmanager
def talking(answer):
    """The URL of a server that answers one request with these bytes, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk():
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=talk)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/in?key=secret-query"
        finally:
            thread.join()


@pytest.mark.parametrize(
    "answer",
    [
        b"220 smtp ready\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
    ],
)
def test_what_is_not_http_is_no_answer(answer):
    with talking(answer) as url:
        assert "no valid answer (" in absence(url)


def test_odd_headers_are_no_failure_and_no_log(caplog):
    with talking(b"HTTP/1.1 200 OK\r\nnonsense\r\nX: y\r\n\r\n") as url:
        assert sent(url) is None
    with talking(b"HTTP/1.1 503\r\nRetry-After: soon\r\nContent-Length: x\r\n\r\nno") as url:
        assert sent(url).retry_after is None
    assert caplog.text == ""


# Redirections


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirection_within_the_receiver_is_followed(receiver, status):
    receiver.reply(Reply(status, {"Location": "/there"}), Reply())
    assert sent(f"{receiver.url}/here", auth={"token": "secret"}) is None
    assert [request.path for request in receiver.requests] == ["/here", "/there"]
    assert receiver.requests[1].headers["authorization"] == "Bearer secret"
    assert receiver.bodies == [BODY, BODY]


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_a_redirection_elsewhere_is_not(receiver, status):
    with Receiver() as other:
        receiver.reply(Reply(status, {"Location": f"{other.url}/there"}))
        outcome = sent(receiver.url)
        assert isinstance(outcome, Unavailable)
        assert f"redirects to {other.url}/there, which is not followed" in outcome.reason
        assert other.requests == []
    assert len(receiver.requests) == 1


def test_a_redirection_that_would_lose_the_message_is_not_followed(receiver):
    receiver.reply(Reply(302, {"Location": "/there"}), Reply())
    assert isinstance(sent(receiver.url), Unavailable)
    assert len(receiver.requests) == 1


def test_redirections_in_a_circle_end(receiver):
    receiver.reply(Reply(307, {"Location": "/"}))
    assert isinstance(sent(receiver.url), Unavailable)
    assert len(receiver.requests) == 4


# Time


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(delay=30.0), id="never answers"),
        pytest.param(Reply(pace=0.2), id="one byte after the other"),
        pytest.param(Reply(503, pace=0.2), id="so of a failure"),
    ],
)
def test_a_receiver_that_takes_its_time_costs_the_timeout_and_no_more(receiver, reply):
    receiver.reply(reply)
    begin = time.monotonic()
    assert absence(receiver.url, timeout=0.5).endswith("no answer within 0.5 s")
    assert 0.5 <= time.monotonic() - begin < 0.5 + PATIENCE


def test_a_body_that_comes_slowly_costs_the_timeout_and_the_status_stands(receiver):
    receiver.reply(Reply(200, body=b"x" * 1000, body_pace=0.05))
    begin = time.monotonic()
    assert sent(receiver.url, timeout=0.5) is None
    assert time.monotonic() - begin < 0.5 + PATIENCE


def test_a_receiver_that_reads_nothing_costs_the_timeout():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        begin = time.monotonic()
        with target(f"http://127.0.0.1:{port}") as made, pytest.raises(Unavailable):
            made.send([parcel(b"x" * 2**25)], 0.5)
        assert time.monotonic() - begin < 0.5 + PATIENCE


def test_a_receiver_that_reads_now_and_then_costs_the_timeout():
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()

        def read_slowly():
            connection, _ = server.accept()
            with connection:
                while not ended.wait(0.2):
                    connection.recv(2**20)

        reader = threading.Thread(target=read_slowly)
        reader.start()
        begin = time.monotonic()
        try:
            url = f"http://127.0.0.1:{server.getsockname()[1]}"
            assert absence(url, timeout=0.5, body=b"x" * 2**26).endswith("within 0.5 s")
            assert time.monotonic() - begin < 0.5 + PATIENCE
        finally:
            ended.set()
            reader.join()


def test_a_handshake_that_never_comes_costs_the_timeout():
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://127.0.0.1:{server.getsockname()[1]}"
        assert absence(url, timeout=0.3).endswith("no answer within 0.3 s")


def test_several_messages_have_one_deadline(receiver):
    receiver.reply(Reply(delay=0.3))
    with target(receiver.url) as made, pytest.raises(Unavailable):
        made.send([parcel()] * 5, 0.7)
    assert len(receiver.requests) < 5


def test_without_time_nothing_is_sent(receiver):
    assert absence(receiver.url, timeout=0.0).endswith("no answer within 0 s")
    assert receiver.requests == []


def test_every_address_of_a_name_is_tried(receiver, monkeypatch):
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", receiver.port)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **options: found)
    assert sent("http://two.invalid/") is None


def test_an_address_that_does_not_answer_leaves_time_for_the_next(receiver, monkeypatch):
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):  # what the kernel takes for nobody; then it answers no more
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
            for port in (full.getsockname()[1], receiver.port)
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **options: found)
        assert sent("http://two.invalid/", timeout=2.0) is None


# Nobody there


def test_nobody_listens():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # taken, so that nobody else listens there
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        assert absence(url) == f"{url}: connection refused"


def test_a_name_that_does_not_exist():
    assert absence("http://nowhere.invalid/").startswith(
        "http://nowhere.invalid/: its name was not found: "
    )
    assert "its name was not found" in absence(f"http://{'a' * 80}.invalid/")


# Who we are


def test_user_and_password(receiver):
    sent(receiver.url, auth={"username": "me", "password": "p:ß"})
    assert receiver.requests[0].headers["authorization"] == "Basic bWU6cDrDnw=="


def test_a_token(receiver):
    sent(receiver.url, auth={"token": "abc.def"})
    assert receiver.requests[0].headers["authorization"] == "Bearer abc.def"


def test_a_token_file_is_read_for_each_message(receiver, tmp_path):
    path = tmp_path / "token"
    with target(receiver.url, auth={"token_file": str(path)}) as made:
        with pytest.raises(Unavailable, match="token cannot be read: No such file"):
            made.send([parcel()], 10.0)
        for token in ("one", "two"):
            path.write_text(f"{token}\n")
            path.chmod(0o600)
            made.send([parcel()], 10.0)
        path.chmod(0o606)
        with pytest.raises(Unavailable, match=r"anybody can write .*: run chmod o-w"):
            made.send([parcel()], 10.0)
        path.chmod(0o600)
        path.write_text("two words")
        with pytest.raises(Unavailable, match=r"the content of .* is no token") as caught:
            made.send([parcel()], 10.0)
        assert "two words" not in str(caught.value)
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(Unavailable, match="is not a regular file"):
            made.send([parcel()], 10.0)
    sent_tokens = [request.headers["authorization"] for request in receiver.requests]
    assert sent_tokens == ["Bearer one", "Bearer two"]


@pytest.mark.parametrize(
    ("auth", "message"),
    [
        ({}, "write username and password, or token, or token_file"),
        ({"username": "me"}, "write username and password, or token"),
        ({"token": "t", "token_file": "/t"}, "write username and password, or token"),
        ({"token": "secret token"}, "is no token"),
        ({"token": ""}, "is no token"),
        ({"username": "a:b", "password": "secret"}, "a ':' in it"),
    ],
)
def test_credentials_that_cannot_be_used_are_said_at_once(auth, message):
    with pytest.raises(ValidationError, match=message) as caught:
        HttpTarget("http://h/", auth=auth)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"headers": {"A B": "x"}}, "is no name of a header"),
        ({"headers": {"Content-Length": "5"}}, "set by the agent itself"),
        ({"headers": {"X": "secret\r\nY: z"}}, "the value of X must be printable ASCII"),
        ({"headers": {"authorization": "secret"}, "auth": {"token": "t"}}, "only one of them"),
        ({"proxy": "nonsense"}, "expected an address"),
    ],
)
def test_options_that_cannot_be_used_are_said_at_once(options, message):
    with pytest.raises(ValidationError, match=message) as caught:
        HttpTarget("http://h/", **options)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["nonsense", "ftp://host/", "http://", "http://h:99999/"])
def test_an_address_that_is_none_is_said_at_once(url):
    with pytest.raises(ValidationError, match="expected an address"):
        HttpTarget(url)


def test_an_address_with_a_password_in_it_is_refused_without_repeating_it():
    with pytest.raises(ValidationError, match="write them as username and password") as caught:
        HttpTarget("http://me:secret@host/")
    assert "secret" not in str(caught.value)


# What is not shown


def test_nothing_secret_is_in_a_message_even_if_the_receiver_repeats_it(receiver, caplog):
    caplog.set_level(logging.DEBUG, "wca")
    echo = b"you sent Basic bWU6c2VjcmV0, key-secret as application/json"
    receiver.reply(Reply(400, body=echo), Reply(503, body=echo))
    made = HttpTarget(
        f"{receiver.url}/in?key=secret-query",
        headers={"X-Key": "key-secret", "Content-Type": "application/json"},
        auth={"username": "me", "password": "secret"},
    )
    outcomes = made.send([parcel()], 10.0) + made.send([parcel()], 10.0)
    made.close(0.0)
    texts = [repr(made), *(outcome.reason for outcome in outcomes), caplog.text]
    assert not any("secret" in text or "bWU6c2VjcmV0" in text for text in texts)
    assert outcomes[0].reason.endswith("you sent Basic ***, *** as application/json")


@pytest.mark.parametrize("password", ["", "a"])
def test_a_password_that_is_in_every_text_anyway_is_not_shown_by_its_gaps(receiver, password):
    receiver.reply(Reply(400, body=b"an answer"))
    outcome = sent(receiver.url, auth={"username": "me", "password": password})
    assert outcome.reason.endswith("answers 400 Bad Request: an answer")


@pytest.mark.parametrize(
    "echo",
    [
        "no secret-password here",
        "cannot POST /in?key=secret-query&x=1",
        "no key secret-query",
        "no key 'secret spaced'",
        "proxy says secret-proxy",
        "no key secret%20spaced",
        "cannot POST /in?short=sec&key=secret-query&x=1&z=secret%20spaced",
        "x" * 195 + " secret-password",
        " " * 795 + "secret-password",
        "secret-password-long",
    ],
)
def test_what_a_receiver_repeats_of_a_secret_is_masked_before_it_is_cut(receiver, echo):
    receiver.reply(Reply(400, body=echo.encode()))
    outcome = sent(
        f"{receiver.url}/in?short=sec&key=secret-query&x=1&z=secret%20spaced",
        auth={"username": "me", "password": "secret-password"},
        headers={"X-Key": "secret-password-long"},
        proxy=receiver.url.replace("//", "//me:secret-proxy@"),
    )
    assert "secret" not in outcome.reason
    assert "short=" not in outcome.reason
    assert "sec" not in outcome.reason[-10:]


def test_nothing_secret_is_in_a_traceback():
    made = HttpTarget("http://127.0.0.1:1/in?key=secret-query", auth={"token": "secret-token"})
    with pytest.raises(Unavailable) as caught:
        made.send([parcel()], 10.0)
    assert "secret" not in "".join(traceback.format_exception_only(caught.value))


# TLS


@pytest.fixture(scope="module")
def server_context(certificates):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server_cert, certificates.server_key)
    return context


@pytest.fixture(scope="module")
def secure(server_context):
    with Receiver(server_context) as receiver:
        yield receiver


@pytest.fixture(scope="module")
def strict(certificates):
    """Wants to know who comes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server_cert, certificates.server_key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificates.ca)
    with Receiver(context) as receiver:
        yield receiver


def test_tls_with_the_right_authority(secure, certificates):
    with target(secure.url, ssl=SSL(server_verify=certificates.ca)) as made:
        body = os.urandom(2**20)
        assert made.send([parcel(body)], 10.0) == [None]
        assert made.send([parcel()], 10.0) == [None]
    assert [request.body for request in secure.requests] == [body, BODY]
    assert len({request.connection for request in secure.requests}) == 1


def test_a_connection_over_tls_that_was_closed_while_idle_costs_no_failure(secure, certificates):
    with target(secure.url, ssl=SSL(server_verify=certificates.ca)) as made:
        for _ in range(5):
            assert made.send([parcel()], 10.0) == [None]
            secure.disconnect()


def test_tls_with_an_authority_that_does_not_know_the_server(secure, certificates):
    for options in ({}, {"ssl": SSL()}, {"ssl": SSL(server_verify=certificates.other_ca)}):
        assert "its certificate is not accepted: " in absence(secure.url, **options)


def test_tls_with_a_name_that_is_not_the_servers(secure, certificates):
    url = secure.url.replace("127.0.0.1", "127.0.0.2")
    with socket.create_server(("127.0.0.2", 0)) as server:
        port = server.getsockname()[1]

        def forward():
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(certificates.server_cert, certificates.server_key)
                context.wrap_socket(connection, server_side=True)

        thread = threading.Thread(target=forward)
        thread.start()
        try:
            reason = absence(
                url.replace(str(secure.port), str(port)), ssl=SSL(server_verify=certificates.ca)
            )
        finally:
            thread.join()
    assert "its certificate is not accepted: IP address mismatch" in reason


def test_tls_without_verification(secure):
    assert sent(secure.url, ssl=SSL(server_verify=False)) is None


def test_a_client_certificate_is_shown(strict, certificates):
    mutual = SSL(certificates.ca, certificates.client_cert, certificates.client_key)
    assert sent(strict.url, ssl=mutual) is None
    assert strict.requests[-1].client == "client"


def test_a_client_certificate_that_is_missing_is_said(strict, certificates):
    reason = absence(strict.url, ssl=SSL(server_verify=certificates.ca))
    assert "TLS failed: " in reason or "closed the connection" in reason


def test_a_receiver_of_plain_http_is_said(receiver):
    assert "TLS failed: " in absence(receiver.url.replace("http:", "https:"))


def test_a_certificate_file_that_is_gone_keeps_the_message(secure, tmp_path):
    missing = str(tmp_path / "ca.pem")
    with pytest.raises(Unavailable, match=r"ca\.pem cannot be used: No such file"):
        HttpTarget(secure.url, ssl=SSL(server_verify=missing)).send([parcel()], 10.0)


def test_certificate_files_are_read_again_after_a_failure(secure, certificates, tmp_path):
    path = tmp_path / "ca.pem"
    shutil.copy(certificates.other_ca, path)
    made = HttpTarget(secure.url, ssl=SSL(server_verify=str(path)))
    with pytest.raises(Unavailable):
        made.send([parcel()], 10.0)
    shutil.copy(certificates.ca, path)
    made.open(1.0)
    assert made.send([parcel()], 10.0) == [None]
    made.close(1.0)


def test_a_slow_answer_over_tls_costs_the_timeout(secure, certificates):
    secure.reply(Reply(pace=0.2))
    try:
        reason = absence(secure.url, timeout=0.5, ssl=SSL(server_verify=certificates.ca))
    finally:
        secure.reset()
    assert reason.endswith("no answer within 0.5 s")
