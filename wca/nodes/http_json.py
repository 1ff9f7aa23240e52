"""Questions to a service that answers with JSON. Imports requests when the first one is asked."""

import json
import threading
from collections.abc import Collection, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from wca.clock import Clock, SystemClock
from wca.errors import StartError, TaskSynchronizationException
from wca.http_client.deadline import Deadline
from wca.http_client.words import failure_text, hung_up, quoted, shown_url
from wca.security import SSL
from wca.version import __version__

if TYPE_CHECKING:
    import requests

__all__ = ["JsonService"]

_HEADERS = {
    "User-Agent": f"wca/{__version__}",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
}
#: Bytes that are read at once.
_PIECE = 64 * 1024
_KNOWN = frozenset(status.value for status in HTTPStatus)
_CREDENTIALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


class JsonService:
    """Asks one service over HTTP, over a connection that is kept. One thread asks at a time.

    A question ends with its timeout, whatever the service does; so do the connection, the handshake
    and the answer that belong to it. Redirections are not followed, and nothing is taken from the
    environment: no proxy, no ``.netrc``.

    Args:
        timeout: seconds for each question and its answer.
        ssl: how a server with ``https`` is verified, and how the agent shows who it is; None: by
            this machine's certificate authorities, and not at all.
        most_bytes: the longest answer that is read.
        clock: time.
    """

    def __init__(
        self,
        timeout: float,
        ssl: SSL | None = None,
        *,
        most_bytes: int = 64 << 20,
        clock: Clock | None = None,
    ) -> None:
        self._timeout = timeout
        self._ssl = ssl
        self._most_bytes = most_bytes
        self._deadline = Deadline(clock or SystemClock())
        self._lock = threading.Lock()
        self._session: requests.Session | None = None
        self._kept = False

    def ask(
        self,
        method: str,
        url: str,
        question: object = None,
        headers: Mapping[str, str] = MappingProxyType({}),
        hidden: Collection[str] = (),
    ) -> Any:
        """Send one request and read its answer.

        Args:
            method: of HTTP, such as ``GET``.
            url: where to; always with the same scheme.
            question: sent as JSON; None: nothing is sent.
            headers: further ones.
            hidden: texts, such as a token, that no message repeats when the service does.

        Raises:
            TaskSynchronizationException: there was no answer in time, or another one than
                200 with JSON; says in a sentence what the service did.
        """
        data = None if question is None else json.dumps(question).encode()
        typed = {} if data is None else {"Content-Type": "application/json"}
        self._deadline.begin(self._timeout)
        body = self._exchange(method, url, data, {**typed, **headers}, hidden)
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:  # a UnicodeDecodeError is a ValueError
            reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
            raise TaskSynchronizationException(
                f"{shown_url(url)} answers with what is no JSON: {reason}"
            ) from None

    def close(self) -> None:
        """End a question that waits, from any thread, and the connection; another may follow."""
        self._deadline.cut()
        self._let_go()

    def _let_go(self) -> None:
        """Close the session: the next one reads the certificates anew."""
        with self._lock:
            session, self._session = self._session, None
        self._kept = False
        if session is not None:
            session.close()

    def _exchange(
        self,
        method: str,
        url: str,
        data: bytes | None,
        headers: Mapping[str, str],
        hidden: Collection[str],
    ) -> bytes:
        import requests
        import urllib3

        while True:
            session = self._opened(url)
            try:
                with session.request(
                    method, url, data=data, headers=headers, stream=True, allow_redirects=False
                ) as response:
                    body = self._body(response, url)
                    self._kept = True
                    _check_status(response, url, body, hidden)
                    return body
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                # A service closes a connection that has been idle for long, maybe just now.
                again = self._kept and hung_up(error)
                self._let_go()
                if not again:
                    reason = f"{shown_url(url)}: {failure_text(error, self._timeout)}"
                    raise TaskSynchronizationException(reason) from None

    def _opened(self, url: str) -> "requests.Session":
        from wca.http_client.transport import new_session

        with self._lock:
            if self._session is None:
                secure = url.startswith("https:")
                try:
                    self._session = new_session(
                        self._deadline, (self._ssl or SSL()) if secure else None, None, _HEADERS
                    )
                except StartError as error:
                    raise TaskSynchronizationException(str(error)) from None
            return self._session

    def _body(self, response: "requests.Response", url: str) -> bytes:
        pieces: list[bytes] = []
        length = 0
        while piece := response.raw.read(_PIECE, decode_content=False):
            pieces.append(piece)
            length += len(piece)
            if length > self._most_bytes:
                raise TaskSynchronizationException(
                    f"{shown_url(url)} answers with more than {self._most_bytes} bytes"
                )
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
    raise TaskSynchronizationException(words)
