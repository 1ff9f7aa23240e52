"""What etcd adds to the contract of a database: several servers, TLS, its answers."""

import base64
import contextlib
import http.server
import json
import socket
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.databases import servers
from tests.services import free_port
from wca.databases import DatabaseError, EtcdDatabase, TimeoutOnAllHosts
from wca.errors import StartError, ValidationError
from wca.security import SSL


@pytest.fixture
def refused():
    """An address where nobody listens."""
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture
def silent():
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextlib.contextmanager
def answering(status, body, headers=()):
    """The address of a server with one answer to everything, and what it was asked.

    ``body`` may be a function that gives the answer.
    """
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers["Content-Length"])
            asked.append((self.path, self.rfile.read(length), self.headers))
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):  # the client may have had enough
                self.wfile.write(body() if callable(body) else body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def opened():
    """Makes databases that are closed after the test."""
    with contextlib.ExitStack() as stack:

        def make(*args, **kwargs):
            database = EtcdDatabase(*args, **kwargs)
            stack.callback(database.close)
            return database

        yield make


def test_a_server_that_refuses_or_is_silent_is_passed_over(opened, etcd, refused, silent):
    database = opened([refused, silent, etcd], timeout=1)
    database.set(b"over", b"value")
    assert database.get(b"over") == b"value"


def test_the_server_that_answered_is_asked_first_from_then_on(opened, etcd):
    with answering(503, b'{"message": "etcdserver: no leader"}') as (away, asked):
        database = opened([away, etcd])
        for _ in range(3):
            database.get(b"key")
    assert len(asked) == 1


def test_when_no_server_answers_the_error_names_each(opened, refused, silent):
    with answering(503, b'{"message": "etcdserver: no leader"}') as (leaderless, _):
        database = opened([refused, silent, leaderless], timeout=1)
        with pytest.raises(TimeoutOnAllHosts) as caught:
            database.get(b"key")
    assert str(caught.value) == (
        f"no etcd server has answered: {refused}: Connection refused; {silent}: no answer within 1 s; "
        f"{leaderless}: HTTP 503, etcdserver: no leader"
    )


def test_start_tells_that_no_server_answers(opened, refused):
    with pytest.raises(StartError, match=r"EtcdDatabase: no etcd server has answered.*see hosts"):
        opened([refused]).start()


def test_a_password_in_an_address_is_not_shown(opened, refused):
    hidden = refused.replace("http://", "http://user:secret@")
    with pytest.raises(TimeoutOnAllHosts) as caught:
        opened([hidden]).get(b"key")
    assert "secret" not in str(caught.value)
    assert refused in str(caught.value)


def test_an_etcd_that_was_killed_answers_again_after_its_restart(opened, tmp_path):
    with servers.etcd(tmp_path) as (server, url):
        database = opened([url])
        database.set(b"key", b"value")
        server.kill()
        with pytest.raises(TimeoutOnAllHosts):
            database.set(b"key", b"lost")
        server.start()
        assert database.get(b"key") == b"value"


def test_what_etcd_refuses_is_an_error_with_its_words(opened, etcd):
    with pytest.raises(DatabaseError, match="refuses: HTTP 400, etcdserver: request is too large"):
        opened([etcd]).set(b"key", b"x" * 1_600_000)


def test_a_wrong_api_path_is_an_error(opened, etcd):
    with pytest.raises(StartError, match=r"refuses: HTTP 404.*see hosts, api_path and ssl"):
        opened([etcd], api_path="/v9").start()


def test_the_api_path_is_put_before_etcds_own(opened):
    with answering(200, b"{}") as (url, asked):
        opened([url + "/"], api_path="/v3alpha/").set(b"key", b"\xff")
    path, body, _ = asked[0]
    assert path == "/v3alpha/kv/put"
    assert {name: base64.b64decode(text) for name, text in json.loads(body).items()} == {
        "key": b"key",
        "value": b"\xff",
    }


def test_an_empty_answer_means_there_is_no_such_key(opened):
    with answering(200, b"{}") as (url, _):
        assert opened([url]).get(b"key") is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"3", b"{", b"[" * 100_000])
def test_an_answer_that_is_not_etcds_is_no_answer(opened, body):
    with (
        answering(200, body) as (url, _),
        pytest.raises(TimeoutOnAllHosts, match="HTTP 200, not an answer of etcd"),
    ):
        opened([url]).get(b"key")


