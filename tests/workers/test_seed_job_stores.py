"""``background_job_store``: the stores of tasks, and what a store that does not answer does."""

import asyncio
import contextlib
import logging
import socket

import pytest

from tests import services
from tests.workers.seed_parts import Recurring, kept_over_a_restart, until
from tests.workers.servers import PASSWORD, redis_server
from wca.errors import StartError
from wca.workers import BackgroundTasksBus, BackgroundTaskScheduler
from wca.workers.cml import job_store
from wca.workers.cml.job_store import JobStoreOptions
from wca.workers.job_stores.sqlite import SqliteJobStore
from wca.workers.schedule.api import Job


@pytest.fixture(autouse=True)
def info(caplog):
    caplog.set_level(logging.INFO, "wca.workers")


@pytest.fixture
def redis_options(tmp_path):
    with redis_server(tmp_path) as server:
        yield {
            "redis_host": "127.0.0.1",
            "redis_port": int(server.url.rpartition(":")[2].partition("/")[0]),
            "redis_password": PASSWORD,
        }


@pytest.fixture
def silent():
    """The port of a server that takes connections, and answers nothing."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0), backlog=100)) as listener:
        yield listener.getsockname()[1]


# What survives a restart. MongoDB is tested where it can be had, in the slow set: test_mongodb.py


def test_tasks_are_kept_in_an_sqlite_file(tmp_path, caplog):
    path = str(tmp_path / "tasks.sqlite")
    assert kept_over_a_restart({"sqlite_path": path})
    assert f"Background tasks are kept in the file {path}" in caplog.messages


def test_tasks_are_kept_in_redis_and_its_password_in_no_message(redis_options, caplog):
    assert kept_over_a_restart(redis_options)
    assert "Background tasks are kept in redis://127.0.0.1" in caplog.text
    assert "horse" not in caplog.text


def test_tasks_in_memory_are_not_kept(caplog):
    assert not kept_over_a_restart({})
    assert "Background tasks are kept in memory" in caplog.messages


def test_what_is_no_task_is_left_alone(tmp_path, caplog):
    path = str(tmp_path / "shared.sqlite")
    store = SqliteJobStore(path)
    store.save([Job("/eu-west-1", 3600.0, 0.0, 5.0), Job("x", 3600.0, 0.0, 5.0, data='{"a": 1}')])
    assert kept_over_a_restart({"sqlite_path": path})
    assert "The job /eu-west-1 in the store is no task, and is left alone" in caplog.messages
    assert {job.key for job in store.load()} == {"/eu-west-1", "x", "t"}
    store.close()


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"redis_host": "::1", "redis_db": 3}, "redis://[::1]:6379/3"),
        ({"redis_host": "r", "redis_ssl": True, "redis_username": "u"}, "rediss://r:6379/0"),
        (
            {"mongo_host": "m", "mongo_password": "p", "mongo_username": "u"},
            "mongodb://m:27017/wca",
        ),
        ({"mongo_host": "m", "mongo_port": 1, "mongo_database": "d"}, "mongodb://m:1/d"),
        ({"mongo_uri": "mongodb://u:p@a,b/d", "mongo_collection": "c"}, "mongodb://a,b/d"),
    ],
)
def test_where_tasks_are_kept_is_an_address_without_user_and_password(values, where):
    assert JobStoreOptions(values).where == where


# A store that is away


def seconds_to_wait(monkeypatch, seconds):
    monkeypatch.setattr(job_store, "_TIMEOUT", seconds)


async def runs_of_a_task(options):
    """Runs of a task that is scheduled with this store, of which some have to come."""
    bus, runs = BackgroundTasksBus(), []
    tasks = BackgroundTaskScheduler(bus, job_store=options)
    tasks.register_task_type(Recurring, runs=runs)
    await tasks.start_async()
    bus.schedule_task(Recurring.task(interval=0.02))
    await until(lambda: len(runs) > 3)
    await tasks.stop_async()


@pytest.mark.parametrize("store", ["redis", "mongo"])
def test_a_server_that_is_away_is_named_with_its_setting_and_tasks_run(store, monkeypatch, caplog):
    seconds_to_wait(monkeypatch, 0.2)
    port = services.free_port()
    asyncio.run(runs_of_a_task({f"{store}_host": "127.0.0.1", f"{store}_port": port}))
    (line,) = [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]
    assert line.startswith("background_job_store cannot use ")
    assert f"127.0.0.1:{port}/" in line
    assert line.endswith("polling goes on, and jobs are kept when it works again")


@pytest.mark.parametrize("store", ["redis", "mongo"])
def test_the_loop_goes_on_while_a_server_does_not_answer(store, silent, monkeypatch):
    seconds_to_wait(monkeypatch, 0.3)

    async def run():
        tasks = BackgroundTaskScheduler(
            BackgroundTasksBus(),
            job_store={f"{store}_host": "127.0.0.1", f"{store}_port": silent},
        )
        starting, turns = asyncio.ensure_future(tasks.start_async()), 0
        while not starting.done():
            await asyncio.sleep(0.01)
            turns += 1
        await starting
        await tasks.stop_async()
        return turns

    assert asyncio.run(run()) > 5


@pytest.mark.parametrize(
    ("module", "options", "extra"),
    [
        ("redis.exceptions", {"redis_host": "a"}, "redis"),
        ("pymongo.errors", {"mongo_host": "a"}, "mongodb"),
        ("sqlalchemy", {"sqlite_path": "/nowhere/tasks"}, "workers"),
    ],
)
def test_a_package_that_is_missing_is_named(module, options, extra, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, module, None)
    tasks = BackgroundTaskScheduler(BackgroundTasksBus(), job_store=options)
    with pytest.raises(StartError, match=rf"background_job_store needs .*'wca\[{extra}\]'"):
        asyncio.run(tasks.start_async())
    assert not tasks.running
