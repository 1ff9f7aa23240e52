"""What ZooKeeper adds to the contract of a database: a session that is lost and found, TLS."""

import contextlib
import logging
import sys
import time
from pathlib import Path

import pytest

from tests import tls_server
from tests.services import free_port
from wca.databases import DatabaseError, ZookeeperDatabase
from wca.errors import StartError, ValidationError
from wca.security import SSL
from wca.testing.leaks import open_things


@pytest.fixture
def opened():
    """Makes databases that are closed after the test."""
    with contextlib.ExitStack() as stack:

        def make(*args, **kwargs):
            database = ZookeeperDatabase(*args, **kwargs)
            stack.callback(database.close)
            return database

        yield make


@pytest.fixture
def refused():
    """An address where nobody listens."""
    return f"127.0.0.1:{free_port()}"


@pytest.fixture
def identity(certificates):
    return SSL(certificates.ca, certificates.client_cert, certificates.client_key)


def test_a_server_that_refuses_is_passed_over(opened, zookeeper, refused, namespace):
    database = opened([refused, zookeeper.plain], namespace)
    database.set(b"key", b"value")
    assert database.get(b"key") == b"value"


def test_namespaces_are_apart(opened, zookeeper, namespace):
    opened([zookeeper.plain], namespace).set(b"key", b"value")
    assert opened([zookeeper.plain], f"{namespace}/deeper").get(b"key") is None
    assert opened([zookeeper.plain], f"{namespace.lstrip('/')}/").get(b"key") == b"value"


def test_start_tells_that_no_server_answers_and_leaves_nothing_open(opened, refused):
    before = open_things()
    database = opened([refused], "/wca", timeout=1)
    with pytest.raises(StartError) as caught:
        database.start()
    assert str(caught.value) == (
        f"ZookeeperDatabase: no answer of ZooKeeper ({refused}) within 1 s: "
        "127.0.0.1: Connection refused; see hosts and ssl"
    )
    assert open_things() == before


def test_a_killed_server_costs_an_error_in_time_and_is_found_again(
    opened, zookeeper, namespace, caplog
):
    caplog.set_level(logging.INFO, "wca")
    database = opened([zookeeper.plain], namespace, timeout=2)
    database.set(b"key", b"value")
    zookeeper.server.kill()
    try:
        begin = time.monotonic()
        for _ in range(2):
            with pytest.raises(DatabaseError, match=r"no answer of ZooKeeper .* within 2 s"):
                database.set(b"other", b"value")
        assert time.monotonic() - begin < 10
    finally:
        zookeeper.server.start()
    deadline = time.monotonic() + 20
    while True:
        try:
            assert database.get(b"key") == b"value"
            break
        except DatabaseError:
            assert time.monotonic() < deadline
    ours = [record for record in caplog.records if record.name.startswith("wca.")]
    messages = [record.message for record in ours if record.levelno >= logging.INFO]
    assert messages == [
        f"connection to ZooKeeper ({zookeeper.plain}) lost, seeking another one",
        f"connected to ZooKeeper ({zookeeper.plain}) again",
    ]


@pytest.mark.timeout(30)
def test_close_keeps_its_deadline_while_the_server_is_away(zookeeper, namespace):
    database = ZookeeperDatabase([zookeeper.plain], namespace, timeout=2)
    database.start()
    zookeeper.server.kill()
    try:
        begin = time.monotonic()
        database.close(0.5)
        assert time.monotonic() - begin < 2
    finally:
        zookeeper.server.start()


def test_a_value_that_the_server_would_hang_up_on_is_refused(opened, zookeeper, namespace):
    database = opened([zookeeper.plain], namespace)
    database.set(b"key", b"x" * 1_000_000)
    with pytest.raises(DatabaseError, match="values of up to 1000000 bytes, got 1000001"):
        database.set(b"key", b"x" * 1_000_001)


def test_a_server_that_is_not_believed_is_no_server(opened, zookeeper, certificates):
    strange = SSL(certificates.other_ca, certificates.client_cert, certificates.client_key)
    database = opened([f"localhost:{zookeeper.secure}"], "/wca", 1, strange)
    with pytest.raises(StartError, match="localhost: unable to get local issuer certificate"):
        database.start()


def test_the_servers_certificate_must_be_for_the_host_that_is_configured(
    opened, certificates, identity
):
    # 127.0.0.2 is this machine as well, but no name of the certificate.
    with tls_server.serving(tls_server.context(certificates), host="127.0.0.2") as port:
        database = opened([f"127.0.0.2:{port}"], "/wca", 1, identity)
        with pytest.raises(StartError, match=r"127\.0\.0\.2: IP address mismatch"):
            database.start()


def test_zookeeper_refuses_who_shows_no_certificate(opened, zookeeper, certificates):
    database = opened([f"localhost:{zookeeper.secure}"], "/wca", 1, SSL(certificates.ca))
    with pytest.raises(StartError, match="no answer of ZooKeeper"):
        database.start()


def test_certificate_and_key_may_be_in_one_file(
    opened, zookeeper, certificates, namespace, tmp_path
):
    both = tmp_path / "both.pem"
    files = (certificates.client_cert, certificates.client_key)
    both.write_text("".join(Path(file).read_text() for file in files))
    ssl = SSL(certificates.ca, str(both))
    opened([f"localhost:{zookeeper.secure}"], namespace, ssl=ssl).set(b"key", b"value")


def test_a_missing_package_is_said_with_what_to_install(opened, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "kazoo"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    database = opened(["127.0.0.1:2181"], "/wca")
    sentence = (
        "ZookeeperDatabase needs the Python package kazoo, which is not installed: "
        "run pip install 'wca[zookeeper]'"
    )
    assert database.check() == [sentence]
    with pytest.raises(StartError) as caught:
        database.start()
    assert str(caught.value) == sentence


@pytest.mark.parametrize("namespace", ["", "/", "a//b", "/a/../b", "/.", "/a\nb", "/a\0"])
def test_a_namespace_that_is_no_path_is_refused(namespace):
    with pytest.raises(ValidationError, match="namespace is a path such as /wca"):
        ZookeeperDatabase(["127.0.0.1:2181"], namespace)


def test_hosts_are_needed():
    with pytest.raises(ValidationError, match="write host:port"):
        ZookeeperDatabase([], "/wca")