@pytest.mark.parametrize("kvs", ['{"a": 1}', '["x"]', '[{"value": 3}]', '[{"value": "%"}]', "[[]]"])
def test_an_answer_without_a_value_is_an_error(opened, kvs):
    with (
        answering(200, f'{{"kvs": {kvs}}}'.encode()) as (url, _),
        pytest.raises(DatabaseError, match="holds no value"),
    ):
        opened([url]).get(b"key")


ANSWERS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("dmFsdWU="),
    lambda parts: (
        st.lists(parts, max_size=3)
        | st.dictionaries(st.sampled_from(["kvs", "value", "message", "x"]), parts, max_size=3)
    ),
    max_leaves=8,
)


def test_whatever_is_answered_costs_at_most_a_database_error(opened):
    answers = []
    with answering(200, lambda: answers[-1]) as (url, _):
        database = opened([url])

        @settings(max_examples=200, deadline=None)
        @given(answer=ANSWERS)
        def ask(answer):
            answers.append(json.dumps(answer).encode())
            with contextlib.suppress(DatabaseError):
                assert database.get(b"key") in (None, b"", b"value") or "kvs" in answer

        ask()


def test_an_answer_without_end_is_given_up(opened):
    with (
        answering(200, b" " * 20_000_000) as (url, _),
        pytest.raises(TimeoutOnAllHosts, match="larger than 16777216 bytes"),
    ):
        opened([url]).get(b"key")


HEAD = b"HTTP/1.1 200 OK\r\n"
ENDLESS = {
    "head": ("http", HEAD, b"a: b\r\n"),
    "body": ("http", HEAD + b"Content-Length: 999\r\n\r\n", b" "),
    "chunks": ("http", HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n{\r\n"),
    "handshake": ("https", b"\x16\x03\x03\x3f\xff", b"\x02"),
}


@pytest.mark.parametrize(("scheme", "begin", "more"), ENDLESS.values(), ids=ENDLESS)
def test_a_server_that_sends_a_little_now_and_then_is_given_up_in_time(opened, scheme, begin, more):
    ended = threading.Event()

    def dribble(listening):
        with listening.accept()[0] as connection, contextlib.suppress(OSError):
            connection.recv(4096)
            connection.sendall(begin)
            while not ended.wait(0.1):
                connection.sendall(more)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=dribble, args=(listening,))
        thread.start()
        url = f"{scheme}://127.0.0.1:{listening.getsockname()[1]}"
        try:
            with pytest.raises(TimeoutOnAllHosts, match="no answer within 1 s"):
                opened([url], timeout=1).get(b"key")
        finally:
            ended.set()
            thread.join()


def test_a_user_in_an_address_is_sent_as_its_authorization(opened):
    with answering(200, b"{}") as (url, asked):
        opened([url.replace("//", "//reader:s%40cret@")]).get(b"key")
    assert asked[0][2]["Authorization"] == "Basic " + base64.b64encode(b"reader:s@cret").decode()


def test_a_redirection_is_not_followed(opened):
    with (
        answering(200, b"{}") as (elsewhere, asked),
        answering(307, b"", [("Location", elsewhere)]) as (url, _),
        pytest.raises(DatabaseError, match="refuses: HTTP 307"),
    ):
        opened([url]).set(b"key", b"value")
    assert asked == []


def test_a_server_that_is_not_believed_is_no_server(opened, etcd_with_tls, certificates):
    strange = SSL(certificates.other_ca, certificates.client_cert, certificates.client_key)
    with pytest.raises(TimeoutOnAllHosts, match="unable to get local issuer certificate"):
        opened([etcd_with_tls], ssl=strange).get(b"key")


def test_without_ssl_a_server_of_an_unknown_authority_is_not_believed(opened, etcd_with_tls):
    with pytest.raises(TimeoutOnAllHosts, match="unable to get local issuer certificate"):
        opened([etcd_with_tls]).get(b"key")


def test_etcd_refuses_who_shows_no_certificate(opened, etcd_with_tls, certificates):
    with pytest.raises(TimeoutOnAllHosts):
        opened([etcd_with_tls], ssl=SSL(certificates.ca)).get(b"key")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hosts": []}, "write the addresses of the etcd servers"),
        ({"hosts": ["https://a:2379", "http://b:2379"], "ssl": SSL()}, "write https"),
        ({"hosts": ["http://a:2379"], "api_path": "v3"}, "api_path begins with /"),
    ],
)
def test_fields_that_make_no_sense_are_refused(fields, message):
    with pytest.raises(ValidationError, match=message):
        EtcdDatabase(**fields)
