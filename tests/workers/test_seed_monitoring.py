"""``WorkerMonitoringScheduler``: what is monitored from the start, by call, and by events."""

import asyncio
import logging

import pytest

from tests.workers.seed_parts import (
    Averages,
    RecordedClient,
    a_worker,
    monitoring,
    repository_of,
    until,
)
from wca.errors import ValidationError
from wca.workers import (
    BackgroundTasksBus,
    BackgroundTaskScheduler,
    CMLWorker,
    CMLWorkerCreatedDomainEvent,
    CMLWorkerStatus,
    WorkerMonitoringScheduler,
    WorkerNotFoundError,
    WorkerNotificationHandler,
    WorkerTerminatedError,
    integration_event_handler,
)


@pytest.fixture(autouse=True)
def info(caplog):
    caplog.set_level(logging.INFO, "wca.workers")


def polled(client):
    return {one[2] for one in client.asked if one[0] == "status"}


def test_active_workers_are_discovered_at_the_start(caplog):
    async def run():
        stopped, ended = a_worker("stopped"), a_worker("ended")
        stopped.update_status(CMLWorkerStatus.STOPPED)
        ended.terminate()
        client = RecordedClient()
        scheduler = monitoring(await repository_of(a_worker("new"), stopped, ended), client)
        await scheduler.start_async()
        assert set(scheduler.active_jobs) == {"new", "stopped"}
        await until(lambda: len(client.polls_of("i-new")) > 1)
        await scheduler.stop_async()
        assert polled(client) == {"i-new", "i-stopped"}

    asyncio.run(run())
    assert any(line.startswith("Starting worker monitoring") for line in caplog.messages)
    assert any(line.startswith("Started monitoring worker new") for line in caplog.messages)


def test_what_is_scheduled_is_the_shard():
    async def run():
        workers = [
            a_worker("a"),
            a_worker("b"),
            a_worker("c", "us-east-1"),
            a_worker("d", "us-east-1", aws_account_id="111111111111"),
        ]
        bus, client = BackgroundTasksBus(), RecordedClient()
        tasks = BackgroundTaskScheduler(bus)
        scheduler = WorkerMonitoringScheduler(
            worker_repository=await repository_of(*workers),
            aws_client=client,
            notification_handler=WorkerNotificationHandler(),
            background_task_bus=bus,
            background_task_scheduler=tasks,
            poll_interval=60,
        )
        await scheduler.start_async()
        jobs = {task.id: task.data["worker_ids"] for task in tasks.list_tasks()}
        handle = await scheduler.start_monitoring_worker_async("b")
        await scheduler.stop_async()
        assert jobs == {
            "worker-metrics-/eu-west-1": ["a", "b"],
            "worker-metrics-/us-east-1": ["c"],
            "worker-metrics-111111111111/us-east-1": ["d"],
        }
        assert (handle.worker_id, handle.job_id) == ("b", "worker-metrics-/eu-west-1")

    asyncio.run(run())


def test_a_worker_is_monitored_by_call_and_by_call_no_more():
    async def run():
        repository, client = await repository_of(), RecordedClient()
        scheduler = monitoring(repository, client)
        await scheduler.start_async()
        repository.events.unregister(scheduler._on_new_worker)
        await repository.add_async(a_worker())
        assert scheduler.active_jobs == {}
        handle = await scheduler.start_monitoring_worker_async("w1")
        assert await scheduler.start_monitoring_worker_async("w1") == handle
        assert scheduler.active_jobs == {"w1": handle}
        await until(lambda: client.polls_of("i-w1"))
        assert await scheduler.stop_monitoring_worker_async("w1")
        assert not await scheduler.stop_monitoring_worker_async("w1")
        await asyncio.sleep(0.1)
        count = len(client.asked)
        await asyncio.sleep(0.2)
        assert len(client.asked) == count
        await scheduler.stop_async()

    asyncio.run(run())


