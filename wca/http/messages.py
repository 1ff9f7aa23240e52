"""The heads of HTTP/1.1 messages: a request's from bytes, a response's to bytes.

Source: RFC 9112, https://www.rfc-editor.org/rfc/rfc9112. Stricter than that where a lenient reader
would be a risk: lines end in CRLF, a header is never folded. A body is not read: neither GET nor
HEAD has one that means anything.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlsplit

from wca.http.api import Request, Response, Stream

__all__ = ["BadRequest", "Head", "read_head", "response_head", "stream_head"]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_VERSION = re.compile(r"HTTP/[0-9]\.[0-9]", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class BadRequest(Exception):  # noqa: N818 - the name of the status
    """A request that cannot be answered as asked.

    Args:
        sentence: what is wrong with it.
        status: the HTTP status code to answer.
    """

    def __init__(self, sentence: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a request, and what it means for the connection.

    Args:
        request: what was asked.
        keep_alive: whether the client wants to go on with the connection, and can: after a body,
            which is not read, nothing that follows could be told from it.
        version: of HTTP, as the client speaks it.
    """

    request: Request
    keep_alive: bool
    version: str = "HTTP/1.1"


def read_head(data: bytes) -> Head:
    """Read the head of a request.

    Args:
        data: all up to the empty line, without it.

    Raises:
        BadRequest: it is not a request of HTTP/1.0 or 1.1.
    """
    first, *lines = data.decode("latin-1").split("\r\n")
    method, target, version = _request_line(first)
    headers = _headers(lines)
    if version != "HTTP/1.0" and "host" not in headers:
        raise BadRequest("a request of HTTP/1.1 needs the header Host")
    path, query = _target(target)
    has_body = "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
    wants_close = "close" in headers.get("connection", "").lower()
    return Head(
        Request(method, path, query, headers),
        keep_alive=version != "HTTP/1.0" and not wants_close and not has_body,
        version=version,
    )


def response_head(response: Response, length: int, *, keep_alive: bool) -> bytes:
    """Write the head of a response.

    Args:
        response: what is answered.
        length: of the body, in bytes.
        keep_alive: whether the connection goes on after it.
    """
    headers = {
        "Content-Type": response.content_type,
        "Content-Length": str(length),
        "Connection": "keep-alive" if keep_alive else "close",
        **response.headers,
    }
    return _head(response.status, headers)


def stream_head(stream: Stream, *, chunked: bool) -> bytes:
    """Write the head of a response whose length nobody knows; the connection ends with it.

    Args:
        stream: what is answered.
        chunked: whether its end is told apart from a connection that broke (RFC 9112, 7.1).
    """
    headers = {"Content-Type": stream.content_type, "Connection": "close", **stream.headers}
    return _head(200, {**headers, "Transfer-Encoding": "chunked"} if chunked else headers)


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    usual = {
        "Server": "wca",
        "Date": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime()),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    lines = [f"HTTP/1.1 {status} {_phrase(status)}"]
    lines += [f"{name}: {value}" for name, value in {**usual, **headers}.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _request_line(line: str) -> tuple[str, str, str]:
    parts = line.split(" ")
    if len(parts) != 3 or not _TOKEN.fullmatch(parts[0]):
        raise BadRequest("the first line is not METHOD TARGET VERSION")
    method, target, version = parts
    if not _VERSION.fullmatch(version):
        raise BadRequest("the first line does not end in a version of HTTP")
    if not version.startswith("HTTP/1."):
        raise BadRequest("only HTTP/1.0 and HTTP/1.1 are spoken here", 505)
    return method, target, version


def _headers(lines: list[str]) -> Mapping[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _TOKEN.fullmatch(name) or _CONTROL.search(value):
            raise BadRequest("a header is not NAME: VALUE")
        name, value = name.lower(), value.strip(" \t")
        if name == "host" and name in headers:
            raise BadRequest("the header Host occurs twice")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _target(target: str) -> tuple[str, dict[str, str]]:
    try:
        parts = urlsplit(target)
    except ValueError:
        raise BadRequest("the target cannot be read") from None
    if not target.startswith("/"):
        if parts.scheme not in ("http", "https"):
            raise BadRequest("the target is neither a path nor an address")
        return unquote(parts.path) or "/", dict(parse_qsl(parts.query, keep_blank_values=True))
    # A path that begins with // is a path here, not a host.
    path, _, query = target.partition("?")
    return unquote(path), dict(parse_qsl(query, keep_blank_values=True))


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
