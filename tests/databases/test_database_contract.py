"""The shipped contract suite, on the databases of our own, and on one that breaks it."""

import pytest

from wca.databases import Database, EtcdDatabase, LocalDatabase, ZookeeperDatabase
from wca.security import SSL
from wca.testing import DatabaseContract


class TestLocalDatabase(DatabaseContract):
    @pytest.fixture(autouse=True)
    def place(self, tmp_path):
        self.folder = str(tmp_path / "made" / "when needed")

    def database(self):
        return LocalDatabase(self.folder)


class TestEtcdDatabase(DatabaseContract):
    @pytest.fixture(autouse=True)
    def place(self, etcd):
        self.url = etcd

    def database(self):
        return EtcdDatabase([self.url])


class TestEtcdDatabaseWithTLS(DatabaseContract):
    @pytest.fixture(autouse=True)
    def place(self, etcd_with_tls, certificates):
        self.url = etcd_with_tls
        self.ssl = SSL(certificates.ca, certificates.client_cert, certificates.client_key)

    def database(self):
        return EtcdDatabase([self.url], ssl=self.ssl)


class TestZookeeperDatabase(DatabaseContract):
    @pytest.fixture(autouse=True)
    def place(self, zookeeper, namespace):
        self.host, self.namespace = zookeeper.plain, namespace

    def database(self):
        return ZookeeperDatabase([self.host], self.namespace)


class TestZookeeperDatabaseWithTLS(DatabaseContract):
    @pytest.fixture(autouse=True)
    def place(self, zookeeper, namespace, certificates):
        self.hosts, self.namespace = [f"localhost:{zookeeper.secure}"], namespace
        self.ssl = SSL(certificates.ca, certificates.client_cert, certificates.client_key)

    def database(self):
        return ZookeeperDatabase(self.hosts, self.namespace, ssl=self.ssl)


class Careless(Database):
    """Breaks what the contract asks for."""

    def __init__(self, path):
        self.file = open(path, "a+b")  # noqa: SIM115 - that is the point

    def set(self, key, value):
        self.file.write(value)

    def get(self, key):
        self.file.seek(0)
        return self.file.read() or b""

    def close(self, timeout):
        self.file.close()


BROKEN = [
    *("constructing_opens_nothing", "a_key_that_was_never_set_has_no_value"),
    *("the_last_value_is_kept", "keys_are_told_apart", "any_other_key_is_refused"),
    "it_works_again_after_close",
]


@pytest.mark.parametrize("test", BROKEN)
def test_the_contract_suite_finds_what_a_careless_database_does(test, tmp_path):
    made = []

    class Suite(DatabaseContract):
        __test__ = False

        def database(self):
            made.append(Careless(tmp_path / "values"))
            return made[-1]

    with pytest.raises((AssertionError, ValueError)):
        getattr(Suite(), f"test_{test}")()
    for database in made:
        database.close(0.0)
