"""The server on loopback, asked by clients of all kinds."""

import contextlib
import gc
import http.client
import logging
import socket
import threading
import time
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.http.talking import (
    QUICK,
    dial,
    exchange,
    get,
    page,
    place,
    read_all,
    served,
    status_of,
)
from tests.main.agent import wait_until
from wca.errors import StartError
from wca.http import HttpServer, Response, Route
from wca.http.limits import Limits
from wca.testing.leaks import open_things

REQUEST = b"GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST_REQUEST = b"GET /page HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
LONG = b"0123456789abcdef" * 1000


@pytest.fixture(scope="module")
def shared():
    with served() as server:
        yield server


def test_a_page_is_shown():
    with served() as server:
        status, headers, body = get(server)
    assert (status, body) == (200, b"hello\n")
    assert headers["Content-Length"] == "6"
    assert headers["Server"] == "wca"


def test_head_has_the_length_and_no_body():
    with served() as server:
        answer = exchange(server, LAST_REQUEST.replace(b"GET", b"HEAD"))
    assert answer.endswith(b"\r\n\r\n")
    assert b"Content-Length: 6\r\n" in answer


def test_a_page_that_is_not_there_is_404_and_names_the_list():
    with served() as server:
        status, _, body = get(server, "/nothing")
    assert status == 404
    assert b"/" in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "BREW"])
def test_nothing_can_be_changed(method):
    with served() as server:
        status, headers, _ = get(server, method=method)
    assert status == 405
    assert headers["Allow"] == "GET, HEAD"


def test_the_landing_page_links_what_has_a_title():
    with served(page("/a", title="A & B"), page("/hidden")) as server:
        status, headers, body = get(server, "/")
    assert status == 200
    assert headers["Content-Type"].startswith("text/html")
    assert b'<a href="/a">A &amp; B</a>' in body
    assert b"/hidden" not in body


def test_a_page_that_fails_is_500_and_logged_once(caplog):
    def fail(request):
        raise RuntimeError("secret")

    with served(Route("/page", fail)) as server:
        answers = [get(server) for _ in range(3)]
    assert [status for status, _, _ in answers] == [500] * 3
    assert b"secret" not in answers[0][2]
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1


@pytest.mark.parametrize("answer", [None, "text", lambda: Response("text")])
def test_a_page_that_answers_nonsense_is_500(answer):
    def respond(request):
        return answer() if callable(answer) else answer

    with served(Route("/page", respond)) as server:
        assert get(server)[0] == 500


@settings(max_examples=50, deadline=None)
@given(data=st.binary(max_size=300) | st.text("GET / HTP1.0:\r\n%?", max_size=60).map(str.encode))
def test_whatever_is_sent_the_server_goes_on(shared, data):
    with dial(shared) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = read_all(connection)
        assert not answer or status_of(answer) in (200, 400, 404, 405, 408, 431, 505)
    assert get(shared)[0] == 200


def test_a_connection_serves_many_requests():
    with served() as server:
        connection = http.client.HTTPConnection(*place(server), timeout=10)
        for _ in range(3):
            connection.request("GET", "/page")
            assert connection.getresponse().read() == b"hello\n"
            used = connection.sock
        assert used is not None  # not closed in between
        connection.close()


def test_requests_sent_at_once_are_answered_in_order():
    with served(page("/a", b"a"), page("/b", b"b")) as server:
        first = REQUEST.replace(b"/page", b"/a")
        answer = exchange(server, first + LAST_REQUEST.replace(b"/page", b"/b"))
    assert answer.index(b"\r\n\r\na") < answer.index(b"\r\n\r\nb")


def test_a_client_of_http_1_0_gets_its_answer():
    with served() as server:
        assert status_of(exchange(server, b"GET /page HTTP/1.0\r\n\r\n")) == 200


def test_a_body_is_not_taken_for_a_request():
    smuggled = b"GET /page HTTP/1.1\r\nHost: localhost\r\nContent-Length: 33\r\n\r\n" + REQUEST
    with served() as server:
        assert exchange(server, smuggled).count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("encoding", ["gzip", "x, gzip;q=0.1", "*", "GZIP;q=0.5, identity;q=0.4"])
def test_a_long_page_is_compressed_for_who_takes_it(encoding):
    with served(page(body=LONG)) as server:
        _, headers, body = get(server, Accept_Encoding=encoding)
    assert headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in headers["Vary"]
    assert len(body) < 1000
    assert zlib.decompress(body, wbits=31) == LONG


@pytest.mark.parametrize(
    "encoding", ["identity", "gzip;q=0", "gzip;q=0.1, identity", "br", "*;q=0"]
)
def test_a_long_page_is_plain_for_who_does_not(encoding):
    with served(page(body=LONG)) as server:
        _, headers, body = get(server, Accept_Encoding=encoding)
    assert "Content-Encoding" not in headers
    assert "Accept-Encoding" in headers["Vary"]
    assert body == LONG


def test_a_short_page_is_not_worth_compressing():
    with served() as server:
        _, headers, _ = get(server, Accept_Encoding="gzip")
    assert "Content-Encoding" not in headers


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 20_000,
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 10_000,
    ],
)
def test_a_head_beyond_the_bound_is_refused(request_):
    with served() as server:
        assert status_of(exchange(server, request_)) == 431


def test_what_is_no_http_is_refused():
    with served() as server:
        assert status_of(exchange(server, b"\x16\x03\x01 hello\r\n\r\n")) == 400


