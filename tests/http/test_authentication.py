"""Who is let in: names with passwords, a token, client certificates."""

import base64
import contextlib
import getpass
import hashlib
import logging
import re
import shutil
import ssl
import subprocess
import textwrap
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.http.talking import QUICK, dial, get, page, served
from wca.errors import StartError, ValidationError
from wca.http import HttpServer
from wca.http.authentication import PasswordHash


def hashed(password, n=1024):
    salt = b"0123456789abcdef"
    found = hashlib.scrypt(password.encode(), salt=salt, n=n, r=8, p=1)
    return f"scrypt${n}$8$1${base64.b64encode(salt).decode()}${base64.b64encode(found).decode()}"


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


ALICE = {"alice": hashed("open:sesame")}


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "token"
    path.write_text("0123456789abcdef0123\n")
    return path


def test_a_user_with_the_password_is_let_in():
    with served(users=ALICE) as server:
        for _ in range(2):  # and again, from memory
            assert get(server, Authorization=basic("alice", "open:sesame"))[0] == 200


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic !!!",
        "Basic /w==",
        basic("alice", "wrong"),
        basic("bob", "open:sesame"),
        basic("", ""),
        "Bearer 0123456789abcdef0123",
    ],
)
def test_everybody_else_is_asked_who_they_are(header):
    with served(users=ALICE) as server:
        status, headers, body = get(server, Authorization=header)
    assert status == 401
    assert headers["WWW-Authenticate"].startswith('Basic realm="wca"')
    assert b"hello" not in body


def test_a_page_that_is_not_there_is_not_told_from_one_that_is():
    with served(users=ALICE) as server:
        assert get(server, "/nothing")[0] == 401


def test_a_public_page_needs_nobody():
    with served(page("/healthz", public=True), page("/"), users=ALICE) as server:
        assert get(server, "/healthz")[0] == 200
        assert get(server, "/")[0] == 401


def test_a_password_that_was_right_costs_nothing_the_second_time(monkeypatch):
    checks = []
    matches = PasswordHash.matches
    monkeypatch.setattr(
        PasswordHash, "matches", lambda self, given: checks.append(1) or matches(self, given)
    )
    with served(users=ALICE) as server:
        for _ in range(3):
            assert get(server, Authorization=basic("alice", "open:sesame"))[0] == 200
    assert len(checks) == 1


def test_a_token_that_is_gone_lets_nobody_in_and_is_told_once(token_file, caplog):
    with served(token_file=str(token_file)) as server:
        token_file.unlink()
        for _ in range(3):
            assert get(server, Authorization="Bearer 0123456789abcdef0123")[0] == 401
    (warning,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert "No such file" in warning
    assert "0123456789abcdef0123" not in warning


def test_a_name_that_nobody_has_takes_as_long_as_one_that_somebody_has(monkeypatch):
    checked = []
    matches = PasswordHash.matches
    monkeypatch.setattr(
        PasswordHash, "matches", lambda self, text: checked.append(text) or matches(self, text)
    )
    with served(users=ALICE) as server:
        for user in ("alice", "bob"):
            assert get(server, Authorization=basic(user, "wrong"))[0] == 401
    assert len(checked) == 2


def test_the_token_lets_in_and_a_new_one_takes_its_place(token_file):
    with served(token_file=str(token_file)) as server:
        assert get(server, Authorization="Bearer 0123456789abcdef0123")[0] == 200
        status, headers, _ = get(server, Authorization="Bearer 0123456789abcdef012")
        assert (status, headers["WWW-Authenticate"]) == (401, 'Bearer realm="wca"')
        token_file.write_text("another-token-0123456789")
        assert get(server, Authorization="Bearer 0123456789abcdef0123")[0] == 401
        assert get(server, Authorization="bearer another-token-0123456789")[0] == 200
        token_file.unlink()
        assert get(server, Authorization="Bearer another-token-0123456789")[0] == 401


@pytest.mark.parametrize("text", ["", "short", "two words that are long", "x" * 20 + "\xe9"])
def test_a_token_file_that_holds_no_token_is_a_sentence(token_file, text):
    token_file.write_text(text)
    server = HttpServer("127.0.0.1:0", token_file=str(token_file))
    assert len(server.check()) == 1
    with pytest.raises(StartError, match="token_file"):
        server.start()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret",
        "scrypt$1024$8$1$AAAA$AAAA",
        hashed("x").replace("scrypt", "bcrypt"),
        hashed("x").replace("$1024$", "$1000$"),
        hashed("x").replace("$1024$", "$1048576$"),
        hashed("x").replace("$8$1$", "$8$0$"),
        hashed("x").replace("$8$1$", "$0$1$"),
        hashed("x")[:-10] + "!",
    ],
)
def test_a_hash_that_is_none_is_refused_without_showing_it(text):
    with pytest.raises(ValidationError, match="'alice'") as caught:
        HttpServer(users={"alice": text})
    assert not text or text not in str(caught.value)


@given(st.text(max_size=40) | st.from_regex(r"scrypt\$[0-9]{1,3}\$8\$1\$[A-Za-z0-9+/=]{0,30}\$x"))
def test_whatever_a_hash_is_it_is_read_or_refused(text):
    with contextlib.suppress(ValidationError):
        PasswordHash.read("u", text)


