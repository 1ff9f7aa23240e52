"""Outputs on a network: an agent of CloudWatch that takes lines on TCP or UDP."""

import errno
import socket
from collections.abc import Iterable

from wca.errors import Postponed

__all__ = ["TcpOutput", "UdpOutput"]

#: Seconds to connect, and for one write.
_TIMEOUT = 2.0


class _SocketOutput:
    """What both have in common: a socket that is made when something is written.

    Args:
        host: of the agent.
        port: likewise.
    """

    scheme: str

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self.name = f"{self.scheme}://{host}:{port}"
        self._socket: socket.socket | None = None

    def open(self) -> None:
        """Nothing to do: the agent may come later."""

    def close(self) -> None:
        """Close the socket; safe twice."""
        sock, self._socket = self._socket, None
        if sock is not None:
            sock.close()

    def problems(self) -> list[str]:
        """Nothing that this machine could know."""
        return []


class TcpOutput(_SocketOutput):
    """A connection, made anew after it broke."""

    scheme = "tcp"

    def write(self, chunks: Iterable[bytes]) -> None:
        """Send all of it, on a new connection if the old one is broken. Raises OSError."""
        data = b"".join(chunks)
        known = self._socket is not None
        try:
            self._send(data)
        except OSError:
            self.close()
            if not known:
                raise
            self._send(data)

    def _send(self, data: bytes) -> None:
        if self._socket is None:
            self._socket = socket.create_connection(self._address, _TIMEOUT)
        self._socket.sendall(data)


class UdpOutput(_SocketOutput):
    """A datagram for each chunk."""

    scheme = "udp"
    #: Of one datagram on IPv4.
    most_bytes = 65_507

    def write(self, chunks: Iterable[bytes]) -> None:
        """Send them; one that is too large costs no other.

        Raises:
            OSError: nobody listens on this machine, or a chunk was too large.
        """
        if self._socket is None:
            family, kind, _, _, address = socket.getaddrinfo(
                *self._address, type=socket.SOCK_DGRAM
            )[0]
            self._socket = socket.socket(family, kind)
            self._socket.settimeout(_TIMEOUT)
            self._socket.connect(address)
        too_large = Postponed()
        for chunk in chunks:
            try:
                self._socket.send(chunk)
            except OSError as error:
                if error.errno != errno.EMSGSIZE:
                    raise
                too_large.keep(error)
        too_large.raise_kept()
