"""Questions to a server of Kubernetes, the kubelet or the kube-apiserver. Imports requests late."""

import contextlib
import ipaddress
import json
import os
import threading
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from wca.clock import Clock
from wca.config.types import Url
from wca.errors import TaskSynchronizationException, ValidationError
from wca.http_client.deadline import Deadline
from wca.http_client.kept import KeptSession, NoAnswer, asking_for
from wca.http_client.words import failure_text, quoted, shown_url
from wca.security import SSL
from wca.security.token_file import read_token

if TYPE_CHECKING:
    import requests

__all__ = [
    "SERVICE_ACCOUNT_CA",
    "SERVICE_ACCOUNT_TOKEN",
    "Connection",
    "Refused",
    "Stream",
    "api_url",
]

#: Where Kubernetes puts the credentials of a pod's service account.
SERVICE_ACCOUNT_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105 - a path
SERVICE_ACCOUNT_CA = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"

#: Bytes of a list at most; of an error at most; read at once.
_MOST_BYTES, _MOST_ERROR, _PIECE = 256 * 2**20, 8 * 1024, 64 * 1024
#: Seconds of silence after which a server is asked whether it is still there.
_SILENCE = 30


class Refused(TaskSynchronizationException):
    """The server has answered with an error.

    Args:
        status: HTTP status code.
        words: a sentence.
    """

    def __init__(self, status: int, words: str) -> None:
        self.status = status
        super().__init__(words)


class Connection:
    """Asks one server, over a connection that is kept.

    The token is read anew for each question, the certificates after each failure. Redirections are
    not followed: the token is for this server.

    Args:
        url: address of the server.
        ssl: whom to believe, and the client's certificate; None: the authorities of ``ca_path``.
        ca_path: file of certificate authorities; None: those of this machine, as well where it is
            the service account's and does not exist.
        token_path: file of the token; None: no token, as well where it is the service account's and
            does not exist.
        timeout: seconds for a question and its answer.
        clock: time.
    """

    def __init__(
        self,
        url: str,
        ssl: SSL | None,
        ca_path: str | None,
        token_path: str | None,
        timeout: float,
        clock: Clock,
    ) -> None:
        self._url = url.rstrip("/")
        self._secure = urlsplit(url).scheme == "https"
        self._ssl = ssl
        self._ca_path = ca_path
        self._token_path = token_path
        self.timeout = timeout
        self._deadline = Deadline(clock)
        self._session = KeptSession(
            self._deadline, self._tls, asking_for("application/json"), silence=_SILENCE
        )
        self._lock = threading.Lock()
        self._stream: Stream | None = None
        self._interrupted = False

    def problems(self) -> list[str]:
        """What keeps this machine from asking as somebody known."""
        if not self._secure or (self._ssl is not None and self._ssl.client_cert_path is not None):
            return []
        try:
            token = self._token()
        except ValidationError as error:
            return [str(error)]
        if token is not None:
            return []
        lack = f"{self._url} would not know who asks: there is no {SERVICE_ACCOUNT_TOKEN}"
        return [f"{lack}; write client_token_path, or a client certificate in ssl"]

    def get(self, path: str, query: Mapping[str, str] | None = None) -> "Stream":
        """Ask, and wait for the begin of the answer.

        Args:
            path: begins with ``/``.
            query: parameters.

        Raises:
            Refused: the answer is an error.
            TaskSynchronizationException: there is no answer.
        """
        return self._begin("GET", path, dict(query or {}), None)

    def post(self, path: str, document: Mapping[str, object]) -> None:
        """Create an object, and read nothing of what the server made of it.

        Args:
            path: begins with ``/``.
            document: the object.

        Raises:
            Refused: the answer is an error.
            TaskSynchronizationException: there is no answer.
        """
        with self._begin("POST", path, {}, json.dumps(document).encode()) as stream:
            stream.begin(_MOST_ERROR)

    def _begin(self, method: str, path: str, query: dict[str, str], data: bytes | None) -> "Stream":
        place = shown_url(self._url + path)
        self._deadline.begin(self.timeout)

        def ask(session: "requests.Session") -> Stream:
            return self._ask(session, place, method, path, query, data)

        try:
            return self._session.use(place, self.timeout, ask)
        except Refused:
            self.let_go()  # certificates may have been renewed
            raise
        except NoAnswer as error:
            raise TaskSynchronizationException(str(error)) from None

    def resume(self) -> None:
        """Ask again, after ``interrupt``."""
        self._interrupted = False

    def interrupt(self) -> None:
        """End what is being read, from another thread, and ask no more."""
        with self._lock:
            self._interrupted = True
            stream, self._stream = self._stream, None
        if stream is not None:
            stream.interrupt()
        self.let_go()

    def let_go(self) -> None:
        """Close the connection; the next question opens another one."""
        self._session.let_go()

    def _ask(
        self,
        session: "requests.Session",
        place: str,
        method: str,
        path: str,
        query: dict[str, str],
        data: bytes | None,
    ) -> "Stream":
        token = self._token_or_none()
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        self._refuse_when_interrupted(place)
        response = session.request(
            method,
            self._url + path,
            params=query,
            data=data,
            headers=headers,
            stream=True,
            allow_redirects=False,
        )
        stream = Stream(response, place, self._deadline, self.timeout)
        if response.status_code not in (HTTPStatus.OK, HTTPStatus.CREATED):
            with stream:
                raise Refused(response.status_code, self._sentence(place, response, stream, token))
        with self._lock:
            self._stream = stream
        try:
            self._refuse_when_interrupted(place)
        except TaskSynchronizationException:
            stream.close()
            raise
        return stream

    def _refuse_when_interrupted(self, place: str) -> None:
        if self._interrupted:
            raise TaskSynchronizationException(f"{place} is not asked any more")

    def _tls(self) -> SSL | None:
        if not self._secure:
            return None
        if self._ssl is not None:
            return self._ssl
        if self._ca_path is None or _absent(self._ca_path, SERVICE_ACCOUNT_CA):
            return SSL()
        return SSL(server_verify=self._ca_path)

    def _token_or_none(self) -> str | None:
        try:
            return self._token()
        except ValidationError as error:
            raise TaskSynchronizationException(str(error)) from None

    def _token(self) -> str | None:
        """The token; None: there is none, or it could be read on the way."""
        path = self._token_path
        if path is None or not self._secure or _absent(path, SERVICE_ACCOUNT_TOKEN):
            return None
        return read_token(path, "client_token_path")

    def _sentence(
        self, place: str, response: "requests.Response", stream: "Stream", token: str | None
    ) -> str:
        """What an answer says that is no list."""
        status = response.status_code
        if 300 <= status < 400:
            where = shown_url(response.headers.get("location", "")) or "nowhere"
            return f"{place} redirects to {where}, which is not followed: write that address"
        known = status in [one.value for one in HTTPStatus]
        phrase = f" {HTTPStatus(status).phrase}" if known else ""
        said = quoted(_message(stream.begin(_MOST_ERROR)), {token} if token else ())
        advice = ""
        if status == HTTPStatus.UNAUTHORIZED:
            shown = f"the token of {self._token_path}" if token else "no token"
            advice = f" (it was shown {shown}{', a certificate' if self._certified else ''})"
        return f"{place} answers {status}{phrase}{f': {said}' if said else ''}{advice}"

    @property
    def _certified(self) -> bool:
        return self._ssl is not None and self._ssl.client_cert_path is not None


