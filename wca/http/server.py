"""``HttpServer``: the one address on which the agent shows pages."""

import logging
import os
import socket
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

from wca.config.types import Injected, IpPort, Numeric, Path, Secret, Str
from wca.errors import StartError, ValidationError
from wca.http.api import Request, Response, Route, Stream
from wca.http.hosts import LocalNames, is_loopback
from wca.http.limits import Limits

if TYPE_CHECKING:
    from wca.http.authentication import Authenticator, PasswordHash
    from wca.http.listener import Listener
    from wca.http.tls import ServerTLS

__all__ = ["HttpServer"]

log = logging.getLogger(__name__)

_ReadablePath = Annotated[str, Path(absolute=True, mode=os.R_OK)]
#: Above the range from 9100 to 9999, in which Prometheus' list of ports has no free one.
_ADDRESS = "127.0.0.1:19220"


class HttpServer:
    """Shows the pages of all components on one address: metrics, health, readiness.

    Args:
        address: host and port to listen on. By default only programs of this machine can connect;
            with another address, protect the pages with TLS and with users, a token or client
            certificates.
        tls_cert: path of a certificate, PEM; with it, the pages are shown over HTTPS only.
        tls_key: path of the certificate's key, PEM, without a passphrase.
        client_ca: path of certificate authorities, PEM; only clients with a certificate of one of
            them are let in.
        users: names to password hashes; see docs/prometheus.md for how to make one.
        token_file: path of a file with a token; a client that sends it as ``Authorization: Bearer``
            is let in.
        max_connections: connections at once; further ones are closed. Half of them may be streams,
            such as the live view of a dashboard.
        limits: for tests: what a client may take.

    Raises:
        ValidationError: a certificate without key or the reverse, ``client_ca`` without both, or a
            hash that is none.
    """

    def __init__(
        self,
        address: Annotated[str, IpPort()] = _ADDRESS,
        tls_cert: _ReadablePath | None = None,
        tls_key: _ReadablePath | None = None,
        client_ca: _ReadablePath | None = None,
        users: dict[Annotated[str, Str()], Annotated[str, Secret()]] | None = None,
        token_file: _ReadablePath | None = None,
        max_connections: Annotated[int, Numeric(1, 1000)] = 16,
        *,
        limits: Annotated[Limits | None, Injected()] = None,
    ) -> None:
        if (tls_cert is None) != (tls_key is None):
            raise ValidationError("tls_cert and tls_key belong together: write both, or neither")
        if client_ca is not None and tls_cert is None:
            raise ValidationError("client_ca needs TLS: write tls_cert and tls_key as well")
        if users is not None and not users:
            raise ValidationError("users is empty, so nobody would be let in: write one, or none")
        self.address = address
        self.tls_cert = tls_cert
        self.tls_key = tls_key
        self.client_ca = client_ca
        self.users = dict(users or {})
        self.token_file = token_file
        self.max_connections = max_connections
        #: Where the pages are once it is started, such as ``http://127.0.0.1:19220``.
        self.url: str | None = None
        self._routes: Sequence[Route] = ()
        self._listener: Listener | None = None
        self._protected: _Protected | None = None
        self._limits = limits or Limits()
        self._hashes = _read_hashes(self.users)

    @property
    def holds(self) -> frozenset[str]:
        """The address, on which only one server can listen."""
        return frozenset((self.address,))

    def show(self, routes: Sequence[Route]) -> None:
        """Say what to show; also while it runs, for the requests that come after this."""
        self._routes = routes
        if self._protected is not None:
            self._protected.show(routes)

    def check(self) -> list[str]:
        """What keeps certificates and token from being used on this machine."""
        try:
            self._tls()
            self._authenticator()
        except StartError as error:
            return [str(error)]
        return []

    def start(self) -> None:
        """Listen and serve, on threads of its own.

        Raises:
            StartError: the address cannot be had, or a file cannot be used.
        """
        from wca.http.connection import Connection
        from wca.http.listener import Listener
        from wca.http.streams import Streams

        tls, authenticator = self._tls(), self._authenticator()
        streams = Streams(max(1, self.max_connections // 2))
        host, _, port = self.address.rpartition(":")
        host = host.strip("[]")
        protected = _Protected(self._routes, authenticator, LocalNames(host))

        def connect(raw: socket.socket) -> Connection:
            return Connection(raw, protected.respond, tls, self._limits, streams)

        listener = Listener(host, int(port), connect, self.max_connections)
        bound, number = listener.open()
        if not is_loopback(bound):
            protected.allow_all_names()
        self._listener, self._protected = listener, protected
        scheme = "http" if self.tls_cert is None else "https"
        self.url = f"{scheme}://{f'[{bound}]' if ':' in bound else bound}:{number}"
        log.info("pages are shown at %s", self.url)
        self._warn(bound)

    def close(self, timeout: float = 5.0) -> None:
        """Let responses under way end, and stop listening.

        Args:
            timeout: seconds for all of it.
        """
        if self._listener is not None:
            self._listener.close(timeout)

    def _tls(self) -> "ServerTLS | None":
        if self.tls_cert is None or self.tls_key is None:
            return None
        from wca.http.tls import ServerTLS

        return ServerTLS(self.tls_cert, self.tls_key, self.client_ca)

    def _authenticator(self) -> "Authenticator | None":
        if not self.users and self.token_file is None:
            return None
        from wca.http.authentication import Authenticator

        return Authenticator(self._hashes, self.token_file)

    def _warn(self, host: str) -> None:
        """Say once what an address that others can reach leaves open."""
        if is_loopback(host):
            return
        known = bool(self.users or self.token_file or self.client_ca)
        if self.tls_cert is None:
            secret = "passwords and tokens too" if known else "and everybody is let in"
            log.warning("%s can be reached from other machines without TLS, %s", self.url, secret)
        elif not known:
            log.warning("%s can be reached from other machines, and lets everybody in", self.url)


def _read_hashes(users: Mapping[str, str]) -> "dict[str, PasswordHash]":
    if not users:
        return {}
    from wca.http.authentication import PasswordHash

    return {user: PasswordHash.read(user, text) for user, text in users.items()}


_MISDIRECTED = (
    b"this server answers to names of its machine only, such as localhost or 127.0.0.1; for it to "
    b"answer to others, write users or a token_file\n"
)


class _Protected:
    """Asks for authentication, where there is any, before a page is shown.

    Where there is none, and only this machine can connect, it asks for a name of this machine.
    """

    def __init__(
        self,
        routes: Sequence[Route],
        authenticator: "Authenticator | None",
        names: LocalNames,
    ) -> None:
        self._authenticator = authenticator
        self._names: LocalNames | None = names
        self.show(routes)

    def show(self, routes: Sequence[Route]) -> None:
        """Show these from now on."""
        from wca.http.router import Router

        self._router = Router(routes)

    def allow_all_names(self) -> None:
        """Others reach the server as well, by names that are not known here."""
        self._names = None

    def respond(self, request: Request) -> Response | Stream:
        router = self._router
        if router.is_public(request.path):
            return router.respond(request)
        if self._authenticator is None:
            if self._names is None or self._names.include(request.headers.get("host")):
                return router.respond(request)
            return Response(_MISDIRECTED, status=421)
        if self._authenticator.allows(request.headers.get("authorization", "")):
            return router.respond(request)
        challenge = {"WWW-Authenticate": self._authenticator.challenge}
        return Response(b"say who you are\n", status=401, headers=challenge)
