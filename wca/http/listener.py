"""Accepts connections on one address and serves each on a thread of its own, a bounded number."""

import errno
import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from operator import itemgetter
from typing import Any

from wca.errors import StartError
from wca.http.connection import Connection

__all__ = ["Listener"]

log = logging.getLogger(__name__)

#: Connections that wait to be accepted; a client that finds no room tries again after a second.
_BACKLOG = 1024
#: Seconds before the next try after accepting has failed, as it does without free descriptors.
_PAUSE = 0.2
#: Share of the time to close that responses under way have for their end.
_FINISH_SHARE = 0.8
_ADVICE = {
    errno.EADDRINUSE: "another program listens there; write another address, or end that program",
    errno.EACCES: "a port below 1024 needs CAP_NET_BIND_SERVICE; write another address",
    errno.EADDRNOTAVAIL: "no interface of this machine has it; write an address that one has",
}


class Listener:
    """One listening socket.

    Beyond the bound, the connection that has waited longest for its next request makes room; where
    all are being answered, the new one is closed.

    Args:
        host: name or address without brackets.
        port: 0: any free one.
        connect: makes the server's side of a connection.
        most: connections at once.
    """

    def __init__(
        self,
        host: str,
        port: int,
        connect: Callable[[socket.socket], Connection],
        most: int,
    ) -> None:
        self._host, self._port = host, port
        self._connect = connect
        self._most = most
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._full = False
        self._lock = threading.Lock()
        #: In the order in which they came.
        self._connections: dict[Connection, threading.Thread] = {}

    def open(self) -> tuple[str, int]:
        """Listen.

        Returns:
            The address and the port, as they are.

        Raises:
            StartError: that cannot be.
        """
        try:
            self._socket = _listening(self._host, self._port)
        except OSError as error:
            advice = _ADVICE.get(error.errno or 0, "write an address of this machine")
            raise StartError(
                f"HttpServer cannot listen on {self._host} port {self._port}: "
                f"{error.strerror or error}: {advice}"
            ) from error
        self._thread = threading.Thread(
            target=self._accept_all, args=(self._socket,), name="http", daemon=True
        )
        self._thread.start()
        host, port = self._socket.getsockname()[:2]
        return host, port

    def close(self, timeout: float) -> None:
        """Accept nothing more, let responses under way end, and end all connections.

        Args:
            timeout: seconds for all of it; safe twice and without ``open``.
        """
        end = time.monotonic() + timeout
        self._closing.set()
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            self._socket.close()
        if self._thread is not None:
            self._thread.join(max(0.0, end - time.monotonic()))
        left = self._open_connections()
        for connection in left:
            connection.finish()
        self._join(left, time.monotonic() + (end - time.monotonic()) * _FINISH_SHARE)
        for connection in self._open_connections():
            connection.cut()
        self._join(self._open_connections(), end)

    def _open_connections(self) -> dict[Connection, threading.Thread]:
        with self._lock:
            return self._connections.copy()

    def _join(self, connections: dict[Connection, threading.Thread], end: float) -> None:
        for thread in connections.values():
            thread.join(max(0.0, end - time.monotonic()))

    def _accept_all(self, listening: socket.socket) -> None:
        failing = False
        while not self._closing.is_set():
            try:
                raw, _ = listening.accept()
            except OSError as error:
                if not self._closing.is_set() and not failing:
                    log.error("the HTTP server accepts no connection: %s", error)  # noqa: TRY400
                failing = True
                self._closing.wait(_PAUSE)
            else:
                failing = False
                self._take(raw)

    def _take(self, raw: socket.socket) -> None:
        if not self._has_room():
            self._refuse(raw)
            return
        self._full = False
        connection = self._connect(raw)
        thread = threading.Thread(
            target=self._serve, args=(connection,), name="http connection", daemon=True
        )
        with self._lock:
            self._connections[connection] = thread
        try:
            thread.start()
        except RuntimeError as error:  # the machine gives no further thread
            log.error("the HTTP server cannot serve: %s", error)  # noqa: TRY400 - one sentence
            self._forget(connection)
            raw.close()

    def _refuse(self, raw: socket.socket) -> None:
        """Close a connection that does not fit; said when it begins, not for each."""
        raw.close()
        if not self._full:
            self._full = True
            log.warning("the HTTP server refuses connections: all %d are busy", self._most)

    def _has_room(self) -> bool:
        """Whether one more fits; one that only waits may have to go for it."""
        connections = self._open_connections()
        if len(connections) < self._most:
            return True
        waiting = [(since, one) for one in connections if (since := one.waiting_since) is not None]
        if not waiting:
            return False
        _, longest = min(waiting, key=itemgetter(0))
        longest.cut()
        connections[longest].join(_PAUSE)
        return len(self._open_connections()) < self._most

    def _serve(self, connection: Connection) -> None:
        try:
            connection.serve()
        finally:
            self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        with self._lock:
            self._connections.pop(connection, None)


def _listening(host: str, port: int) -> socket.socket:
    """A socket on the first address of a host that this machine has."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except UnicodeError:
        raise OSError("it is no name of a host") from None
    failure: OSError | None = None
    for family, _, _, _, address in found:
        try:
            return _bound(family, address)
        except OSError as error:  # such as ::1 of a machine without IPv6
            failure = failure or error
    try:
        raise failure or OSError("the name has no address")
    finally:
        del failure  # or its traceback holds it


def _bound(family: int, address: Any) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        # An agent that is started again must not wait for the last connections of the old one.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening
