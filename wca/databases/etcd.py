"""A database in etcd, through its JSON gateway."""

import base64
import threading
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from wca.config.types import Numeric, Str, Url
from wca.databases.api import Database, DatabaseError, check_key
from wca.errors import StartError, ValidationError
from wca.security import SSL

if TYPE_CHECKING:
    from wca.databases.etcd_gateway import Gateway

__all__ = ["EtcdDatabase"]


class EtcdDatabase(Database):
    """Keeps values in etcd, through the JSON form of its version 3 interface.

    The servers are asked in turn, beginning with the one that answered last, until one answers.
    Source: https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/.

    Args:
        hosts: addresses of the servers, as ``https://10.0.0.1:2379``.
        timeout: seconds to wait for each server.
        api_path: what the gateway's paths begin with: ``/v3`` since etcd 3.4, ``/v3beta`` or
            ``/v3alpha`` before.
        ssl: for https addresses: whom to believe, and the certificate to show. Without it, any
            server that the machine's certificate authorities know.

    Raises:
        ValidationError: there are no hosts, or one is not https although ``ssl`` is given.
    """

    def __init__(
        self,
        hosts: list[Annotated[str, Url()]],
        timeout: Annotated[float, Numeric(1, 60)] = 5.0,
        api_path: Annotated[str, Str()] = "/v3",
        ssl: SSL | None = None,
    ) -> None:
        if not hosts:
            raise ValidationError("hosts is empty: write the addresses of the etcd servers")
        if not api_path.startswith("/"):
            raise ValidationError(f"api_path begins with /, as in /v3; got {api_path!r}")
        if ssl is not None and any(urlsplit(host).scheme != "https" for host in hosts):
            raise ValidationError(
                "ssl is given, but not every address is https: write https, or leave ssl out"
            )
        self.hosts = hosts
        self.timeout = timeout
        self.api_path = api_path
        self.ssl = ssl
        self._gateway: Gateway | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """See that a server answers and can read.

        Raises:
            StartError: none does; or the files of ``ssl`` cannot be used.
        """
        try:
            self.get(b"wca")
        except DatabaseError as error:
            raise StartError(f"EtcdDatabase: {error}; see hosts, api_path and ssl") from error

    def set(self, key: bytes, value: bytes) -> None:
        """Keep a value. Returns within ``timeout`` for each of the hosts.

        Raises:
            InvalidKey: see ``Database``.
            TimeoutOnAllHosts: no server has answered.
            DatabaseError: etcd has refused it; 1.5 MB are too much, unless it is configured so.
        """
        self._post("/kv/put", key=_encoded(key), value=base64.b64encode(value).decode())

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or None. Returns within ``timeout`` for each of the hosts.

        Raises:
            InvalidKey: see ``Database``.
            TimeoutOnAllHosts: no server has answered.
            DatabaseError: etcd has refused to tell, or told what is no value.
        """
        answer = self._post("/kv/range", key=_encoded(key))
        found = answer.get("kvs")
        if not found:  # the gateway leaves out what is empty, so a missing key is {}
            return None
        try:
            return base64.b64decode(found[0].get("value", ""), validate=True)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise DatabaseError("etcd's answer holds no value in base64") from error

    def close(self, timeout: float = 5.0) -> None:
        """Forget the certificates and which server answered; no connection is kept.

        Args:
            timeout: not needed, closing waits for nothing.
        """
        del timeout
        with self._lock:
            self._gateway = None

    def _post(self, path: str, **body: str) -> Any:
        with self._lock:
            if self._gateway is None:
                self._gateway = self._open()
            gateway = self._gateway
        return gateway.post(path, body)

    def _open(self) -> "Gateway":
        from wca.databases.etcd_gateway import Gateway

        context = (self.ssl or SSL()).context()
        return Gateway(self.hosts, self.api_path, self.timeout, context)


def _encoded(key: bytes) -> str:
    return base64.b64encode(check_key(key).encode()).decode()
