"""Throw-away certificates for servers on loopback, made with openssl."""

import subprocess
from dataclasses import dataclass

from tests import services

HOSTS = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"
EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")


@dataclass(frozen=True)
class Certificates:
    """Paths of PEM files; the server's is for localhost, 127.0.0.1 and ::1.

    ``other_ca`` has signed none of them.
    """

    ca: str
    server_cert: str
    server_key: str
    client_cert: str
    client_key: str
    other_ca: str


def make(folder, key=EC):
    """A certificate authority, one server, one client, and an authority that knows neither.

    Args:
        folder: a ``pathlib.Path`` of an existing folder.
        key: openssl's options for the keys of the server and the client.
    """
    services.program("openssl", package="openssl")
    ca, ca_key = authority(folder, "ca")
    other_ca, _ = authority(folder, "other-ca")
    server_cert, server_key = signed(folder, "server", ca, ca_key, key)
    client_cert, client_key = signed(folder, "client", ca, ca_key, key)
    return Certificates(ca, server_cert, server_key, client_cert, client_key, other_ca)


def authority(folder, name):
    """A self-signed certificate authority: the paths of its certificate and key."""
    usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    return _request(folder, name, EC, *usage)


def signed(folder, name, ca, ca_key, key=EC, names=HOSTS):
    """A certificate of an authority, and its key.

    Args:
        folder: where they are written, as ``name.pem`` and ``name-key.pem``.
        name: also the common name.
        ca: the authority's certificate.
        ca_key: its key.
        key: openssl's options for the new key.
        names: the certificate's subjectAltName.
    """
    usage = "extendedKeyUsage=serverAuth,clientAuth"
    extensions = ("basicConstraints=CA:FALSE", usage, names)
    options = [part for extension in extensions for part in ("-addext", extension)]
    return _request(folder, name, key, "-CA", ca, "-CAkey", ca_key, *options)


def _request(folder, name, key, *options):
    certificate, secret = str(folder / f"{name}.pem"), str(folder / f"{name}-key.pem")
    command = ["openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", f"/CN={name}", *key]
    command += ["-keyout", secret, "-out", certificate, *options]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, secret