def test_a_worker_that_is_missing_or_has_ended_is_not_monitored():
    async def run():
        worker = a_worker()
        worker.terminate()
        scheduler = monitoring(await repository_of(worker), RecordedClient())
        await scheduler.start_async()
        with pytest.raises(WorkerNotFoundError, match="Worker w9 not found"):
            await scheduler.start_monitoring_worker_async("w9")
        with pytest.raises(WorkerTerminatedError, match="Worker w1 is terminated"):
            await scheduler.start_monitoring_worker_async("w1")
        await scheduler.stop_async()

    asyncio.run(run())


@pytest.mark.parametrize(
    "new",
    [
        lambda: a_worker("w1"),
        lambda: CMLWorker.import_instance("name", "eu-west-1", "i-w1", worker_id="w1"),
    ],
    ids=["created", "imported"],
)
def test_a_new_worker_is_monitored_by_itself(new):
    async def run():
        repository, client = await repository_of(), RecordedClient()
        scheduler = monitoring(repository, client)
        await scheduler.start_async()
        await repository.add_async(new())
        await until(lambda: client.polls_of("i-w1"))
        await scheduler.stop_async()

    asyncio.run(run())


def test_the_handler_of_the_seed_starts_monitoring():
    async def run():
        repository, client = await repository_of(), RecordedClient()
        monitoring_scheduler = monitoring(repository, client)

        @integration_event_handler(CMLWorkerCreatedDomainEvent)
        async def on_worker_created(event: CMLWorkerCreatedDomainEvent):
            await monitoring_scheduler.start_monitoring_worker_async(event.aggregate_id)

        await monitoring_scheduler.start_async()
        repository.events.register(on_worker_created)  # beside the scheduler's own
        await repository.add_async(a_worker())
        assert set(monitoring_scheduler.active_jobs) == {"w1"}
        await monitoring_scheduler.stop_async()

    asyncio.run(run())


def test_a_worker_whose_instance_ends_is_told_and_monitored_no_more():
    async def run():
        told = []
        client = RecordedClient(states={"i-ends": "terminated"})
        scheduler = monitoring(
            await repository_of(a_worker("ends"), a_worker("goes on")), client, told.append
        )
        await scheduler.start_async()
        await until(lambda: len(client.polls_of("i-goes on")) > 2)
        assert set(scheduler.active_jobs) == {"goes on"}
        await scheduler.stop_async()
        assert len(client.polls_of("i-ends")) == 1
        assert [one["status"] for one in told if one["worker_id"] == "ends"] == ["terminated"]

    asyncio.run(run())


def test_a_worker_that_is_terminated_elsewhere_is_monitored_no_more():
    async def run():
        repository = await repository_of(a_worker())
        scheduler = monitoring(repository, RecordedClient(), poll_interval=60)
        await scheduler.start_async()
        worker = await repository.get_by_id_async("w1")
        worker.terminate()
        await repository.update_async(worker)
        assert scheduler.active_jobs == {}
        await scheduler.stop_async()

    asyncio.run(run())


def test_a_worker_that_vanishes_ends_its_job_and_the_last_one_the_task(caplog):
    async def run():
        repository = await repository_of(a_worker())
        bus = BackgroundTasksBus()
        tasks = BackgroundTaskScheduler(bus)
        scheduler = WorkerMonitoringScheduler(
            worker_repository=repository,
            aws_client=RecordedClient(),
            notification_handler=WorkerNotificationHandler(),
            background_task_bus=bus,
            background_task_scheduler=tasks,
            poll_interval=0.05,
        )
        await scheduler.start_async()
        await repository.remove_async("w1")
        await until(lambda: not scheduler.active_jobs)
        assert tasks.list_tasks() == []
        await scheduler.stop_async()

    asyncio.run(run())
    assert caplog.messages.count("Worker w1 not found - stopping job") == 1
    assert "Stopped monitoring worker w1" in caplog.messages


