"""Tables of other versions, and packages that are missing."""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, text

from wca.errors import StartError
from wca.testing.worker_stores import a_state
from wca.workers.connections.schema import Schema
from wca.workers.connections.sql import SqliteDatabase
from wca.workers.history.sql import SqliteHistory
from wca.workers.job_stores.mongo import MongoJobStore
from wca.workers.job_stores.redis import RedisJobStore
from wca.workers.job_stores.sqlite import SqliteJobStore
from wca.workers.leases.redis import RedisLease
from wca.workers.schedule.aps import ApsSchedule
from wca.workers.stores.mongo import MongoWorkerStore
from wca.workers.stores.redis import RedisWorkerStore
from wca.workers.stores.sql import PostgresWorkerStore, SqliteWorkerStore


def tables(version):
    """Of a part whose table has gained a column with each version."""
    metadata = MetaData()
    Table("things", metadata, *(Column(f"c{number}", Integer) for number in range(1, version + 1)))

    def upgrade(connection):
        connection.execute(text(f"ALTER TABLE things ADD COLUMN c{version} INTEGER"))

    return Schema("things", version, metadata, {version - 1: upgrade})


@pytest.fixture
def database(tmp_path):
    """database(version): the same file, opened by a WCA that knows that version."""
    opened = []

    def database(version):
        opened.append(SqliteDatabase("Things", str(tmp_path / "f"), lambda: tables(version)))
        return opened[-1]

    yield database
    for one in opened:
        one.close()


def test_the_version_before_is_brought_up_to_date_and_keeps_its_data(database):
    with database(4).transaction() as connection:
        connection.execute(text("INSERT INTO things (c4) VALUES (7)"))
    for _ in range(2):
        with database(5).transaction() as connection:
            assert connection.execute(text("SELECT c4, c5 FROM things")).all() == [(7, None)]


@pytest.mark.parametrize(
    ("there", "known", "words"),
    [
        (6, 5, "of version 6, written by a newer WCA than this one, which knows version 5: update"),
        (3, 5, "of version 3, too old for this WCA, which knows version 5 and the one before: sta"),
    ],
)
def test_any_other_version_is_refused_and_left_as_it_is(database, there, known, words):
    database(there).open()
    with pytest.raises(OSError, match=words):
        database(known).open()
    database(there).open()


def test_an_upgrade_that_fails_changes_nothing(database, monkeypatch):
    database(1).open()
    broken = database(2)
    monkeypatch.setattr(
        broken,
        "_schema",
        lambda: Schema("things", 2, MetaData(), {1: lambda c: c.execute(text("?"))}),
    )
    with pytest.raises(OSError, match="Things cannot use"):
        broken.open()
    database(2).open()


def test_agents_that_find_an_empty_server_together_make_its_tables_once(postgres):
    stores = [PostgresWorkerStore(postgres.url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda store: store.save([a_state()]), stores))
    assert len(stores[0].load()) == 1
    for store in stores:
        store.close()


def test_agents_that_find_no_file_together_make_it_once(tmp_path):
    parts = [SqliteWorkerStore(str(tmp_path / "f")), SqliteJobStore(str(tmp_path / "f"))]
    parts += [SqliteHistory(str(tmp_path / "f")), SqliteWorkerStore(str(tmp_path / "f"))]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda part: part.start(), parts))
    assert [len(part.load()) for part in parts[:2]] == [0, 0]
    for part in parts:
        part.close()


URL = "://127.0.0.1:1/0"


@pytest.mark.parametrize(
    ("module", "package", "extra", "make"),
    [
        ("sqlalchemy", "sqlalchemy", "workers", lambda p: SqliteWorkerStore(p)),
        ("sqlalchemy", "sqlalchemy", "workers", lambda p: SqliteHistory(p)),
        ("sqlalchemy", "sqlalchemy", "workers", lambda p: SqliteJobStore(p)),
        ("psycopg", "psycopg", "postgresql", lambda p: PostgresWorkerStore(f"postgresql{URL}")),
        ("redis.exceptions", "redis", "redis", lambda p: RedisWorkerStore(f"redis{URL}")),
        ("redis.exceptions", "redis", "redis", lambda p: RedisJobStore(f"redis{URL}")),
        ("redis.exceptions", "redis", "redis", lambda p: RedisLease(f"redis{URL}")),
        ("pymongo.errors", "pymongo", "mongodb", lambda p: MongoWorkerStore(f"mongodb{URL}")),
        ("pymongo.errors", "pymongo", "mongodb", lambda p: MongoJobStore(f"mongodb{URL}")),
    ],
)
def test_a_missing_package_stops_the_start_and_is_named(
    tmp_path, monkeypatch, module, package, extra, make
):
    part = make(str(tmp_path / "f"))
    monkeypatch.setitem(sys.modules, module, None)
    words = f"{type(part).__name__} needs the Python package {package}, which is not installed: run"
    with pytest.raises(StartError, match=words) as refused:
        part.start()
    assert str(refused.value).endswith(f"run pip install 'wca[{extra}]'")


def test_a_missing_apscheduler_stops_the_start_and_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "apscheduler.events", None)

    async def begin():
        ApsSchedule().begin(None)

    with pytest.raises(StartError, match=r"pip install 'wca\[workers\]'"):
        asyncio.run(begin())
