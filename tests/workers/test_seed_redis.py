"""Tasks in a real Redis: what a crash, a stop and a Redis that ends leave of them."""

import asyncio
import contextlib
import json
import logging
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import services
from tests.workers.seed_parts import RecordedClient, a_worker, monitoring, repository_of, until

ROOT = Path(__file__).parents[2]
REGIONS = {"w1": "eu-west-1", "w2": "us-east-1"}
AGENT = """
import asyncio, sys
from tests.workers.seed_parts import RecordedClient, monitoring, repository_of
from tests.workers.test_seed_redis import store_at, workers

async def main():
    scheduler = monitoring(
        await repository_of(*workers()), RecordedClient(),
        lambda data: print(data["worker_id"], flush=True),
        poll_interval=2, job_store=store_at(int(sys.argv[1])),
    )
    await scheduler.start_async()
    await asyncio.sleep(60)

asyncio.run(main())
"""


def workers():
    return [a_worker(worker_id, region) for worker_id, region in REGIONS.items()]


def store_at(port):
    return {"redis_host": "127.0.0.1", "redis_port": port, "redis_db": 1}


class Redis:
    """A real server that keeps nothing on disk."""

    def __init__(self):
        self.program = services.program("redis-server", package="redis-server")
        self.port = services.free_port()
        self.process = None

    def start(self):
        import redis

        command = [self.program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 20
        with contextlib.closing(redis.Redis(port=self.port, db=1)) as self.client:
            while True:
                try:
                    return self.client.ping()
                except redis.exceptions.ConnectionError:
                    assert time.monotonic() < end
                    time.sleep(0.02)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def jobs(self):
        """What is stored, by the ids of tasks."""
        import redis

        with contextlib.closing(redis.Redis(port=self.port, db=1)) as client:
            stored = client.hgetall("wca:tasks:jobs")
        return {name.decode(): json.loads(text) for name, text in stored.items()}

    @contextlib.contextmanager
    def silent(self):
        """It takes connections, and answers nothing."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


@pytest.fixture
def server():
    server = Redis()
    server.start()
    yield server
    server.kill()


@pytest.fixture(autouse=True)
def info(caplog):
    caplog.set_level(logging.INFO, "wca.workers")


async def without_discovery():
    """A repository whose workers are known by their ids alone."""
    repository = await repository_of(*workers())

    async def nobody():
        return []

    repository.get_active_workers_async = nobody
    return repository


def test_after_a_crash_tasks_are_recovered_and_caught_up_once(server, caplog):
    process = subprocess.Popen(
        [sys.executable, "-c", AGENT, str(server.port)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert {process.stdout.readline().strip() for _ in REGIONS} == set(REGIONS)
        asyncio.run(until(lambda: len(server.jobs()) == len(REGIONS)))  # the store follows
        process.kill()
    time.sleep(2)  # a run of each is missed

    async def run():
        client = RecordedClient()
        scheduler = monitoring(
            await without_discovery(), client, poll_interval=2, job_store=store_at(server.port)
        )
        await scheduler.start_async()
        assert set(scheduler.active_jobs) == set(REGIONS)
        await until(lambda: all(client.polls_of(f"i-{worker_id}") for worker_id in REGIONS))
        await asyncio.sleep(0.2)
        polls = [len(client.polls_of(f"i-{worker_id}")) for worker_id in REGIONS]
        assert await scheduler.stop_monitoring_worker_async("w1")
        await scheduler.stop_async()
        return polls

    assert asyncio.run(run()) == [1, 1]
    assert "Recovered the monitoring of 2 workers" in caplog.messages
    assert set(server.jobs()) == {"worker-metrics-/us-east-1"}


def test_a_stop_leaves_tasks_in_the_store_and_they_are_numbers_and_texts(server):
    async def run():
        scheduler = monitoring(
            await repository_of(*workers()),
            RecordedClient(),
            poll_interval=60,
            job_store=store_at(server.port),
        )
        await scheduler.start_async()
        await scheduler.stop_async()

    asyncio.run(run())
    jobs = server.jobs()
    assert set(jobs) == {"worker-metrics-/eu-west-1", "worker-metrics-/us-east-1"}
    job = jobs["worker-metrics-/eu-west-1"]
    assert job["seconds"] == 60
    assert json.loads(job["data"]) == {
        "name": "ShardMetricsCollectionJob",
        "data": {"account": "", "region": "eu-west-1", "worker_ids": ["w1"]},
    }


def test_a_restart_with_another_interval_uses_it(server):
    async def run(interval):
        scheduler = monitoring(
            await repository_of(*workers()),
            RecordedClient(),
            poll_interval=interval,
            job_store=store_at(server.port),
        )
        await scheduler.start_async()
        await scheduler.stop_async()

    for interval in (60, 30):
        asyncio.run(run(interval))
        assert {job["seconds"] for job in server.jobs().values()} == {interval}


def test_monitoring_outlives_a_redis_that_ends_and_comes_back_empty(server, caplog):
    async def run():
        client = RecordedClient()
        repository = await repository_of(*workers())
        scheduler = monitoring(
            repository, client, poll_interval=0.1, job_store=store_at(server.port)
        )
        await scheduler.start_async()
        await until(lambda: len(client.polls_of("i-w1")) > 1)
        server.kill()
        await repository.add_async(a_worker("w3", "eu-west-2"))
        await scheduler.stop_monitoring_worker_async("w2")
        await until(lambda: "jobs are kept when it works again" in caplog.text)
        count = len(client.polls_of("i-w1"))
        await until(lambda: len(client.polls_of("i-w1")) > count and client.polls_of("i-w3"))
        await asyncio.to_thread(server.start)
        await until(lambda: "jobs are kept again" in caplog.messages)
        await scheduler.stop_async()

    asyncio.run(run())
    assert set(server.jobs()) == {"worker-metrics-/eu-west-1", "worker-metrics-/eu-west-2"}
    assert f"background_job_store cannot use redis://127.0.0.1:{server.port}/1" in caplog.text


def test_the_loop_never_waits_for_a_redis_that_answers_no_more(server):
    """Each question would take seconds: were it asked on the loop, polls would come to nothing."""

    async def run():
        client = RecordedClient()
        repository = await repository_of(*workers())
        scheduler = monitoring(
            repository, client, poll_interval=0.05, job_store=store_at(server.port)
        )
        await scheduler.start_async()
        with server.silent():
            count = len(client.asked)
            await repository.add_async(a_worker("w3", "eu-west-2"))
            await scheduler.stop_monitoring_worker_async("w2")
            await until(lambda: len(client.asked) > count + 100)
        await scheduler.stop_async()

    asyncio.run(run())
    assert set(server.jobs()) == {"worker-metrics-/eu-west-1", "worker-metrics-/eu-west-2"}
