"""What survives a restart, in each of the stores."""

import dataclasses
import sqlite3

import pytest

from wca.errors import StartError, ValidationError
from wca.testing import WorkerStoreContract
from wca.testing.worker_stores import a_state, an_alert
from wca.workers.stores.mongo import MongoWorkerStore
from wca.workers.stores.redis import RedisWorkerStore
from wca.workers.stores.sql import PostgresWorkerStore, SqliteWorkerStore


class TestSqliteWorkerStoreContract(WorkerStoreContract):
    @pytest.fixture(autouse=True)
    def place(self, tmp_path):
        self.path = str(tmp_path / "folder" / "workers.sqlite")

    def store(self):
        return SqliteWorkerStore(self.path)


class TestPostgresWorkerStoreContract(WorkerStoreContract):
    @pytest.fixture(autouse=True)
    def place(self, postgres):
        self.url = postgres.url

    def store(self):
        return PostgresWorkerStore(self.url)


class TestRedisWorkerStoreContract(WorkerStoreContract):
    @pytest.fixture(autouse=True)
    def place(self, redis_server):
        self.url = redis_server.url

    def store(self):
        return RedisWorkerStore(self.url)


def sqlite_rows(path, statement, *values):
    with sqlite3.connect(path) as connection:
        rows = connection.execute(statement, values).fetchall()
    connection.close()
    return rows


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "workers.sqlite")


def test_data_of_a_newer_wca_is_refused_and_left_as_it_is(path):
    store = SqliteWorkerStore(path)
    store.save([a_state()])
    store.close()
    sqlite_rows(path, "UPDATE wca_schema SET version = 99")
    newer = SqliteWorkerStore(path)
    refusal = r"cannot use .*sqlite: the data of worker states is of version 99, written by a newer"
    with pytest.raises(StartError, match=refusal):
        newer.start()
    with pytest.raises(OSError, match=r"update WCA, or name another place"):
        newer.save([])
    assert len(sqlite_rows(path, "SELECT * FROM wca_worker_states")) == 1


def test_the_tables_of_the_version_before_get_the_one_that_they_lack(path):
    store = SqliteWorkerStore(path)
    store.save([a_state()])
    store.close()
    sqlite_rows(path, "DROP TABLE wca_worker_requested")
    sqlite_rows(path, "UPDATE wca_schema SET version = 1")
    assert store.requested("2026-11", 5) == 5
    assert store.load() == {"i-1": a_state()}
    store.close()


def test_data_of_a_newer_wca_in_redis_is_refused(redis_server):
    RedisWorkerStore(redis_server.url).save([a_state()])
    with redis_server.client() as client:
        client.set("wca:version", "99")
    store = RedisWorkerStore(redis_server.url)
    with pytest.raises(StartError, match="written by a newer WCA"):
        store.start()
    with pytest.raises(OSError, match="written by a newer WCA"):
        store.load()
    store.close()


@pytest.mark.parametrize("version", ["", "two", "-1", "²"])
def test_a_version_that_is_none_is_refused(redis_server, version):
    with redis_server.client() as client:
        client.set("wca:version", version)
    store = RedisWorkerStore(redis_server.url)
    with pytest.raises(StartError, match="cannot be read: name another place"):
        store.start()
    store.close()


def test_a_row_that_cannot_be_read_costs_itself(path, caplog):
    store = SqliteWorkerStore(path)
    store.save([a_state("a"), a_state("b")])
    sqlite_rows(path, "UPDATE wca_worker_states SET value = '{' WHERE worker_id = 'a'")
    assert list(store.load()) == ["b"]
    assert "SqliteWorkerStore: a WorkerState cannot be read and is left out" in caplog.text
    store.close()


def test_two_agents_open_a_new_file_together(path):
    stores = [SqliteWorkerStore(path) for _ in range(2)]
    for number, store in enumerate(stores):
        store.save([a_state(str(number))])
    assert [sorted(store.load()) for store in stores] == [["0", "1"]] * 2
    for store in stores:
        store.close()


def test_a_reader_does_not_wait_for_a_writer(path):
    store = SqliteWorkerStore(path)
    store.save([a_state()])
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    assert len(store.load()) == 1
    connection.close()
    store.close()


def test_a_file_that_is_no_database_is_named(tmp_path, caplog):
    (tmp_path / "file").write_text("no database" * 100)
    store = SqliteWorkerStore(str(tmp_path / "file"))
    store.start()
    assert "SqliteWorkerStore cannot use" in caplog.text
    with pytest.raises(OSError, match="file is not a database"):
        store.load()


def test_a_server_that_comes_back_is_used_again(postgres):
    store = PostgresWorkerStore(postgres.url, timeout=2.0)
    store.save([a_state("before")])
    postgres.server.kill()
    try:
        place = r"PostgresWorkerStore cannot use postgresql://127.0.0.1:\d+/postgres: "
        with pytest.raises(OSError, match=place) as away:
            store.save([a_state("meanwhile")])
    finally:
        postgres.server.start()
    assert "horse" not in str(away.value)
    assert "INSERT" not in str(away.value)
    store.save([a_state("after")])
    assert sorted(store.load()) == ["after", "before"]
    store.close()


def test_no_password_is_told(postgres, redis_server, caplog):
    wrong = [
        PostgresWorkerStore(postgres.url.replace("horse", "h0rse"), timeout=2.0),
        RedisWorkerStore(redis_server.url.replace("horse", "h0rse")),
        MongoWorkerStore("mongodb://user:h0rse@127.0.0.1:1/?tlsCAFile=/no&tls=true", timeout=0.1),
        MongoWorkerStore("mongodb://user:h0rse@127.0.0.1:1/", timeout=0.1),
        MongoWorkerStore("mongodb://user:h0rse@b@d@127.0.0.1:1/", timeout=0.1),
    ]
    told = []
    for store in wrong:
        try:
            store.start()
        except StartError as error:
            told.append(str(error))
        with pytest.raises(OSError, match=f"{type(store).__name__} cannot use ") as refused:
            store.save_alerts([an_alert()])
        told += [str(refused.value), repr(store)]
        store.close()
    assert "h0rse" not in "".join(told) + caplog.text


def test_mongodb_is_not_waited_for_longer_than_was_said():
    store = MongoWorkerStore("mongodb://127.0.0.1:1/wca", timeout=0.2)
    with pytest.raises(OSError, match=r"MongoWorkerStore cannot use mongodb://127.0.0.1:1/wca: "):
        store.load()
    store.close()


def test_an_address_of_another_kind_is_refused():
    with pytest.raises(ValidationError, match="url must begin with mongodb://"):
        MongoWorkerStore("redis://127.0.0.1")


def test_odd_text_of_a_tag_is_kept(path):
    state = a_state()
    odd = dataclasses.replace(state.worker, tags={"\ud800": "\0", "b": "\u2028"})
    store = SqliteWorkerStore(path)
    store.save([dataclasses.replace(state, worker=odd)])
    assert store.load()["i-1"].worker.tags == odd.tags
    store.close()