def test_what_fails_for_one_worker_is_tried_again_and_fails_for_no_other():
    async def run():
        told = []
        client = RecordedClient(states={"i-bad": OSError("throttled")})
        scheduler = monitoring(
            await repository_of(a_worker("bad"), a_worker("good")), client, told.append
        )
        await scheduler.start_async()
        await until(lambda: len(client.polls_of("i-bad")) > 1 and told)
        assert {one["worker_id"] for one in told} == {"good"}
        assert set(scheduler.active_jobs) == {"bad", "good"}
        client.states.clear()
        await until(lambda: any(one["worker_id"] == "bad" for one in told))
        await scheduler.stop_async()

    asyncio.run(run())


def test_workers_are_asked_about_some_at_a_time():
    async def run():
        client = RecordedClient(state="stopped", delay=0.02)
        workers = [a_worker(f"w{number}") for number in range(40)]
        scheduler = monitoring(await repository_of(*workers), client, poll_interval=60)
        await scheduler.start_async()
        await until(lambda: len(client.asked) == 40)
        await scheduler.stop_async()
        return client.most

    assert 1 < asyncio.run(run()) <= 10


def test_handler_and_further_observers_are_told():
    async def run():
        first, second = [], []
        scheduler = monitoring(
            await repository_of(a_worker()),
            RecordedClient(averages=Averages(0.0, 1.0)),
            first.append,
        )
        scheduler.subscribe(second.append)
        await scheduler.start_async()
        await until(lambda: second)
        await scheduler.stop_async()
        assert first[0] == second[0]
        assert first[0]["metrics"] == {"cpu_utilization": 0.0, "memory_utilization": 1.0}

    asyncio.run(run())


def test_a_stop_waits_for_polls_and_ends_monitoring():
    async def run():
        client, told = RecordedClient(delay=0.2), []
        repository = await repository_of(a_worker())
        scheduler = monitoring(repository, client, told.append, poll_interval=60)
        await scheduler.start_async()
        await until(lambda: client.asked)
        await scheduler.stop_async()
        assert len(told) == 1
        await repository.add_async(a_worker("later"))
        assert scheduler.active_jobs == {}

    asyncio.run(run())


def test_a_scheduler_of_tasks_that_runs_already_is_left_running():
    async def run():
        bus, client = BackgroundTasksBus(), RecordedClient()
        tasks = BackgroundTaskScheduler(bus)
        await tasks.start_async()
        scheduler = WorkerMonitoringScheduler(
            worker_repository=await repository_of(a_worker()),
            aws_client=client,
            notification_handler=WorkerNotificationHandler(),
            background_task_bus=bus,
            background_task_scheduler=tasks,
            poll_interval=0.05,
        )
        await scheduler.start_async()
        await until(lambda: client.asked)
        await scheduler.stop_async()
        assert tasks.running
        count = len(client.asked)
        await asyncio.sleep(0.2)
        assert len(client.asked) == count
        await tasks.stop_async()

    asyncio.run(run())


def test_an_interval_is_positive():
    with pytest.raises(ValidationError, match="poll_interval 0: write seconds"):
        monitoring(None, RecordedClient(), poll_interval=0)


@pytest.mark.parametrize(("given", "seconds"), [({}, 300), ({"poll_interval": 60}, 60)])
def test_workers_are_polled_every_five_minutes_unless_another_interval_is_given(given, seconds):
    async def run():
        bus = BackgroundTasksBus()
        tasks = BackgroundTaskScheduler(bus)
        scheduler = WorkerMonitoringScheduler(
            worker_repository=await repository_of(a_worker()),
            aws_client=RecordedClient(),
            notification_handler=WorkerNotificationHandler(),
            background_task_bus=bus,
            background_task_scheduler=tasks,
            **given,
        )
        await scheduler.start_async()
        intervals = [task.interval for task in tasks.list_tasks()]
        await scheduler.stop_async()
        return intervals

    assert asyncio.run(run()) == [seconds]
