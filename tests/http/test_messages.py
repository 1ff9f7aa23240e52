"""Heads of requests and responses, byte by byte."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.http import Response
from wca.http.messages import BadRequest, read_head, response_head


def head(text):
    return read_head(text.replace("\n", "\r\n").encode("latin-1"))


def test_a_request_is_read():
    found = head("GET /a%20b?x=1&y=&x=2 HTTP/1.1\nHost: h\nAccept: a/b\naccept:  c/d \nX:")
    request = found.request
    assert (request.method, request.path) == ("GET", "/a b")
    assert request.query == {"x": "2", "y": ""}
    assert request.headers == {"host": "h", "accept": "a/b, c/d", "x": ""}
    assert found.keep_alive


@pytest.mark.parametrize(
    ("target", "path"),
    [("/", "/"), ("//x/y", "//x/y"), ("http://h/p?q", "/p"), ("http://h", "/"), ("/a#b", "/a#b")],
)
def test_a_target_is_a_path_or_an_address(target, path):
    assert head(f"GET {target} HTTP/1.1\nHost: h").request.path == path


@pytest.mark.parametrize(
    ("text", "keep_alive"),
    [
        ("GET / HTTP/1.1\nHost: h", True),
        ("GET / HTTP/1.1\nHost: h\nConnection: Close", False),
        ("GET / HTTP/1.0", False),
        # A body is not read, so what follows it could not be told from it.
        ("GET / HTTP/1.1\nHost: h\nContent-Length: 3", False),
        ("GET / HTTP/1.1\nHost: h\nContent-Length: 0", True),
        ("GET / HTTP/1.1\nHost: h\nTransfer-Encoding: chunked", False),
    ],
)
def test_whether_the_connection_goes_on(text, keep_alive):
    assert head(text).keep_alive is keep_alive


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", 400),
        ("GET /", 400),
        ("GET  / HTTP/1.1\nHost: h", 400),
        ("G@T / HTTP/1.1\nHost: h", 400),
        ("GET / HTP/1.1\nHost: h", 400),
        ("GET / HTTP/2.0\nHost: h", 505),
        ("GET / HTTP/1.1", 400),
        ("GET / HTTP/1.1\nHost: a\nHost: b", 400),
        ("GET / HTTP/1.1\nHost: h\nno colon", 400),
        ("GET / HTTP/1.1\nHost: h\n folded: x", 400),
        ("GET / HTTP/1.1\nHost: h\nx : y", 400),
        ("GET / HTTP/1.1\nHost: h\nx: a\0b", 400),
        ("GET example.org HTTP/1.1\nHost: h", 400),
        ("GET http://[/ HTTP/1.1\nHost: h", 400),
    ],
)
def test_what_is_no_request_is_refused_with_a_sentence(text, status):
    with pytest.raises(BadRequest) as caught:
        head(text)
    assert caught.value.status == status
    assert str(caught.value)


@given(st.binary(max_size=200) | st.text("GET /HTP1.0:\r\n h%[]?&=", max_size=80).map(str.encode))
def test_whatever_comes_it_is_a_request_or_refused(data):
    with contextlib.suppress(BadRequest):
        assert isinstance(read_head(data).request.path, str)


@given(st.sampled_from(["GET / HTTP/1.1", "HEAD /x HTTP/1.0"]), st.lists(st.text(max_size=9)))
def test_headers_never_come_with_line_ends(first, lines):
    data = "\r\n".join([first, "Host: h", *lines]).encode("utf-8")
    try:
        headers = read_head(data).request.headers
    except BadRequest:
        return
    assert not any("\n" in text or "\r" in text for pair in headers.items() for text in pair)


def test_the_server_says_no_version_of_itself():
    text = response_head(Response(b""), 0, keep_alive=True).decode()
    assert "\r\nServer: wca\r\n" in text
    assert text.startswith("HTTP/1.1 200 OK\r\n")
    assert text.endswith("\r\n\r\n")


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\n", "\0", "\N{GREEK SMALL LETTER MU}"])
def test_a_header_never_becomes_two(value):
    with pytest.raises(ValueError, match="cannot be written"):
        Response(b"", headers={"X": value})
    with pytest.raises(ValueError, match="cannot be written"):
        Response(b"", value)
