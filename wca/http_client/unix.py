"""HTTP over a socket of this machine, within a deadline. Imports requests."""

import socket
from collections.abc import Callable, Mapping
from typing import Any

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool

from wca.http_client.deadline import Deadline
from wca.http_client.transport import TimedConnection

__all__ = ["UnixAdapter"]


class UnixAdapter(HTTPAdapter):
    """For a session of requests: whatever the address says, one connection to one socket.

    Args:
        deadline: the end of each request.
        connect: makes a connection to the socket; it may raise what it likes.
    """

    def __init__(self, deadline: Deadline, connect: Callable[[], socket.socket]) -> None:
        super().__init__()
        mine = {"deadline": deadline, "_new_conn": lambda _: connect()}
        timed = type("TimedUnixConnection", (TimedConnection,), mine)
        pool = type("TimedUnixPool", (HTTPConnectionPool,), {"ConnectionCls": timed})
        self._pool: HTTPConnectionPool = pool("localhost", maxsize=1)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> HTTPConnectionPool:
        """The pool of the one connection.

        Args:
            args: the request, which says nothing of where it goes.
            kwargs: how to verify a server, which there is no need for.
        """
        del args, kwargs
        return self._pool

    def request_url(self, request: PreparedRequest, proxies: Mapping[str, str] | None) -> str:
        """What stands in the first line of the request: no host, no proxy."""
        del proxies
        return request.path_url

    def close(self) -> None:
        """Close the connection that waits for a next request."""
        self._pool.close()
        super().close()
