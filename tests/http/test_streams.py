"""Answers that go on: sent part by part, bounded in number, ended with the server."""

import contextlib
import threading
import time

import pytest

from tests.http.talking import dial, exchange, get, page, place, read_all, served, status_of
from tests.main.agent import wait_until
from wca.http import HttpServer, Route, Stream

REQUEST = b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Told:
    """A stream of what a test says; it notes whether it was closed."""

    def __init__(self, *parts):
        self.parts = list(parts)
        self.over = threading.Event()
        self.begun = self.ended = 0

    def __call__(self):
        self.begun += 1
        try:
            yield from self.parts
            while not self.over.wait(0.05):
                yield b""
        finally:
            self.ended += 1

    @property
    def route(self):
        return Route("/events", lambda _request: Stream(self, headers={"X-A": "b"}))


def receive(connection, until):
    received = b""
    while until not in received:
        data = connection.recv(4096)
        assert data, received
        received += data
    return received


def test_a_client_that_is_gone_is_noticed_while_there_is_nothing_to_say():
    told = Told(b"one\n")
    with served(told.route) as server:
        with dial(server) as connection:
            connection.sendall(REQUEST)
            receive(connection, b"one\n")
            time.sleep(0.2)
            assert told.ended == 0
        wait_until(lambda: told.ended == 1, "the end", 5)


def test_parts_are_sent_as_they_come_and_in_chunks():
    told = Told(b"one\n", b"", b"two\n")
    with served(told.route) as server, dial(server) as connection:
        connection.sendall(REQUEST)
        received = receive(connection, b"two\n\r\n")
        told.over.set()
        received += read_all(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    assert status_of(head) == 200
    assert b"Content-Type: text/event-stream\r\n" in head + b"\r\n"
    assert b"Transfer-Encoding: chunked" in head
    assert b"X-A: b" in head
    assert b"Content-Length" not in head
    assert body == b"4\r\none\n\r\n4\r\ntwo\n\r\n0\r\n\r\n"
    assert told.ended == 1


def test_an_old_client_gets_them_without_chunks():
    told = Told(b"one\n", b"two\n")
    told.over.set()
    with served(told.route) as server:
        answer = exchange(server, b"GET /events HTTP/1.0\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Transfer-Encoding" not in head
    assert body == b"one\ntwo\n"


def test_head_begins_no_stream():
    told = Told(b"one\n")
    with served(told.route) as server:
        answer = exchange(server, REQUEST.replace(b"GET", b"HEAD"))
        assert answer.endswith(b"\r\n\r\n")
        assert get(server, "/events", "HEAD")[0] == 200
    assert told.begun == 0


def test_streams_take_half_of_the_connections_and_pages_the_rest():
    told = Told(b"one\n")
    with (
        served(told.route, page(), max_connections=4) as server,
        contextlib.ExitStack() as stack,
    ):
        for _ in range(2):
            connection = stack.enter_context(dial(server))
            connection.sendall(REQUEST)
            receive(connection, b"one\n")
        status, headers, body = get(server, "/events")
        assert (status, headers["Retry-After"]) == (503, "10")
        assert b"2 streams are open" in body
        assert get(server)[0] == 200
        stack.close()  # the clients go, which makes room
        told.over.set()
        wait_until(lambda: told.ended == 2, "the end of the streams")
        assert get(server, "/events")[0] == 200


def test_a_client_that_goes_ends_its_stream():
    told = Told()
    told.parts = iter(lambda: time.sleep(0.02) or b"x" * 1000, None)
    with served(told.route) as server:
        with dial(server) as connection:
            connection.sendall(REQUEST)
            receive(connection, b"xxx")
        wait_until(lambda: told.ended == 1, "the end of the stream")


def test_closing_the_server_ends_streams_in_order():
    told = Told(b"one\n")
    server = HttpServer("127.0.0.1:0")
    server.show([told.route])
    server.start()
    with dial(server) as connection:
        connection.sendall(REQUEST)
        receive(connection, b"one\n")
        begin = time.monotonic()
        server.close(5.0)
        assert read_all(connection).endswith(b"0\r\n\r\n")
        assert time.monotonic() - begin < 5
    assert told.ended == 1


def test_a_stream_that_fails_is_logged_and_its_client_sees_that_it_broke(caplog):
    def broken():
        yield b"one\n"
        raise RuntimeError("no more")

    with served(Route("/events", lambda _request: Stream(broken))) as server:
        answer = exchange(server, REQUEST)
        assert get(server, "/", "GET")[0] == 200
    assert answer.endswith(b"one\n\r\n")
    assert "the stream at /events ends: RuntimeError: no more" in caplog.text


def test_a_header_that_cannot_be_written_is_refused():
    with pytest.raises(ValueError, match="cannot be written"):
        Stream(list, headers={"a": "b\r\nc: d"})


def test_a_stream_needs_authentication_like_any_page(tmp_path):
    token = tmp_path / "token"
    token.write_text("t" * 20)
    told = Told(b"one\n")
    told.over.set()
    with served(told.route, token_file=str(token)) as server:
        assert get(server, "/events")[0] == 401
        assert get(server, "/events", Authorization=f"Bearer {'t' * 20}")[0] == 200
    assert place(server)
