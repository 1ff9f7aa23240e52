"""A session with ZooKeeper. Imports kazoo: to be imported where it is used."""

import logging
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any

from kazoo import exceptions  # type: ignore[import-untyped]
from kazoo.client import KazooClient, KazooState  # type: ignore[import-untyped]
from kazoo.handlers import threading as kazoo_threading  # type: ignore[import-untyped]

from wca.databases.api import DatabaseError

__all__ = ["Session"]

log = logging.getLogger(__name__)

#: kazoo reports every attempt to connect, again and again; what concerns us is said once below, and
#: in the errors.
_kazoo_log = logging.getLogger(f"{__name__}.kazoo")
_kazoo_log.setLevel(logging.ERROR)

#: Seconds between two tries while the connection to one server is lost and another one is sought.
_PAUSE = 0.1

#: What may succeed a moment later; a node that exists by now was made by another agent.
_PASSING = (exceptions.ConnectionLoss, exceptions.SessionExpiredError, exceptions.NodeExistsError)


class Session:
    """Reads and writes nodes; kazoo connects it again whenever the connection is lost.

    Args:
        hosts: of the servers, each with its port.
        timeout: of the session, and of each operation, in seconds.
        context: TLS of the client side; None: without TLS.
    """

    def __init__(
        self, hosts: Sequence[str], timeout: float, context: ssl.SSLContext | None
    ) -> None:
        self._servers = ", ".join(hosts)
        self._timeout = timeout
        self._connections = _Connections(context)
        self._client = KazooClient(
            ",".join(hosts),
            timeout=timeout,
            handler=self._connections,
            logger=_kazoo_log,
            # For ever, but after an outage not as late as kazoo's minute.
            connection_retry={"max_tries": -1, "delay": 0.1, "max_delay": 2.0},
        )

    def start(self) -> None:
        """Connect.

        Raises:
            DatabaseError: no server answers; nothing is left open then.
        """
        try:
            self._client.start(self._timeout)
        except kazoo_threading.KazooTimeoutError as error:
            raise self._unanswered() from error
        self._client.add_listener(self._changed)

    def set(self, path: str, value: bytes) -> None:
        """Give a node its value, and make it when it is missing.

        Raises:
            DatabaseError: no server has done it in time, or one has refused.
        """

        def write(timeout: float) -> None:
            try:
                self._client.set_async(path, value).get(timeout=timeout)
            except exceptions.NoNodeError:
                self._client.create_async(path, value, makepath=True).get(timeout=timeout)

        self._try(write)

    def get(self, path: str) -> bytes | None:
        """The value of a node; None without such a node.

        Raises:
            DatabaseError: as for ``set``.
        """
        try:
            node = self._try(lambda timeout: self._client.get_async(path).get(timeout=timeout))
        except exceptions.NoNodeError:
            return None
        value: bytes = node[0]
        return value

    def end(self) -> None:
        """Tell the server, close the connection and end its threads; takes seconds without one."""
        self._client.stop()
        self._client.close()

    def _try(self, operation: Callable[[float], Any]) -> Any:
        """The result of an operation that takes its timeout in seconds, tried until time is up."""
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                return operation(max(0.0, deadline - time.monotonic()))
            except kazoo_threading.KazooTimeoutError as error:
                raise self._unanswered() from error
            except exceptions.NoNodeError:
                raise
            except _PASSING as error:
                if time.monotonic() + _PAUSE >= deadline:
                    raise self._unanswered() from error
                time.sleep(_PAUSE)
            except exceptions.KazooException as error:
                raise DatabaseError(f"ZooKeeper refuses: {type(error).__name__}") from error

    def _changed(self, state: str) -> None:
        if state == KazooState.SUSPENDED:
            log.warning("connection to ZooKeeper (%s) lost, seeking another one", self._servers)
        elif state == KazooState.CONNECTED:
            log.info("connected to ZooKeeper (%s) again", self._servers)

    def _unanswered(self) -> DatabaseError:
        message = f"no answer of ZooKeeper ({self._servers}) within {self._timeout:g} s"
        if self._connections.failure:
            message += f": {self._connections.failure}"
        return DatabaseError(message)


class _Connections(kazoo_threading.SequentialThreadingHandler):  # type: ignore[misc]
    """Opens kazoo's connections with our TLS.

    kazoo's own would believe every public certificate authority beside the one that is given,
    accept TLS 1.0 and any name, and leave out a certificate whose key is in the same file.
    """

    def __init__(self, context: ssl.SSLContext | None) -> None:
        super().__init__()
        self.failure = ""  # why the last attempt to connect failed; empty when it did not
        self._context = context

    def create_connection(
        self, address: tuple[str, int], hostname: str, timeout: float, **_: Any
    ) -> socket.socket:
        """Overrides where kazoo has connections from.

        Args:
            address: IP address and port.
            hostname: as it was configured: the server's certificate must be for it.
            timeout: seconds.
            _: kazoo's own settings of TLS.

        Raises:
            OSError: there is no connection; kazoo tries again.
        """
        try:
            connection = self._connect(address, hostname, timeout)
        except OSError as error:
            reason = getattr(error, "verify_message", None) or error.strerror or error
            self.failure = f"{hostname}: {reason}"
            raise
        self.failure = ""
        return connection

    def _connect(self, address: tuple[str, int], hostname: str, timeout: float) -> socket.socket:
        connection = socket.create_connection(address, timeout)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is None:
                return connection
            return self._context.wrap_socket(connection, server_hostname=hostname)
        except BaseException:
            connection.close()
            raise
