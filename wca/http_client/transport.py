"""HTTP connections that end in time. Imports requests: to be imported where it is used.

requests has a timeout for each read of a socket, so that a receiver that sends one byte a second is
waited for without end. Here a request has one deadline: for the connections to all addresses of the
host, the handshake, the request and the answer together. Only the look-up of a name takes as long
as the resolver of this machine lets it.
"""

import http.client
import io
import logging
import socket
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, ClassVar

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from wca.http_client.deadline import Deadline
from wca.security import SSL

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["TimedConnection", "new_session"]

#: Bytes handed to the kernel at once: one record of TLS.
_PIECE = 16 * 1024


def new_session(
    deadline: Deadline,
    ssl: SSL | None,
    proxy: str | None,
    headers: Mapping[str, str],
    silence: int | None = None,
) -> requests.Session:
    """A session whose requests end at the deadline.

    It keeps its connections, takes nothing from the environment (proxies, certificates,
    ``.netrc``), and keeps no cookies.

    Args:
        deadline: the end of each request.
        ssl: how servers are verified; None: no server is spoken to with TLS.
        proxy: URL of a proxy.
        headers: of every request.
        silence: seconds after which a server that says nothing is asked by the kernel whether it is
            still there; None: never, the deadline is short enough.

    Raises:
        StartError: a file of ``ssl`` cannot be used.
    """
    # It warns of odd headers with a traceback and the whole URL, of which the query may be secret.
    logging.getLogger("urllib3.connection").setLevel(logging.ERROR)
    # It tells at DEBUG what is asked for, and the path of a webhook is a secret.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)
    adapter = HTTPAdapter() if ssl is None else ssl.requests_adapter()
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.clear()
    session.headers.update(headers)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    pools = _pools(deadline)
    adapter.poolmanager.pool_classes_by_scheme = pools
    if silence is not None:
        options = [*HTTPConnection.default_socket_options, *_keepalive(silence)]
        adapter.poolmanager.connection_pool_kw["socket_options"] = options
    if proxy is not None:
        session.proxies = {"http": proxy, "https": proxy}
        adapter.proxy_manager_for(proxy).pool_classes_by_scheme = pools  # kept by the adapter
    return session


def _keepalive(seconds: int) -> list[tuple[int, int, int]]:
    """Socket options: two more questions follow the first within as many seconds again."""
    tcp = socket.IPPROTO_TCP
    return [
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (tcp, socket.TCP_KEEPIDLE, seconds),
        (tcp, socket.TCP_KEEPINTVL, max(1, seconds // 3)),
        (tcp, socket.TCP_KEEPCNT, 3),
    ]


def _pools(deadline: Deadline) -> dict[str, Any]:
    """urllib3's pools, for connections with this deadline."""
    mine = {"deadline": deadline}
    plain = type("TimedHTTPConnection", (TimedConnection, HTTPConnection), mine)
    secure = type("TimedHTTPSConnection", (TimedConnection, HTTPSConnection), mine)
    return {
        "http": type("TimedPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("TimedTlsPool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }


class TimedConnection(HTTPConnection):
    """Sets the time that is left before each operation of its socket."""

    deadline: ClassVar[Deadline]

    def _new_conn(self) -> socket.socket:
        return _connect(self._dns_host.strip("[]"), self.port, self.socket_options, self.deadline)

    def send(self, data: Any) -> None:
        """Send in pieces: one write of a TLS socket is many to the kernel, each with its own time.

        Args:
            data: bytes.
        """
        if self.sock is None:
            self.connect()
        self.deadline.waits_for(self.sock)
        view = memoryview(data)
        for start in range(0, len(view), _PIECE):
            self.sock.settimeout(self.deadline.left)
            super().send(view[start : start + _PIECE])

    def response_class(  # type: ignore[override]
        self, sock: socket.socket, *args: Any, **kwargs: Any
    ) -> http.client.HTTPResponse:
        """Called for each answer, also for that of a proxy to CONNECT."""
        timed: Any = _Answering(sock, self.deadline)
        return http.client.HTTPResponse(timed, *args, **kwargs)

    def getresponse(self) -> Any:
        """Wait for the head of the answer."""
        self.timeout = self.deadline.left
        return super().getresponse()


class _Answering:
    """What an HTTPResponse asks of a socket."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def makefile(self, mode: str) -> io.BufferedReader:
        """The answer as a file."""
        del mode  # always to be read as bytes
        return io.BufferedReader(_Reader(self._sock, self._deadline))


class _Reader(io.RawIOBase):
    """Reads a socket while there is time."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline
        self._raw = sock.makefile("rb", buffering=0)  # keeps the socket open until it is closed

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int | None:
        """Read what there is, at least a byte."""
        self._sock.settimeout(self._deadline.left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """Let go of the socket."""
        self._raw.close()
        super().close()


def _connect(host: str, port: int, options: Any, deadline: Deadline) -> socket.socket:
    """Connect to the first address of a host that answers; each has its share of the time."""
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:  # a part of the name is longer than a name may be
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from None
    failure: OSError | None = None
    for tried, (family, kind, protocol, _, address) in enumerate(addresses):
        try:
            connection = socket.socket(family, kind, protocol)
        except OSError as error:  # IPv6 is switched off
            failure = error
            continue
        try:
            for option in options or ():
                connection.setsockopt(*option)
            connection.settimeout(deadline.left / (len(addresses) - tried))
            deadline.waits_for(connection)
            connection.connect(address)
        except OSError as error:
            connection.close()
            failure = error
        else:
            connection.settimeout(deadline.left)
            return connection
    try:
        raise failure or OSError(f"{host} has no address")
    finally:
        del failure  # or its traceback holds it, and the request that waits to be sent
