"""TLS of the agent's HTTP server. Imported only where it is wanted: ssl costs some MiB."""

import logging
import os
import socket
import ssl

from wca.errors import StartError

__all__ = ["ServerTLS"]

log = logging.getLogger(__name__)

#: What decides whether a file is another one by now: i-node, size, time of change in nanoseconds.
_State = tuple[int, int, int] | None


class ServerTLS:
    """Proves who the agent is, and asks clients for the same where ``client_ca`` is given.

    TLS 1.2 or later. Files that are replaced are read again at the next connection; while the new
    ones cannot be used, the old ones are.

    Args:
        cert: path of the certificate and those between it and its authority, PEM.
        key: path of its key without a passphrase, PEM.
        client_ca: path of the authorities whose clients are let in, PEM; None: all clients are.

    Raises:
        StartError: a file cannot be used.
    """

    def __init__(self, cert: str, key: str, client_ca: str | None) -> None:
        self._cert, self._key, self._client_ca = cert, key, client_ca
        self._files = [path for path in (cert, key, client_ca) if path is not None]
        self._states = self._look()
        self._context = self._load()

    def wrap(self, connection: socket.socket) -> ssl.SSLSocket:
        """The same connection in TLS, before the handshake."""
        self._renew()
        return self._context.wrap_socket(
            connection, server_side=True, do_handshake_on_connect=False
        )

    def _renew(self) -> None:
        states = self._look()
        if states == self._states:
            return
        self._states = states
        try:
            self._context = self._load()
        except StartError as error:
            log.warning("%s; what was read before is still used", error)
        else:
            log.info("the certificate of the HTTP server was read again")

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_COMPRESSION
        try:
            context.load_cert_chain(self._cert, self._key, _no_passphrase)
        except OSError as error:  # ssl.SSLError is one
            raise StartError(
                f"HttpServer: {self._cert} and {self._key} cannot be used: {_reason(error)}; name "
                "PEM files of a certificate and of the key that belongs to it"
            ) from error
        if self._client_ca is not None:
            self._require_clients(context, self._client_ca)
        return context

    def _require_clients(self, context: ssl.SSLContext, path: str) -> None:
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(cafile=path)
        except OSError as error:
            raise StartError(
                f"HttpServer: client_ca {path} cannot be used: {_reason(error)}; name a PEM file "
                "of certificate authorities"
            ) from error

    def _look(self) -> list[_State]:
        return [_state(path) for path in self._files]


def _state(path: str) -> _State:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _reason(error: OSError) -> str:
    return str(error.strerror or error)


def _no_passphrase() -> str:
    """Called for an encrypted key, where OpenSSL would otherwise ask on the terminal."""
    raise OSError("the key has a passphrase, which nobody is there to type")
