"""Whom the agent's connections believe, and what they show of it."""

import contextlib
import http.server
import logging
import os
import re
import select
import socket
import ssl
import subprocess
import threading
import warnings
from pathlib import Path

import pytest
import requests

from tests import certificates as making
from tests import tls_server
from wca.config.loader import load_text
from wca.config.registry import Registry
from wca.errors import ConfigLoadError, StartError, ValidationError
from wca.runners import Runner
from wca.security import SSL

RSA_1024 = ("-newkey", "rsa:1024")
RSA_2048 = ("-newkey", "rsa:2048")


@pytest.fixture
def identity(certificates):
    return SSL(certificates.ca, certificates.client_cert, certificates.client_key)


def get(ssl_component, port, host="localhost", **options):
    with requests.Session() as session:
        session.mount("https://", ssl_component.requests_adapter())
        return session.get(f"https://{host}:{port}/", timeout=5, **options).text


def server(certificates, lowest=None, highest=None):
    """TLS of a server that takes old versions of TLS as well."""
    made = tls_server.context(certificates)
    made.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        made.minimum_version = lowest or ssl.TLSVersion.TLSv1
        made.maximum_version = highest or ssl.TLSVersion.TLSv1_3
    return made


def careless_client():
    """A client that takes what ours refuses, to see that the server would have spoken to it."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        made.minimum_version = ssl.TLSVersion.TLSv1
    return made


def version_with(context, port):
    with (
        socket.create_connection(("127.0.0.1", port), 5) as connection,
        context.wrap_socket(connection, server_hostname="localhost") as secure,
    ):
        return secure.version()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_server_with_a_certificate_of_the_authority_is_believed(certificates, host):
    with tls_server.serving(tls_server.context(certificates)) as port:
        assert get(SSL(certificates.ca), port, host) == "TLSv1.3"


def test_a_server_of_another_authority_is_not_believed(certificates):
    with (
        tls_server.serving(tls_server.context(certificates)) as port,
        pytest.raises(requests.exceptions.SSLError, match="unable to get local issuer"),
    ):
        get(SSL(certificates.other_ca), port)


def test_by_default_the_machines_authorities_are_believed_and_they_do_not_know_ours(certificates):
    with (
        tls_server.serving(tls_server.context(certificates)) as port,
        pytest.raises(requests.exceptions.SSLError, match="unable to get local issuer"),
    ):
        get(SSL(), port)


def test_the_machines_authorities_are_openssls(certificates, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", certificates.ca)
    with tls_server.serving(tls_server.context(certificates)) as port:
        assert get(SSL(), port) == "TLSv1.3"


def test_a_certificate_for_another_name_is_not_believed(certificates):
    with (
        tls_server.serving(tls_server.context(certificates), host="127.0.0.2") as port,
        pytest.raises(requests.exceptions.SSLError, match="IP address mismatch"),
    ):
        get(SSL(certificates.ca), port, "127.0.0.2")


@pytest.mark.parametrize("option", [{"verify": True}, {"verify": False}, {}])
def test_neither_session_nor_environment_make_it_believe_more(certificates, option, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificates.ca)
    with (
        tls_server.serving(tls_server.context(certificates)) as port,
        pytest.raises(requests.exceptions.SSLError, match="unable to get local issuer"),
    ):
        get(SSL(certificates.other_ca), port, **option)


def test_neither_session_nor_environment_make_it_believe_less(certificates, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificates.other_ca)
    with tls_server.serving(tls_server.context(certificates)) as port:
        assert get(SSL(certificates.ca), port, verify=certificates.other_ca) == "TLSv1.3"


def test_a_client_shows_who_it_is(certificates, identity):
    with tls_server.serving(tls_server.context(certificates, ask_client=True)) as port:
        assert get(identity, port) == "TLSv1.3 client"
        with pytest.raises(requests.exceptions.ConnectionError):
            get(SSL(certificates.ca), port)


def test_certificate_and_key_may_be_in_one_file(certificates, tmp_path):
    both = tmp_path / "both.pem"
    files = (certificates.client_cert, certificates.client_key)
    both.write_text("".join(Path(file).read_text() for file in files))
    component = SSL(certificates.ca, str(both))
    assert component.get_client_certs() == str(both)
    with tls_server.serving(tls_server.context(certificates, ask_client=True)) as port:
        assert get(component, port) == "TLSv1.3 client"


def test_client_certs_are_given_as_requests_takes_them(certificates, identity):
    assert identity.get_client_certs() == (certificates.client_cert, certificates.client_key)
    assert SSL().get_client_certs() is None


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_later_are_spoken(certificates, version):
    with tls_server.serving(server(certificates, version, version)) as port:
        assert get(SSL(certificates.ca), port) == version.name.replace("_", ".")


@pytest.mark.parametrize("name", ["TLSv1", "TLSv1_1"])
def test_older_versions_are_refused(certificates, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        version = getattr(ssl.TLSVersion, name)
    with tls_server.serving(server(certificates, version, version)) as port:
        assert version_with(careless_client(), port) == name.replace("_", ".")
        with pytest.raises(requests.exceptions.ConnectionError):
            get(SSL(certificates.ca), port)


@pytest.mark.parametrize("key", [making.EC, RSA_2048], ids=["ecdsa", "rsa"])
def test_tls_1_2_has_forward_secrecy_and_authenticated_encryption_only(tmp_path, key):
    certificates = making.make(tmp_path, key)
    accepted = {cipher["name"] for cipher in SSL().context().get_ciphers()}
    older = {name for name in accepted if not name.startswith("TLS_")}  # those of TLS 1.3
    assert older
    assert all(name.startswith("ECDHE-") and "-GCM-" in name for name in older)
    tls = server(certificates, highest=ssl.TLSVersion.TLSv1_2)
    with tls_server.serving(tls) as port:
        assert get(SSL(certificates.ca), port) == "TLSv1.2"
        for ciphers in ("ECDHE+SHA256", "ECDHE+SHA384", "ECDHE+SHA1"):  # authentication apart
            tls.set_ciphers(f"{ciphers}:!AESGCM:!CHACHA20:@SECLEVEL=0")
            assert version_with(careless_client(), port) == "TLSv1.2"
            with pytest.raises(requests.exceptions.ConnectionError):
                get(SSL(certificates.ca), port)


def test_a_server_with_a_weak_key_is_refused(tmp_path):
    certificates = making.make(tmp_path, RSA_1024)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.set_ciphers("ALL:@SECLEVEL=0")
    tls.load_cert_chain(certificates.server_cert, certificates.server_key)
    with tls_server.serving(tls) as port:
        assert version_with(careless_client(), port) == "TLSv1.3"
        with pytest.raises(requests.exceptions.SSLError, match="EE certificate key too weak"):
            get(SSL(certificates.ca), port)


def test_without_verification_any_server_is_believed_and_the_log_says_so_once(certificates, caplog):
    component = SSL(server_verify=False)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "any server is believed" in caplog.text
    with tls_server.serving(tls_server.context(certificates), host="127.0.0.2") as port:
        for _ in range(2):
            assert get(component, port, "127.0.0.2") == "TLSv1.3"
    assert len(caplog.records) == 1


def test_compression_is_off():
    assert SSL().context().options & ssl.OP_NO_COMPRESSION


@contextlib.contextmanager
def tunnelling():
    """A proxy that connects whoever asks; yields its port and what it was asked for."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_CONNECT(self):
            asked.append(self.path)
            host, _, port = self.path.rpartition(":")
            with socket.create_connection((host, int(port)), 5) as server_side:
                self.send_response(200)
                self.end_headers()
                other = {self.connection: server_side, server_side: self.connection}
                while data := (source := select.select(list(other), [], [])[0][0]).recv(65536):
                    other[source].sendall(data)
            self.close_connection = True

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as proxy:
        proxy.handle_error = lambda *_: None
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield proxy.server_port, asked
        finally:
            proxy.shutdown()
            thread.join()


