"""What is kept of polls, and for how long."""

import sqlite3

import pytest

from tests.storage.push_parts import decode_v1
from wca.errors import StartError
from wca.testing import FakeClock, HistoryContract
from wca.testing.worker_stores import a_sample
from wca.workers.history.remote_write import RemoteWriteHistory
from wca.workers.history.sql import PostgresHistory, SqliteHistory
from wca.workers.model import Reading, Verdict

NOW = 1_700_000_000.0
HOUR = 3600.0


class TestSqliteHistoryContract(HistoryContract):
    @pytest.fixture(autouse=True)
    def place(self, tmp_path):
        self.path = str(tmp_path / "folder" / "history.sqlite")

    def history(self):
        return SqliteHistory(self.path, clock=FakeClock(now=self.now))


class TestPostgresHistoryContract(HistoryContract):
    @pytest.fixture(autouse=True)
    def place(self, postgres):
        self.url = postgres.url

    def history(self):
        return PostgresHistory(self.url, clock=FakeClock(now=self.now))


@pytest.fixture
def clock():
    return FakeClock(now=NOW)


@pytest.fixture(params=["sqlite", "postgres"])
def history(request, tmp_path, clock):
    """One that keeps an hour."""
    if request.param == "sqlite":
        made = SqliteHistory(str(tmp_path / "history"), HOUR, clock=clock)
    else:
        made = PostgresHistory(request.getfixturevalue("postgres").url, HOUR, clock=clock)
    yield made
    made.close()


def times(history, worker_id="i-1"):
    return [point.at - NOW for point in history.query(worker_id, 0.0, 1e12)]


def test_what_is_too_old_ends(history, clock):
    for _ in range(5):
        history.append([a_sample(at=clock.now()), a_sample("other", at=clock.now())])
        clock.advance(HOUR / 2)
    history.append([])
    assert times(history) == times(history, "other") == [1.5 * HOUR, 2 * HOUR]


def test_a_shorter_retention_is_reached_step_by_step(tmp_path, clock):
    path = str(tmp_path / "history")
    longer = SqliteHistory(path, 1000 * HOUR, clock=clock)
    longer.append([a_sample(at=NOW - HOUR - number) for number in range(1, 2502)])
    longer.close()
    shorter = SqliteHistory(path, HOUR, clock=clock)
    left = []
    for _ in range(4):
        shorter.append([])
        left.append(len(times(shorter)))
    shorter.close()
    assert left == [1501, 501, 0, 0]


def test_a_cycle_of_ten_thousand_workers_is_one_transaction(tmp_path, clock):
    history = SqliteHistory(str(tmp_path / "history"), clock=clock)
    reading = Reading(Verdict.VALUE, 12.5, NOW)
    samples = [a_sample(str(number), NOW, cpu=reading) for number in range(10_000)]
    history.append(samples)
    broken = [*samples[:5000], a_sample(None, NOW + 60)]
    with pytest.raises(OSError, match=r"SqliteHistory cannot use .*NOT NULL"):
        history.append([a_sample("new", NOW + 60), *broken])
    assert history.query("new", 0.0, 1e12) == []
    assert dict(history.query("9999", NOW, NOW)[0].values) == {"cpu": 12.5}
    history.close()


def test_a_query_uses_an_index(tmp_path, clock):
    path = str(tmp_path / "history")
    history = SqliteHistory(path, clock=clock)
    history.append([a_sample()])
    history.close()
    statements = [
        "SELECT * FROM wca_worker_samples WHERE worker_id = 'a' AND at BETWEEN 1 AND 2",
        "SELECT worker_id, at FROM wca_worker_samples WHERE at < 1 ORDER BY at LIMIT 9",
    ]
    connection = sqlite3.connect(path)
    for statement in statements:
        (plan,) = connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
        assert "SEARCH" in plan[3], plan
    connection.close()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_value_that_is_no_number_is_left_out(history, value):
    history.append([a_sample(at=NOW, cpu=Reading(Verdict.VALUE, value, NOW))])
    assert dict(history.query("i-1", 0.0, float("inf"))[0].values) == {}


def test_any_window_is_answered(history):
    history.append([a_sample(at=NOW)])
    for since, until in [(float("-inf"), float("inf")), (-1e300, 1e300)]:
        assert len(history.query("i-1", since, until)) == 1
    for since, until in [(float("inf"), 0.0), (float("nan"), float("nan"))]:
        assert history.query("i-1", since, until) == []


def test_a_plain_table_is_made_where_there_is_no_timescaledb(postgres):
    history = PostgresHistory(postgres.url)
    history.append([a_sample()])
    history.close()
    with postgres.connection() as connection:
        kind = "SELECT relkind FROM pg_class WHERE relname = 'wca_worker_samples'"
        assert connection.execute(kind).fetchone() == ("r",)


# What stands in for the extension, which Debian does not have: only that it is asked for, and how.
HYPERTABLE = """
CREATE FUNCTION create_hypertable(name text, by text, chunk_time_interval bigint) RETURNS text
LANGUAGE sql AS $$
    CREATE TABLE asked AS SELECT name, by, chunk_time_interval; SELECT name
$$
"""


def test_a_hypertable_is_asked_for_where_timescaledb_is_installed(postgres):
    with postgres.connection() as connection:
        connection.execute(HYPERTABLE)
        connection.execute("SET allow_system_table_mods = on")
        connection.execute(
            "INSERT INTO pg_extension SELECT 1, 'timescaledb', 10, oid, false, '2.0', null, null "
            "FROM pg_namespace WHERE nspname = 'public'"
        )
    try:
        history = PostgresHistory(postgres.url)
        history.append([a_sample()])
        history.close()
        with postgres.connection() as connection:
            asked = connection.execute("SELECT * FROM asked").fetchall()
    finally:
        with postgres.connection() as connection:
            connection.execute("SET allow_system_table_mods = on")
            connection.execute("DELETE FROM pg_extension WHERE extname = 'timescaledb'")
    assert asked == [("wca_worker_samples", "at", 86_400_000_000)]


def test_a_history_of_a_newer_wca_is_refused(postgres):
    history = PostgresHistory(postgres.url)
    history.append([])
    history.close()
    with postgres.connection() as connection:
        connection.execute("UPDATE wca_schema SET version = 99")
    with pytest.raises(StartError, match="the data of worker history is of version 99, written by"):
        history.start()


def test_samples_are_written_to_prometheus(receiver):
    history = RemoteWriteHistory(f"{receiver.url}/api/v1/write")
    history.start()
    history.append([a_sample("i-7", NOW, cpu=Reading(Verdict.VALUE, 12.5, NOW))])
    assert history.query("i-7", 0.0, 1e12) == []
    history.close(10.0)
    series, _ = decode_v1(receiver.requests[0].body)
    found = {dict(labels)["__name__"]: dict(labels) for labels, _, _ in series}
    assert found["wca_worker_sample_reading"]["reading"] == "cpu"
    assert found["wca_worker_sample_reading"]["worker_id"] == "i-7"
    assert found["wca_worker_sample_state"]["state"] == "running"
    assert {time for _, _, time in series} == {NOW * 1000}
