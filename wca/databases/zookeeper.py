"""A database in ZooKeeper."""

import importlib.util
import logging
import threading
import time
from typing import TYPE_CHECKING, Annotated

from wca.config.types import IpPort, Numeric, Str
from wca.databases.api import Database, DatabaseError, check_key
from wca.errors import StartError, ValidationError
from wca.security import SSL

if TYPE_CHECKING:
    from wca.databases.zookeeper_session import Session

__all__ = ["ZookeeperDatabase"]

log = logging.getLogger(__name__)

#: A server refuses a message of 1 MiB by ending the connection; the rest is for path and header.
#: Source: jute.maxbuffer in ZooKeeper's administrator's guide.
_MAX_VALUE = 1_000_000
_NO_KAZOO = (
    "ZookeeperDatabase needs the Python package kazoo, which is not installed: "
    "run pip install 'wca[zookeeper]'"
)


class ZookeeperDatabase(Database):
    """Keeps each value in a node ``namespace/key`` that anybody who reaches ZooKeeper can change.

    Needs the package kazoo (``pip install 'wca[zookeeper]'``).

    Args:
        hosts: the servers, each with its port.
        namespace: path of the node below which the values are; made when it is missing.
        timeout: of the session, and seconds to wait for an answer. Connecting, and giving up to
            connect, may each take as long.
        ssl: whom to believe, and the certificate to show; none: no TLS.

    Raises:
        ValidationError: there are no hosts, or the namespace is no path.
    """

    def __init__(
        self,
        hosts: list[Annotated[str, IpPort()]],
        namespace: Annotated[str, Str()],
        timeout: Annotated[float, Numeric(1, 60)] = 5.0,
        ssl: SSL | None = None,
    ) -> None:
        if not hosts:
            raise ValidationError("hosts is empty: write host:port of the ZooKeeper servers")
        self.hosts = hosts
        self.namespace = _checked(namespace)
        self.timeout = timeout
        self.ssl = ssl
        self._session: Session | None = None
        self._lock = threading.Lock()

    def check(self) -> list[str]:
        """What this machine lacks."""
        return [] if importlib.util.find_spec("kazoo") else [_NO_KAZOO]

    def start(self) -> None:
        """Connect.

        Raises:
            StartError: kazoo is not installed, no server can be reached, or the files of ``ssl``
                cannot be used.
        """
        try:
            self._started()
        except DatabaseError as error:
            raise StartError(f"ZookeeperDatabase: {error}; see hosts and ssl") from error

    def set(self, key: bytes, value: bytes) -> None:
        """Keep a value. Returns within ``timeout`` once there was a connection.

        Raises:
            InvalidKey: see ``Database``.
            DatabaseError: no server has taken it, or it is larger than 1,000,000 bytes.
        """
        path = f"{self.namespace}/{check_key(key)}"
        if len(value) > _MAX_VALUE:
            raise DatabaseError(
                f"ZooKeeper keeps values of up to {_MAX_VALUE} bytes, got {len(value)}"
            )
        self._started().set(path, value)

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or None. Returns within ``timeout`` once there was a connection.

        Raises:
            InvalidKey: see ``Database``.
            DatabaseError: no server has answered.
        """
        path = f"{self.namespace}/{check_key(key)}"
        return self._started().get(path)

    def close(self, timeout: float = 5.0) -> None:
        """End the session.

        Args:
            timeout: seconds; while a server is being sought, the threads of the connection may
                end a little later.
        """
        deadline = time.monotonic() + timeout
        if not self._lock.acquire(timeout=max(0.0, timeout)):
            return  # another thread is connecting: it has not ended, so neither has the plugin
        try:
            session, self._session = self._session, None
        finally:
            self._lock.release()
        if session is not None:
            ending = threading.Thread(target=_end, args=(session,), name="zookeeper", daemon=True)
            ending.start()
            ending.join(max(0.0, deadline - time.monotonic()))

    def _started(self) -> "Session":
        with self._lock:
            if self._session is None:
                self._session = self._start()
            return self._session

    def _start(self) -> "Session":
        if self.check():
            raise StartError(_NO_KAZOO)
        from wca.databases.zookeeper_session import Session

        session = Session(self.hosts, self.timeout, self.ssl.context() if self.ssl else None)
        session.start()
        return session


def _end(session: "Session") -> None:
    try:
        session.end()
    except Exception as error:  # noqa: BLE001 - kazoo's own; nobody waits for this thread's result
        log.warning("the connection to ZooKeeper did not end: %s", error)


def _checked(namespace: str) -> str:
    """A namespace as it stands before keys.

    Raises:
        ValidationError: it is empty, or has parts that ZooKeeper refuses.
    """
    parts = namespace.strip("/").split("/")
    if any(part in ("", ".", "..") or not part.isprintable() for part in parts):
        raise ValidationError(f"namespace is a path such as /wca, got {namespace!r}")
    return "/" + "/".join(parts)
