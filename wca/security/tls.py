"""TLS of a client: whom it believes, and how it shows who it is."""

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from wca.config.types import Path
from wca.errors import StartError, ValidationError

if TYPE_CHECKING:
    import ssl

    from requests.adapters import HTTPAdapter

__all__ = ["SSL"]

log = logging.getLogger(__name__)

ReadablePath = Annotated[str, Path(absolute=True, mode=os.R_OK)]

#: TLS 1.2 with forward secrecy and authenticated encryption only, for RSA and ECDSA certificates;
#: level 2 refuses keys that are worth less than 112 bits, such as RSA with 1024. What TLS 1.3 uses
#: is not chosen here: all of it is sound.
#: Source: openssl-ciphers(1), SSL_CTX_set_security_level(3).
_CIPHERS = "@SECLEVEL=2:ECDHE+AESGCM"


@dataclass(frozen=True)
class SSL:
    """TLS 1.2 or later for a connection that the agent opens; PEM files.

    Args:
        server_verify: true: the server must show a certificate for its name that one of this
            machine's certificate authorities has signed. A path: a file of certificate authorities
            that are believed instead of the machine's. false: any server is believed; whoever can
            reach the network in between can read and change everything.
        client_cert_path: the certificate that the agent shows when a server asks for one, with the
            certificates between it and its authority; the file may hold its key as well.
        client_key_path: the key of that certificate, without a passphrase.

    Raises:
        ValidationError: a key without a certificate.
    """

    server_verify: bool | ReadablePath = True
    client_cert_path: ReadablePath | None = None
    client_key_path: ReadablePath | None = None

    def __post_init__(self) -> None:
        if self.client_key_path is not None and self.client_cert_path is None:
            raise ValidationError(
                "Provided client key without certificate! Write the path of the certificate that "
                "belongs to the key as client_cert_path"
            )
        if self.server_verify is False:
            log.warning(
                "server_verify is false: any server is believed to be the right one; "
                "name a file of certificate authorities instead"
            )

    def get_client_certs(self) -> tuple[str, str] | str | None:
        """What proves who the agent is, as requests' ``cert`` takes it.

        Returns:
            The paths of certificate and key; the path of one file with both; None without any.
        """
        if self.client_cert_path is None or self.client_key_path is None:
            return self.client_cert_path
        return self.client_cert_path, self.client_key_path

    def check(self) -> list[str]:
        """What keeps these files from being used on this machine."""
        try:
            self.context()
        except StartError as error:
            return [str(error)]
        return []

    def context(self) -> "ssl.SSLContext":
        """A new context for connections to servers; the files are read again each time.

        It checks the server's name, unless ``server_verify`` is false.

        Raises:
            StartError: a file cannot be read, is no certificate or key, or the two do not match.
        """
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks certificates and names
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_COMPRESSION
        context.set_ciphers(_CIPHERS)
        self._trust(context)
        self._identify(context)
        return context

    def requests_adapter(self) -> "HTTPAdapter":
        """An adapter for ``requests.Session.mount("https://", ...)``.

        It decides alone whom the session's connections believe: the session's own ``verify`` and
        ``cert``, and the environment that changes them, have no effect.

        Raises:
            StartError: as ``context``.
        """
        from wca.security.adapter import ContextAdapter

        return ContextAdapter(self.context())

    def _trust(self, context: "ssl.SSLContext") -> None:
        import ssl

        if self.server_verify is True:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        elif self.server_verify is False:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        else:
            try:
                context.load_verify_locations(cafile=self.server_verify)
            except OSError as error:  # ssl.SSLError is one
                raise StartError(
                    f"server_verify: {self.server_verify} cannot be used: {_reason(error)}; "
                    "name a PEM file of certificate authorities"
                ) from error

    def _identify(self, context: "ssl.SSLContext") -> None:
        if self.client_cert_path is None:
            return
        try:
            context.load_cert_chain(self.client_cert_path, self.client_key_path, _no_passphrase)
        except OSError as error:
            files = " and ".join(filter(None, (self.client_cert_path, self.client_key_path)))
            raise StartError(
                f"client_cert_path: {files} cannot be used: {_reason(error)}; name PEM files of a "
                "certificate and of the key that belongs to it"
            ) from error


def _reason(error: OSError) -> str:
    """OpenSSL's word for it, such as ``KEY_VALUES_MISMATCH``, or the kernel's."""
    words = getattr(error, "reason", error.strerror)  # an SSLError without a reason found nothing
    return words or "no certificate or key is in it"


def _no_passphrase() -> str:
    """Called for an encrypted key; without it OpenSSL asks whoever sits at the terminal."""
    raise StartError(
        "client_key_path: the key is encrypted and nobody is there to type its passphrase; write "
        "it without one (openssl pkey -in KEY -out NEW) to a file that only the agent can read"
    )