def test_the_same_holds_through_a_proxy(certificates, identity):
    with (
        tls_server.serving(tls_server.context(certificates, ask_client=True)) as port,
        tunnelling() as (proxy, asked),
    ):
        through = {"https": f"http://127.0.0.1:{proxy}"}
        assert get(identity, port, proxies=through) == "TLSv1.3 client"
        with pytest.raises(requests.exceptions.SSLError, match="verify failed"):
            get(SSL(certificates.other_ca), port, proxies=through)
    assert asked == [f"localhost:{port}"] * 2


def test_a_key_without_a_certificate_is_refused(certificates):
    with pytest.raises(ValidationError) as caught:
        SSL(client_key_path=certificates.client_key)
    assert str(caught.value) == (
        "Provided client key without certificate! Write the path of the certificate that belongs "
        "to the key as client_cert_path"
    )


def problem_of(component):
    """What ``check`` says, and ``context`` raises as well."""
    with pytest.raises(StartError) as caught:
        component.context()
    assert component.check() == [str(caught.value)]
    return str(caught.value)


def test_files_that_can_be_used_are_no_problem(identity):
    assert identity.check() == []


def test_a_file_without_certificates_is_a_problem(certificates, tmp_path):
    empty = tmp_path / "empty.pem"
    empty.touch()
    for component in (SSL(str(empty)), SSL(True, str(empty)), SSL(certificates.client_key)):
        assert "empty.pem cannot be used" in problem_of(component) or "key.pem" in problem_of(
            component
        )
    assert problem_of(SSL(True, str(empty))) == (
        f"client_cert_path: {empty} cannot be used: no certificate or key is in it; name PEM files "
        "of a certificate and of the key that belongs to it"
    )
    assert problem_of(SSL("/absent.pem")) == (
        "server_verify: /absent.pem cannot be used: No such file or directory; "
        "name a PEM file of certificate authorities"
    )


