"""Messages to a web service, one POST each."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from wca.clock import Clock, SystemClock
from wca.config.types import Url
from wca.errors import StartError
from wca.http_client.deadline import Deadline
from wca.http_client.words import failure_text, hung_up, masked, shown_url
from wca.security import SSL
from wca.storage.delivery.parcel import Outcome, Parcel, Refused, Unavailable
from wca.storage.http_client.answers import Answer, judge, retry_after
from wca.storage.http_client.auth import Credentials, HttpAuth
from wca.storage.http_client.fields import check_headers, check_url, secrets_of
from wca.version import __version__

if TYPE_CHECKING:
    import requests

__all__ = ["HttpTarget", "Judge", "Way"]

#: Says what becomes of a message by the answer to it; see ``judge``.
Judge = Callable[[Parcel, Answer], Outcome]

#: Bytes of an answer that are read; what follows is not waited for.
MOST_ANSWER = 64 * 1024
#: Redirections within the receiver that are followed, one after the other.
MOST_REDIRECTS = 3
_FOLLOWED = (307, 308)
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Way:
    """How messages of one kind are sent.

    Args:
        headers: besides those of all messages, in whose place they go.
        judge: see ``HttpTarget``.
    """

    headers: Mapping[str, str]
    judge: Judge


class HttpTarget:
    """A web service that takes messages by POST, over one connection that is kept.

    ``send`` ends with its timeout, whatever the receiver does. Redirections are followed within the
    receiver only, and only those that keep the method (307, 308). What comes as gzip is sent with
    ``Content-Encoding: gzip``. Environment variables for proxies and ``.netrc`` have no effect.

    Args:
        url: where to post.
        headers: further headers; values of others than ``Content-...`` are never shown.
        auth: how the agent identifies itself.
        ssl: how the server is verified; None: by this machine's certificate authorities.
        proxy: URL of a proxy, which may hold a user name and a password for it.
        client: the ``User-Agent``.
        judge: what an answer says of the message; called for every answer.
        others: by kind, how to send messages that a run with another configuration has left.
        clock: time.

    Raises:
        ValidationError: a URL, a header or ``auth`` cannot be used.
    """

    #: How many messages ``send`` takes at once.
    window = 1
    loads = ("wca.http_client.transport",)

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] = MappingProxyType({}),
        auth: HttpAuth | None = None,
        ssl: SSL | None = None,
        proxy: str | None = None,
        client: str = f"wca/{__version__}",
        judge: Judge = judge,
        others: "Mapping[str, Way]" = MappingProxyType({}),
        clock: Clock | None = None,
    ) -> None:
        check_url(url)
        if proxy is not None:
            Url().check(proxy)
        check_headers(headers, auth)
        #: The URL as it may be shown.
        self.place = shown_url(url)
        self._url = url
        self._headers = {
            "User-Agent": client,
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            **headers,
        }
        self._encoded = "content-encoding" in map(str.lower, headers)
        self._credentials = None if auth is None else Credentials(auth)
        self._hidden = secrets_of(url, headers, proxy, self._credentials)
        secure = any((one or "").startswith("https:") for one in (url, proxy))
        self._ssl = (ssl or SSL()) if secure else None
        self._proxy = proxy
        self._way = Way({}, judge)
        self._others = others
        self._clock = clock or SystemClock()
        self._deadline = Deadline(self._clock)
        self._session: requests.Session | None = None
        self._kept = self._closed = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.place})"

    def understands(self, kind: str) -> bool:
        """Whether messages of another kind can be sent here."""
        return kind in self._others

    def open(self, timeout: float) -> None:
        """Read the certificates anew; the connection is a part of the first ``send``.

        Args:
            timeout: not needed: nothing is waited for.

        Raises:
            Unavailable: the certificates cannot be used.
        """
        from wca.http_client.transport import new_session

        del timeout
        self._let_go()
        if self._closed:
            raise Unavailable(f"{self.place}: no message is sent after the end")
        try:
            self._session = new_session(self._deadline, self._ssl, self._proxy, self._headers)
        except StartError as error:
            raise Unavailable(str(error)) from error

    def send(self, parcels: Sequence[Parcel], timeout: float) -> list[Outcome]:
        """Post messages, one after the other.

        Args:
            parcels: the messages.
            timeout: seconds for all of them.

        Raises:
            Unavailable: there was no answer, or the credentials cannot be read.
        """
        if self._session is None:
            self.open(timeout)
        self._deadline.begin(timeout)
        headers = {}
        if self._credentials is not None:
            headers["Authorization"] = self._credentials.header()
        return [self._deliver(parcel, headers, timeout) for parcel in parcels]

    def close(self, timeout: float = 0.0) -> None:
        """Close the connection for good; safe twice.

        Args:
            timeout: not needed: nothing is waited for.
        """
        del timeout
        self._closed = True
        self._let_go()

    def _let_go(self) -> None:
        session, self._session = self._session, None
        self._kept = False
        if session is not None:
            session.close()

    def _deliver(self, parcel: Parcel, headers: dict[str, str], timeout: float) -> Outcome:
        if parcel.body.startswith(_GZIP) and not self._encoded:
            headers = {**headers, "Content-Encoding": "gzip"}
        way = self._others[parcel.kind] if parcel.kind else self._way
        headers = {**headers, **way.headers}
        url = self._url
        for _ in range(1 + MOST_REDIRECTS):
            answer = self._post(url, parcel.body, headers, timeout)
            next_url = _followed(url, answer)
            if next_url is None:
                break
            url = next_url
        outcome = way.judge(parcel, answer)
        return None if outcome is None else _without(outcome, answer.hidden)

    def _post(self, url: str, body: bytes, headers: dict[str, str], timeout: float) -> Answer:
        import requests
        import urllib3

        while True:
            try:
                answer = self._exchange(url, body, headers)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                # A receiver closes a connection that has been idle for long, maybe just now.
                if not (self._kept and hung_up(error)):
                    self._kept = False
                    reason = f"{self.place}: {failure_text(error, timeout)}"
                    raise Unavailable(reason) from error
                self._kept = False
            else:
                self._kept = True
                return answer

    def _exchange(self, url: str, body: bytes, headers: dict[str, str]) -> Answer:
        if self._session is None:
            raise OSError("the connection is closed")
        with self._session.post(
            url, data=body, headers=headers, stream=True, allow_redirects=False
        ) as response:
            lower = {name.lower(): value for name, value in response.headers.items()}
            return Answer(
                self.place,
                response.status_code,
                lower,
                _body(response),
                retry_after(lower.get("retry-after"), self._clock.now()),
                self._hidden | set(headers.get("Authorization", "").split()[1:]),
            )


def _body(response: "requests.Response") -> bytes:
    """The begin of an answer. Its status stands, whatever happens to the rest."""
    import urllib3

    pieces: list[bytes] = []
    left = MOST_ANSWER
    try:
        while left > 0:
            piece = response.raw.read1(left, decode_content=False)
            if not piece:
                break
            pieces.append(piece)
            left -= len(piece)
    except (urllib3.exceptions.HTTPError, OSError):
        response.close()
    return b"".join(pieces)


def _followed(url: str, answer: Answer) -> str | None:
    """Where the same receiver wants to have the message; None: here, or elsewhere."""
    if answer.status not in _FOLLOWED or "location" not in answer.headers:
        return None
    try:
        there = urljoin(url, answer.headers["location"])
        return there if _origin(there) == _origin(url) else None
    except ValueError:
        return None


def _origin(url: str) -> tuple[str, str | None, int | None, str | None]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, port, parts.username


def _without(outcome: Refused | Unavailable, hidden: Collection[str]) -> Outcome:
    """An outcome that does not repeat what a receiver has repeated of what is not shown."""
    reason = masked(outcome.reason, hidden)
    if isinstance(outcome, Unavailable):
        return Unavailable(reason, outcome.retry_after, suspect=outcome.suspect)
    return Refused(reason, outcome.samples, outcome.label)