def test_a_head_that_comes_byte_by_byte_ends_in_time():
    with served(limits=QUICK) as server, dial(server) as connection:
        start = time.monotonic()
        answer = b""
        connection.settimeout(0.02)
        for byte in REQUEST * 100:
            try:
                connection.send(bytes([byte or 65]) if byte not in b"\r\n" else b"x")
                answer = connection.recv(1000)
            except TimeoutError:
                continue
            except OSError:
                break
            if answer:
                break
        assert time.monotonic() - start < 5
    assert status_of(answer) == 408


def test_a_connection_without_a_request_is_closed():
    with served(limits=QUICK) as server, dial(server) as connection:
        assert connection.recv(1) == b""


def test_a_client_that_does_not_read_is_left():
    long = page(body=b"x" * 20_000_000)
    with served(long, limits=QUICK, max_connections=1) as server, dial(server) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(REQUEST)

        def answered():
            with contextlib.suppress(OSError, http.client.HTTPException):
                return get(server, "/")[0] == 200
            return False

        wait_until(answered, "the end of the connection that had the only place")


def test_connections_are_bounded_and_those_that_wait_make_room():
    with served(max_connections=3) as server:
        connections = [dial(server) for _ in range(8)]
        for connection in connections:
            connection.sendall(REQUEST)
            connection.recv(65536)
        assert len([t for t in threading.enumerate() if t.name == "http connection"]) <= 3
        for connection in connections:
            connection.close()


def test_who_comes_while_all_are_busy_is_closed_and_the_busy_ones_are_answered(caplog):
    entered, leave = threading.Event(), threading.Event()

    def wait(request):
        entered.set()
        leave.wait(10)
        return Response(b"done")

    with served(Route("/page", wait), max_connections=1) as server, dial(server) as busy:
        busy.sendall(LAST_REQUEST)
        assert entered.wait(10)
        with dial(server) as other, contextlib.suppress(ConnectionError):
            other.sendall(LAST_REQUEST)
            assert read_all(other) == b""
        with dial(server) as third:
            assert third.recv(1) == b""
        leave.set()
        assert read_all(busy).endswith(b"done")
    (warning,) = caplog.records  # not one for each
    assert "all 1 are busy" in warning.getMessage()


def test_closing_lets_a_response_end_and_wakes_who_waits():
    entered = threading.Event()

    def slow(request):
        entered.set()
        time.sleep(0.3)
        return Response(b"done")

    with served(Route("/page", slow)) as server, dial(server) as busy, dial(server) as idle:
        busy.sendall(REQUEST)
        assert entered.wait(10)
        start = time.monotonic()
        server.close(5.0)
        assert time.monotonic() - start < 3
        assert read_all(busy).endswith(b"done")
        with contextlib.suppress(ConnectionResetError):  # it may not have been accepted yet
            assert idle.recv(1) == b""
        with pytest.raises(OSError, match="refused"):
            dial(server)


def test_closing_keeps_its_time_when_a_page_hangs():
    entered, leave = threading.Event(), threading.Event()

    def hang(request):
        entered.set()
        leave.wait(20)
        return Response(b"late")

    server = HttpServer("127.0.0.1:0")
    server.show([Route("/page", hang)])
    server.start()
    with dial(server) as connection:
        connection.sendall(REQUEST)
        assert entered.wait(10)
        start = time.monotonic()
        server.close(0.5)
        assert time.monotonic() - start < 2
        assert connection.recv(1) == b""
    leave.set()


def test_close_is_safe_without_start_and_twice():
    server = HttpServer("127.0.0.1:0")
    server.close(1.0)
    server.start()
    server.close(1.0)
    server.close(1.0)


def test_no_thread_and_no_descriptor_is_left():
    gc.collect()
    before = open_things()
    with served() as server:
        get(server)
        with dial(server):
            pass
    assert open_things() == before


def test_a_port_that_is_taken_is_a_sentence():
    with served() as server:
        host, port = place(server)
        with pytest.raises(StartError, match="another program listens there"):
            HttpServer(f"{host}:{port}").start()


def test_an_address_that_the_machine_has_not_is_a_sentence():
    with pytest.raises(StartError, match="no interface of this machine"):
        HttpServer("192.0.2.1:19220").start()


def test_a_name_that_nobody_knows_is_a_sentence():
    with pytest.raises(StartError, match="cannot listen on"):
        HttpServer("no-such-host.invalid:19220").start()


def test_the_port_can_be_had_again_at_once():
    with served() as server:
        host, port = place(server)
        with dial(server) as connection:
            connection.sendall(REQUEST)
            connection.recv(100)
            server.close(1.0)  # the server's side waits in TIME_WAIT now
    with served(address=f"{host}:{port}") as again:
        assert get(again)[0] == 200


def test_an_ipv6_address_serves():
    with served(address="[::1]:0") as server:
        assert server.url.startswith("http://[::1]:")
        assert get(server)[0] == 200


def test_localhost_is_not_warned_about(caplog):
    with served(address="localhost:0") as server:
        assert get(server)[0] == 200
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []


def test_an_address_that_others_reach_without_tls_is_warned_about_once(caplog):
    with served(address="0.0.0.0:0"):
        pass
    (warning,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert "can be reached from other machines without TLS" in warning


@pytest.mark.parametrize("limits", [None, Limits(head_bytes=100)])
def test_a_request_of_ordinary_length_fits(limits):
    with served(limits=limits) as server:
        assert get(server)[0] == 200


def test_many_clients_at_once_get_their_own_answers():
    def echo(request):
        return Response(request.query["n"].encode())

    wrong = []
    with served(Route("/page", echo), max_connections=32) as server:

        def ask(number):
            for _ in range(10):
                if get(server, f"/page?n={number}")[2] != str(number).encode():
                    wrong.append(number)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []
