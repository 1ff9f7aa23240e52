"""Where jobs survive a restart: text and numbers, nothing that is executed."""

import json
import sqlite3

import pytest

from wca.errors import StartError, ValidationError
from wca.testing import JobStoreContract
from wca.workers.job_stores.memory import MemoryJobStore
from wca.workers.job_stores.mongo import MongoJobStore
from wca.workers.job_stores.redis import RedisJobStore
from wca.workers.job_stores.sqlite import SqliteJobStore
from wca.workers.schedule.api import Job


class TestMemoryJobStoreContract(JobStoreContract):
    lasting = False

    def store(self):
        return MemoryJobStore()


class TestSqliteJobStoreContract(JobStoreContract):
    @pytest.fixture(autouse=True)
    def place(self, tmp_path):
        self.path = str(tmp_path / "folder" / "jobs.sqlite")

    def store(self):
        return SqliteJobStore(self.path)


class TestRedisJobStoreContract(JobStoreContract):
    @pytest.fixture(autouse=True)
    def place(self, redis_server):
        self.url = redis_server.url

    def store(self):
        return RedisJobStore(self.url)


def test_redis_holds_json(redis_server):
    store = RedisJobStore(redis_server.url, prefix="mine")
    store.save([Job("prod/eu-west-1", 60.0, 6.0, 5.0)])
    store.close()
    with redis_server.client() as client:
        (text,) = client.hvals("mine:jobs")
    assert json.loads(text) == {
        "key": "prod/eu-west-1",
        "seconds": 60,
        "jitter": 6,
        "due": 5,
        "data": "",
    }


def test_what_somebody_else_wrote_is_left_out_and_never_executed(redis_server, caplog):
    store = RedisJobStore(redis_server.url)
    store.save([Job("a", 60.0, 0.0, 5.0)])
    with redis_server.client() as client:
        client.hset("wca:jobs", mapping={"b": "cos\nsystem\n(S'false'\ntR.", "c": '{"key": "c"}'})
    assert [job.key for job in store.load()] == ["a"]
    assert caplog.text.count("a Job cannot be read and is left out") == 2
    store.close()


def test_a_store_of_a_newer_wca_is_refused(tmp_path):
    path = str(tmp_path / "jobs")
    store = SqliteJobStore(path)
    store.save([])
    store.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE wca_schema SET version = 99")
    connection.close()
    with pytest.raises(StartError, match="the data of jobs is of version 99, written by a newer"):
        store.start()


def test_a_file_of_the_version_before_is_brought_up_to_date_and_keeps_its_jobs(tmp_path):
    path = str(tmp_path / "jobs")
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE wca_schema (part VARCHAR PRIMARY KEY, version INTEGER)")
        connection.execute("INSERT INTO wca_schema VALUES ('jobs', 1)")
        connection.execute(
            "CREATE TABLE wca_jobs (key TEXT PRIMARY KEY, seconds DOUBLE NOT NULL, "
            "jitter DOUBLE NOT NULL, due DOUBLE NOT NULL)"
        )
        connection.execute("INSERT INTO wca_jobs VALUES ('a', 60, 6, 5)")
    connection.close()
    store = SqliteJobStore(path)
    assert list(store.load()) == [Job("a", 60.0, 6.0, 5.0)]
    store.save([Job("a", 60.0, 6.0, 5.0, data="more")])
    assert list(store.load()) == [Job("a", 60.0, 6.0, 5.0, data="more")]
    store.close()


def test_a_mongodb_that_is_away_is_named_without_its_password(caplog):
    store = MongoJobStore("mongodb://user:h0rse@127.0.0.1:1/jobs", timeout=0.1)
    store.start()
    with pytest.raises(
        OSError, match=r"MongoJobStore cannot use mongodb://127.0.0.1:1/jobs: "
    ) as e:
        store.load()
    assert "h0rse" not in str(e.value) + caplog.text
    store.close()
    with pytest.raises(ValidationError, match="url must begin with mongodb://"):
        MongoJobStore("127.0.0.1")
