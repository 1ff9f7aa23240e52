"""Talking to etcd's JSON gateway."""

import base64
import contextlib
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from wca.databases.api import DatabaseError, TimeoutOnAllHosts

__all__ = ["Gateway"]

_MAX_ANSWER = 16 * 1024 * 1024
_PORTS = {"http": 80, "https": 443}
#: How the gateway words gRPC's DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED and UNAVAILABLE, and a proxy
#: that its server is away: another server may do better.
#: Source: https://github.com/grpc-ecosystem/grpc-gateway, runtime/errors.go.
_TRY_ANOTHER = (408, 429, 502, 503, 504)


class Gateway:
    """Asks the first of several servers that answers, each time over a new connection.

    Args:
        hosts: their addresses.
        api_path: what the paths begin with.
        timeout: seconds for each server, from the connection to the end of its answer.
        context: the TLS of https addresses.
    """

    def __init__(
        self, hosts: Sequence[str], api_path: str, timeout: float, context: ssl.SSLContext
    ) -> None:
        self._hosts = list(hosts)
        self._api_path = api_path.rstrip("/")
        self._timeout = timeout
        self._context = context

    def post(self, path: str, body: Mapping[str, str]) -> Mapping[str, Any]:
        """The answer to a request, possibly an empty one.

        Args:
            path: behind ``api_path``, as ``/kv/range``.
            body: the request's fields.

        Raises:
            TimeoutOnAllHosts: no server has answered.
            DatabaseError: the first that did has refused.
        """
        reasons = []
        hosts = self._hosts
        for index, host in enumerate(hosts):
            try:
                answer = self._ask(host, path, body)
            except _Unanswered as error:
                reasons.append(f"{_shown(host)}: {error}")
            else:
                # The ones that have not answered are asked last from now on.
                self._hosts = hosts[index:] + hosts[:index]
                return answer
        raise TimeoutOnAllHosts(f"no etcd server has answered: {'; '.join(reasons)}")

    def _ask(self, host: str, path: str, body: Mapping[str, str]) -> Mapping[str, Any]:
        deadline = time.monotonic() + self._timeout
        too_late = f"no answer within {self._timeout:g} s"
        try:
            status, text = self._exchange(host, path, body)
        except (http.client.HTTPException, OSError, ValueError) as error:
            late = time.monotonic() >= deadline
            raise _Unanswered(too_late if late else _reason(error)) from error
        if time.monotonic() >= deadline:  # what was cut may look like an answer
            raise _Unanswered(too_late)
        if len(text) > _MAX_ANSWER:
            raise _Unanswered(f"its answer is larger than {_MAX_ANSWER} bytes")
        return _judged(host, status, _object(text))

    def _exchange(self, host: str, path: str, body: Mapping[str, str]) -> tuple[int, bytes]:
        url = urlsplit(host).path.rstrip("/") + self._api_path + path
        with self._connected(host) as connection:
            connection.request("POST", url, json.dumps(body).encode(), _headers(host))
            response = connection.getresponse()
            return response.status, response.read(_MAX_ANSWER + 1)

    @contextlib.contextmanager
    def _connected(self, host: str) -> Iterator[http.client.HTTPConnection]:
        """A connection that is cut when the time is over.

        The timeout of a socket is for each of its operations: a server that sends a byte now and
        then would never exceed it.
        """
        parts = urlsplit(host)
        address = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        begin = time.monotonic()
        with contextlib.ExitStack() as stack:
            plain = stack.enter_context(socket.create_connection(address, self._timeout))
            twin = stack.enter_context(plain.dup())  # the same connection, whatever wraps it
            left = self._timeout - (time.monotonic() - begin)
            timer = threading.Timer(max(0.0, left), _cut, (twin,))
            timer.start()
            stack.callback(timer.join)
            stack.callback(timer.cancel)
            connection = http.client.HTTPConnection(*address)
            connection.sock = plain
            if parts.scheme == "https":
                secure = self._context.wrap_socket(plain, server_hostname=address[0])
                connection.sock = stack.enter_context(secure)
            yield connection


class _Unanswered(Exception):  # noqa: N818 - a state that passes
    """This server did not answer; another one may."""


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has ended just now
        connection.shutdown(socket.SHUT_RDWR)


def _headers(host: str) -> dict[str, str]:
    headers = {"Content-Type": "application/json"}
    parts = urlsplit(host)
    if parts.username is not None:
        name, word = unquote(parts.username), unquote(parts.password or "")
        headers["Authorization"] = f"Basic {base64.b64encode(f'{name}:{word}'.encode()).decode()}"
    return headers


def _judged(host: str, status: int, answer: dict[str, Any] | None) -> dict[str, Any]:
    """The answer, where it is one of etcd's. Raises _Unanswered or DatabaseError."""
    if status == http.client.OK and answer is not None:
        return answer
    message = str((answer or {}).get("message", "not an answer of etcd"))[:200]
    if status in _TRY_ANOTHER or status == http.client.OK:
        raise _Unanswered(f"HTTP {status}, {message}")
    raise DatabaseError(f"etcd at {_shown(host)} refuses: HTTP {status}, {message}")


def _object(text: bytes) -> dict[str, Any] | None:
    """The JSON object that a text is; None when it is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _reason(error: BaseException) -> str:
    """What went wrong, as ``Connection refused``."""
    for attribute in ("verify_message", "strerror"):
        if found := getattr(error, attribute, None):
            return str(found)
    return str(error) or type(error).__name__


def _shown(host: str) -> str:
    """An address as it may stand in a log: without what may be a password."""
    parts = urlsplit(host)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
