"""What a client does that means no good, and that it costs nobody else anything."""

import contextlib
import http.client
import socket
import subprocess
import sys
import time

import pytest

from tests.http.talking import QUICK, dial, get, place, read_all, served, status_of
from tests.main.agent import wait_until
from wca.errors import StartError
from wca.http import HttpServer
from wca.http.listener import Listener

REQUEST = b"GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n"
WITH_BODY = b"GET /page HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"


@pytest.mark.parametrize(
    "text", [r"'\"\\\"' * 100_000", r"'\"' + '\\\"' * 100_000", "'\"a' * 99_999"]
)
def test_quotation_marks_without_end_are_read_once(text):
    # In a process of its own: what looks at them again and again does not come back for minutes,
    # and holds the interpreter all the while.
    program = f"from wca.http import Request as R; R('', '', {{}}, {{'a': {text}}}).accepted('a')"
    subprocess.run([sys.executable, "-c", program], timeout=60, check=True)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (WITH_BODY.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"), 200),
        (b"GET http://elsewhere/page HTTP/1.0\r\n\r\n", 200),
        (b"GET /%70age HTTP/1.0\r\n\r\n", 200),
        (b"GET /page%00 HTTP/1.0\r\n\r\n", 404),
        (b"GET /page\0 HTTP/1.0\r\n\r\n", 404),
        (b"GET /page?" + b"a&" * 7000 + b" HTTP/1.0\r\n\r\n", 200),
        (b"GET /page HTTP/1.0\r\n" + b"a:\r\n" * 3900 + b"\r\n", 200),
        (b"CONNECT elsewhere:1 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /page\r\n\r\n", 400),
    ],
)
def test_odd_requests_get_one_answer(data, status):
    with served() as server, dial(server) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = read_all(connection)
    assert status_of(answer) == status
    assert answer.count(b"HTTP/1.1 ") - answer.count(b"and HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "headers",
    [
        b"Transfer-Encoding: chunked",
        b"Content-Length: 0\r\nTransfer-Encoding: chunked",
        b"Content-Length: 0\r\nContent-Length: 40",
        b"Content-Length: +0",
    ],
)
def test_what_may_be_a_body_is_never_a_second_request(headers):
    with served() as server, dial(server) as connection:
        connection.sendall(
            b"GET /page HTTP/1.1\r\nHost: localhost\r\n" + headers + b"\r\n\r\n" + REQUEST
        )
        assert read_all(connection).count(b"hello") == 1


def test_who_goes_on_sending_after_the_answer_is_cut():
    with served() as server, dial(server) as connection:
        connection.sendall(WITH_BODY)

        def is_cut():
            try:
                connection.send(b"x")
            except OSError:
                return True
            return False

        wait_until(is_cut, "the end of the connection")


@pytest.mark.parametrize("data", [b"", b"GET /page HTTP/1.1\r\nHos", WITH_BODY])
def test_who_never_finishes_makes_room(data):
    with served(max_connections=2) as server, dial(server) as one, dial(server) as other:
        for connection in (one, other):
            connection.sendall(data)
            connection.settimeout(0.3)
            with contextlib.suppress(TimeoutError):
                connection.recv(65536)
        assert get(server)[0] == 200


def test_who_asks_now_and_then_is_kept_before_who_asks_nothing():
    with served(max_connections=2) as server:
        regular = http.client.HTTPConnection(*place(server), timeout=10)
        regular.connect()
        with dial(server) as silent:
            time.sleep(0.05)
            regular.request("GET", "/page")
            assert regular.getresponse().read() == b"hello\n"
            used = regular.sock
            assert get(server)[0] == 200  # takes the place of the other
            assert silent.recv(1) == b""
            regular.request("GET", "/page")
            assert regular.getresponse().status == 200
            assert regular.sock is used
        regular.close()


def test_closing_does_not_wait_for_the_rest_of_a_request():
    with served(limits=None) as server, dial(server) as connection:
        connection.sendall(REQUEST[:-2])
        time.sleep(0.1)
        start = time.monotonic()
        server.close(5.0)
        assert time.monotonic() - start < 3
        assert connection.recv(1) == b""


def test_a_head_and_its_body_have_one_time_together(monkeypatch):
    class Slow(socket.socket):
        """Takes a moment for each write."""

        def sendall(self, data, *_flags):
            timeouts.append(self.gettimeout())
            time.sleep(0.2)
            super().sendall(data)

    timeouts: list[float] = []
    connect = Listener._take  # the one place where a connection comes in

    def slow(self, raw):
        connect(self, Slow(raw.family, raw.type, fileno=raw.detach()))

    monkeypatch.setattr(Listener, "_take", slow)
    with served(limits=QUICK) as server:
        assert get(server)[0] == 200
    head, body = timeouts
    assert body <= head - 0.2


def test_an_address_that_the_machine_has_not_is_passed_over_for_the_next(monkeypatch):
    def both(host, port, **options):
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, ("192.0.2.1", port)), (*kind, ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    server = HttpServer("both.example:0")
    server.start()
    server.close(1.0)
    assert server.url.startswith("http://127.0.0.1:")


def test_a_name_that_cannot_be_one_is_a_sentence():
    with pytest.raises(StartError, match="it is no name of a host"):
        HttpServer(f"{'a' * 70}:1").start()
