"""Questions to one web service over a kept connection. Imports requests with the first question."""

from collections.abc import Collection, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING

from wca.clock import Clock, SystemClock
from wca.http_client.deadline import Deadline
from wca.http_client.kept import KeptSession, NoAnswer, asking_for
from wca.http_client.words import quoted, shown_url
from wca.security import SSL

if TYPE_CHECKING:
    import requests

__all__ = ["HttpService", "NoAnswer"]

#: Bytes that are read at once.
_PIECE = 64 * 1024
_KNOWN = frozenset(status.value for status in HTTPStatus)
_CREDENTIALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


class HttpService:
    """Asks one service over HTTP, over a connection that is kept. One thread asks at a time.

    A question ends with its timeout, whatever the service does; so do the connection, the handshake
    and the answer that belong to it. Redirections are not followed, and nothing is taken from the
    environment: no proxy, no ``.netrc``.

    Args:
        timeout: seconds for each question and its answer.
        accept: the types of answers that are understood, as the header of this name.
        ssl: how a server with ``https`` is verified, and how the agent shows who it is; None: by
            this machine's certificate authorities, and not at all.
        most_bytes: the longest answer that is read.
        clock: time.
    """

    def __init__(
        self,
        timeout: float,
        accept: str,
        ssl: SSL | None = None,
        *,
        most_bytes: int = 64 << 20,
        clock: Clock | None = None,
    ) -> None:
        self._timeout = timeout
        self._ssl = ssl
        self._secure = False
        self._most_bytes = most_bytes
        self._deadline = Deadline(clock or SystemClock())
        self._session = KeptSession(self._deadline, self._tls, asking_for(accept))

    def ask(
        self,
        method: str,
        url: str,
        data: bytes | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
        hidden: Collection[str] = (),
    ) -> bytes:
        """Send one request and read its answer.

        Args:
            method: of HTTP, such as ``GET``.
            url: where to; always with the same scheme.
            data: what is sent; None: nothing.
            headers: further ones.
            hidden: texts, such as a token, that no message repeats when the service does.

        Raises:
            NoAnswer: there was none in time, or another one than 200.
        """

        def exchange(session: "requests.Session") -> "tuple[requests.Response, bytes]":
            with session.request(
                method, url, data=data, headers=headers, stream=True, allow_redirects=False
            ) as response:
                return response, self._body(response, url)

        self._deadline.begin(self._timeout)
        self._secure = url.startswith("https:")
        response, body = self._session.use(shown_url(url), self._timeout, exchange)
        _check_status(response, url, body, hidden)
        return body

    def close(self) -> None:
        """End a question that waits, from any thread, and the connection; another may follow."""
        self._deadline.cut()
        self._session.let_go()

    def _tls(self) -> SSL | None:
        return (self._ssl or SSL()) if self._secure else None

    def _body(self, response: "requests.Response", url: str) -> bytes:
        pieces: list[bytes] = []
        length = 0
        while piece := response.raw.read(_PIECE, decode_content=False):
            pieces.append(piece)
            length += len(piece)
            if length > self._most_bytes:
                raise NoAnswer(f"{shown_url(url)} answers with more than {self._most_bytes} bytes")
        return b"".join(pieces)


def _check_status(
    response: "requests.Response", url: str, body: bytes, hidden: Collection[str]
) -> None:
    status = response.status_code
    if status == HTTPStatus.OK:
        return
    phrase = f" {HTTPStatus(status).phrase}" if status in _KNOWN else ""
    said = quoted(body, hidden)
    words = f"{shown_url(url)} answers {status}{phrase}{f': {said}' if said else ''}"
    if 300 <= status < 400:
        where = shown_url(response.headers.get("location", "")) or "nowhere"
        words = f"{shown_url(url)} redirects to {where}, which is not followed"
    if status in _CREDENTIALS:
        words += " (the credentials are not accepted)"
    raise NoAnswer(words)