def api_url(host: str, port: str | int) -> str:
    """The address of a kube-apiserver. Raises ValidationError.

    Args:
        host: name or address.
        port: number.
    """
    host = host.strip()
    try:
        bracketed = ipaddress.ip_address(host).version == 6
    except ValueError:
        bracketed = False
    url = f"https://{f'[{host}]' if bracketed else host}:{str(port).strip()}"
    try:
        Url().check(url)
        int(port)
    except ValueError:  # a ValidationError is one
        raise ValidationError(
            f"kubeapi_host {host!r} and kubeapi_port {port!r} make no address, write such as "
            "kubernetes.default.svc and 443"
        ) from None
    return url


class Stream:
    """An answer as it comes; a context manager that ends it.

    Args:
        response: opened for streaming.
        place: what to call the server.
        deadline: of everything that is read.
        timeout: seconds that the deadline was set to.
    """

    def __init__(
        self, response: "requests.Response", place: str, deadline: Deadline, timeout: float
    ) -> None:
        self._response = response
        self.place = place
        self._deadline = deadline
        self._timeout = timeout

    def last(self, seconds: float) -> None:
        """Let the rest of the answer take so many seconds from now on."""
        self._timeout = seconds
        self._deadline.begin(seconds)

    def pieces(self, most: int | None = _MOST_BYTES) -> Iterator[bytes]:
        """The bytes as they come.

        Args:
            most: more than so many are too many; None: any number.

        Raises:
            TaskSynchronizationException: it breaks off, takes too long, or is too long.
        """
        import urllib3

        left = most
        while True:
            try:
                piece = self._response.raw.read1(_PIECE, decode_content=False)
            except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                reason = failure_text(error, self._timeout)
                raise TaskSynchronizationException(f"{self.place}: {reason}") from None
            if not piece:
                return
            if left is not None:
                left -= len(piece)
                if left < 0:
                    raise TaskSynchronizationException(
                        f"{self.place}: its answer is longer than {most} bytes"
                    )
            yield piece

    def begin(self, size: int) -> bytes:
        """The first bytes; the rest is not read."""
        found = b""
        with contextlib.suppress(TaskSynchronizationException):
            for piece in self.pieces(None):
                found += piece
                if len(found) >= size:
                    break
        return found[:size]

    def interrupt(self) -> None:
        """Let a read in another thread end at once."""
        with contextlib.suppress(AttributeError, OSError, RuntimeError, ValueError):
            self._response.raw.shutdown()

    def close(self) -> None:
        """End it; safe twice."""
        self._response.close()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()


def _absent(path: str, by_default: str) -> bool:
    """Whether it is what nobody has asked for, and is not there."""
    return path == by_default and not os.path.exists(path)


def _message(body: bytes) -> bytes:
    """The message of a ``Status``, which is how Kubernetes puts errors; else the body itself."""
    try:
        message = json.loads(body)["message"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return body
    return message.encode() if isinstance(message, str) else body