def test_the_command_of_the_documentation_makes_a_hash(monkeypatch, capsys):
    page = (Path(__file__).parents[2] / "docs" / "prometheus.md").read_text()
    code = re.search(r"python3 -c '\n(.*?)'\n", page, re.DOTALL)[1]
    monkeypatch.setattr(getpass, "getpass", lambda: "secret")
    exec(textwrap.dedent(code), {})
    made = PasswordHash.read("u", capsys.readouterr().out.strip())
    assert made.matches(b"secret")
    assert not made.matches(b"Secret")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"tls_cert": "/c"}, "belong together"),
        ({"tls_key": "/k"}, "belong together"),
        ({"client_ca": "/ca"}, "needs TLS"),
        ({"users": {}}, "nobody would be let in"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(options, sentence):
    with pytest.raises(ValidationError, match=sentence):
        HttpServer(**options)


def client_context(certificates, *, known=True):
    context = ssl.create_default_context(cafile=certificates.ca)
    if known:
        context.load_cert_chain(certificates.client_cert, certificates.client_key)
    return context


def test_pages_are_shown_over_tls(certificates):
    with served(tls_cert=certificates.server_cert, tls_key=certificates.server_key) as server:
        assert server.url.startswith("https://")
        assert get(server, context=client_context(certificates, known=False))[0] == 200


def test_a_client_without_tls_gets_nothing(certificates):
    options = {"tls_cert": certificates.server_cert, "tls_key": certificates.server_key}
    with served(**options) as server, dial(server) as connection:
        connection.sendall(b"GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert b"hello" not in connection.recv(1000)


def test_a_client_that_begins_no_handshake_is_left(certificates):
    options = {"tls_cert": certificates.server_cert, "tls_key": certificates.server_key}
    with served(limits=QUICK, **options) as server, dial(server) as connection:
        start = time.monotonic()
        assert connection.recv(1) == b""
        assert time.monotonic() - start < 5
        assert get(server, context=client_context(certificates))[0] == 200


def test_old_versions_of_tls_are_refused(certificates):
    context = client_context(certificates)
    with pytest.warns(DeprecationWarning, match="deprecated"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    options = {"tls_cert": certificates.server_cert, "tls_key": certificates.server_key}
    with served(**options) as server, pytest.raises((ssl.SSLError, ConnectionError)):
        get(server, context=context)


def test_only_clients_of_the_authority_are_let_in(certificates):
    options = {
        "tls_cert": certificates.server_cert,
        "tls_key": certificates.server_key,
        "client_ca": certificates.ca,
    }
    with served(**options) as server:
        assert get(server, context=client_context(certificates))[0] == 200
        with pytest.raises((ssl.SSLError, ConnectionError)):
            get(server, context=client_context(certificates, known=False))


def test_closing_ends_a_connection_in_tls(certificates):
    with served(tls_cert=certificates.server_cert, tls_key=certificates.server_key) as server:
        context = client_context(certificates)
        with dial(server) as raw, context.wrap_socket(raw, server_hostname="localhost") as idle:
            idle.sendall(b"GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert idle.recv(1000)
            start = time.monotonic()
            server.close(5.0)
            assert time.monotonic() - start < 3


def test_a_certificate_that_is_replaced_is_used_for_the_next_connection(certificates, tmp_path):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    shutil.copy(certificates.client_cert, cert)
    shutil.copy(certificates.client_key, key)
    context = client_context(certificates)
    with served(tls_cert=str(cert), tls_key=str(key)) as server:
        first = peer_certificate(server, context)
        shutil.copy(certificates.server_cert, cert)
        shutil.copy(certificates.server_key, key)
        second = peer_certificate(server, context)
        cert.write_text("half a certificate")
        assert peer_certificate(server, context) == second
    assert first != second


def peer_certificate(server, context):
    with dial(server) as raw, context.wrap_socket(raw, server_hostname="localhost") as connection:
        return connection.getpeercert(binary_form=True)


def test_files_that_do_not_belong_together_are_a_sentence(certificates):
    server = HttpServer(tls_cert=certificates.server_cert, tls_key=certificates.client_key)
    (problem,) = server.check()
    assert "cannot be used" in problem


def test_a_key_with_a_passphrase_is_a_sentence_and_no_question(certificates, tmp_path):
    key = str(tmp_path / "key.pem")
    command = ["openssl", "pkey", "-aes256", "-passout", "pass:secret", "-out", key]
    subprocess.run([*command, "-in", certificates.server_key], check=True, capture_output=True)
    (problem,) = HttpServer(tls_cert=certificates.server_cert, tls_key=key).check()
    assert "passphrase" in problem


def test_an_open_address_with_tls_and_without_authentication_is_warned_about(certificates, caplog):
    options = {"tls_cert": certificates.server_cert, "tls_key": certificates.server_key}
    with served(address="0.0.0.0:0", **options):
        pass
    with served(address="0.0.0.0:0", users=ALICE, **options):
        pass
    (warning,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert "lets everybody in" in warning
