"""The servers, started once."""

import itertools

import pytest

from tests.databases import servers

_numbers = itertools.count()


@pytest.fixture(scope="session")
def etcd(tmp_path_factory):
    """The address of an etcd without TLS."""
    with servers.etcd(tmp_path_factory.mktemp("etcd")) as (_, url):
        yield url


@pytest.fixture(scope="session")
def etcd_with_tls(tmp_path_factory, certificates):
    """The address of an etcd that asks for a client's certificate."""
    with servers.etcd(tmp_path_factory.mktemp("etcd-tls"), certificates) as (_, url):
        yield url


@pytest.fixture(scope="session")
def zookeeper(tmp_path_factory, certificates):
    """A ``servers.ZooKeeper``."""
    with servers.zookeeper(tmp_path_factory.mktemp("zookeeper"), certificates) as running:
        yield running


@pytest.fixture
def namespace():
    """A path in ZooKeeper that no other test uses."""
    return f"/wca/test-{next(_numbers)}"
