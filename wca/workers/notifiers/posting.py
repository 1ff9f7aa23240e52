"""Messages to a web service, one POST each, that end in time and show no secret."""

from collections.abc import Collection, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from wca.clock import Clock, SystemClock
from wca.config.types import Url
from wca.errors import ValidationError
from wca.http_client.deadline import Deadline
from wca.http_client.kept import KeptSession, NoAnswer, asking_for
from wca.http_client.words import masked
from wca.security import SSL
from wca.storage.delivery.parcel import Unavailable
from wca.storage.http_client.answers import Answer, retry_after
from wca.storage.http_client.auth import Credentials, HttpAuth
from wca.workers.api import RefusedError, TryLaterError

if TYPE_CHECKING:
    import requests

__all__ = ["Poster"]

#: Bytes of an answer that are read.
_MOST_ANSWER = 64 * 1024
_LATER = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)
#: A shorter text would be found in half of all answers, and masked in all of them.
_SHORTEST_SECRET = 4
#: A shorter part of a path is a word such as "services".
_SHORTEST_PART = 10


class Poster:
    """Posts to one web service, over a connection that is kept. One thread posts at a time.

    Redirections are not followed, so that no secret is carried on, and nothing is taken from the
    environment: no proxy, no ``.netrc``. Of the address messages show scheme, host and port only,
    since its path may be what makes it secret.

    Args:
        field: where the address stands in the configuration.
        url: what the address begins with.
        timeout: seconds for each message and its answer.
        hidden: texts that no message shows, besides the address.
        auth: how the agent identifies itself.
        ssl: how a server with ``https`` is verified; None: by this machine's certificate
            authorities.
        clock: time.

    Raises:
        ValidationError: the address or ``auth`` cannot be used.
    """

    def __init__(
        self,
        field: str,
        url: str,
        timeout: float,
        hidden: Collection[str] = (),
        *,
        auth: HttpAuth | None = None,
        ssl: SSL | None = None,
        clock: Clock | None = None,
    ) -> None:
        try:
            Url().check(url)
        except ValidationError:  # says what it got
            wanted = "expected an address such as https://host/path; it is secret and not shown"
            raise ValidationError(f"{field}: {wanted}") from None
        parts = urlsplit(url)
        #: The service as it may be shown.
        self.place = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], "", "", ""))
        self._url = url
        self._timeout = timeout
        self._credentials = None if auth is None else Credentials(auth)
        secrets = {*hidden, url, parts.path.strip("/"), parts.query, parts.password or ""}
        secrets |= {part for part in parts.path.split("/") if len(part) >= _SHORTEST_PART}
        if self._credentials is not None:
            secrets |= self._credentials.hidden
        self._hidden = {text for text in secrets if len(text) >= _SHORTEST_SECRET}
        self._ssl = (ssl or SSL()) if parts.scheme == "https" else None
        self._clock = clock or SystemClock()
        self._deadline = Deadline(self._clock)
        self._session = KeptSession(self._deadline, lambda: self._ssl, asking_for("*/*"))
        self._closed = False

    def __repr__(self) -> str:
        return f"Poster({self.place})"

    def post(
        self,
        body: bytes,
        headers: Mapping[str, str] = MappingProxyType({}),
        path: str = "",
        content: str = "application/json",
    ) -> None:
        """Send one message.

        Args:
            body: of it.
            headers: further ones.
            path: what follows the address.
            content: type of the body.

        Raises:
            TryLaterError: there was no answer in time, or 408, 425, 429 or 5xx.
            RefusedError: there was any other answer than 2xx.
        """
        if self._closed:
            raise TryLaterError(f"{self.place}: no message is sent after the end")
        sent = {"Content-Type": content, **headers, **self._authorization()}

        def exchange(session: "requests.Session") -> Answer:
            with session.post(
                self._url + path, data=body, headers=sent, stream=True, allow_redirects=False
            ) as response:
                return self._answer(response)

        self._deadline.begin(self._timeout)
        try:
            answer = self._session.use(self.place, self._timeout, exchange)
        except NoAnswer as error:
            raise TryLaterError(masked(str(error), self._hidden)) from None
        _check(answer)

    def close(self) -> None:
        """End a message that waits for its answer, from any thread, and send no other."""
        self._closed = True
        self._deadline.cut()
        self._session.let_go()

    def _authorization(self) -> dict[str, str]:
        if self._credentials is None:
            return {}
        try:
            return {"Authorization": self._credentials.header()}
        except Unavailable as error:  # its file cannot be read now
            raise TryLaterError(error.reason) from None

    def _answer(self, response: "requests.Response") -> Answer:
        lower = {name.lower(): value for name, value in response.headers.items()}
        after = retry_after(lower.get("retry-after"), self._clock.now())
        return Answer(self.place, response.status_code, lower, _body(response), after, self._hidden)


def _body(response: "requests.Response") -> bytes:
    """The begin of an answer. Its status stands, whatever happens to the rest."""
    import urllib3

    try:
        return bytes(response.raw.read(_MOST_ANSWER, decode_content=False))
    except (urllib3.exceptions.HTTPError, OSError):
        response.close()
        return b""


def _check(answer: Answer) -> None:
    status = answer.status
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise RefusedError(f"{answer.place} redirects, which is not followed")
    if status in _LATER or status >= 500:
        raise TryLaterError(str(answer), answer.retry_after)
    raise RefusedError(str(answer))