def test_a_key_of_another_certificate_is_a_problem(certificates):
    component = SSL(certificates.ca, certificates.client_cert, certificates.server_key)
    assert problem_of(component) == (
        f"client_cert_path: {certificates.client_cert} and {certificates.server_key} cannot be "
        "used: KEY_VALUES_MISMATCH; name PEM files of a certificate and of the key that belongs "
        "to it"
    )


@pytest.mark.timeout(10)
def test_an_encrypted_key_is_a_problem_and_nobody_is_asked_for_its_passphrase(
    certificates, tmp_path
):
    secret = str(tmp_path / "secret.pem")
    subprocess.run(
        f"openssl pkey -in {certificates.client_key} -out {secret} -aes256 -passout pass:secret",
        shell=True,
        check=True,
    )
    component = SSL(certificates.ca, certificates.client_cert, secret)
    assert "the key is encrypted" in problem_of(component)


class Talker(Runner):
    """A runner with a connection."""

    def __init__(self, ssl: SSL | None = None) -> None:
        self.ssl = ssl

    def run(self):
        return 0


def load(*fields):
    """The component that the fields of a file describe, on this machine."""
    registry = Registry(decorated={})
    registry.add(Talker)
    registry.add(SSL)
    text = "".join(f"    {field}\n" for field in fields)
    loaded = load_text(f"runner: !Talker\n  ssl: !SSL\n{text}", registry, name="c.yaml", here=True)
    return loaded.runner.ssl


def test_a_file_describes_it(certificates):
    assert load(
        f"server_verify: {certificates.ca}",
        f"client_cert_path: {certificates.client_cert}",
        f"client_key_path: {certificates.client_key}",
    ) == SSL(certificates.ca, certificates.client_cert, certificates.client_key)
    assert load("server_verify: true") == SSL()


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("server_verify: ca.pem", "an absolute path"),
        ("server_verify: /absent.pem", "must be readable, but it does not exist"),
        ("server_verify: 3", "runner.ssl.server_verify: expected"),
        ("client_key_path: /etc/hostname", "Provided client key without certificate!"),
        ("server_verify: /etc/hostname", "/etc/hostname cannot be used"),
    ],
)
def test_a_file_that_describes_it_wrongly_is_refused_with_the_place(field, message):
    with pytest.raises(ConfigLoadError) as caught:
        load(field)
    assert re.match(r"c\.yaml:[23]:\d+: runner\.ssl", str(caught.value))
    assert message in str(caught.value)


def test_the_context_reads_renewed_certificates(certificates, tmp_path):
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(Path(certificates.other_ca).read_bytes())
    component = SSL(str(trusted))
    with tls_server.serving(tls_server.context(certificates)) as port:
        with pytest.raises(requests.exceptions.SSLError):
            get(component, port)
        renewed = tmp_path / "renewed.pem"
        renewed.write_bytes(Path(certificates.ca).read_bytes())
        os.replace(renewed, trusted)
        assert get(component, port) == "TLSv1.3"
