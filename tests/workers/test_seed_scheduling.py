"""``BackgroundTaskScheduler`` and its bus: a real APScheduler with short intervals."""

import asyncio
import logging

import pytest

from tests.workers.seed_parts import until
from wca.errors import StartError, ValidationError
from wca.workers import (
    BackgroundTasksBus,
    BackgroundTaskScheduler,
    JobFinishedError,
    RecurrentBackgroundJob,
    RecurrentTaskDescriptor,
    ServiceCollection,
    backgroundjob,
)


@backgroundjob(task_type="recurrent")
class Counting(RecurrentBackgroundJob):
    """Counts its runs in a list, and does what it is told."""

    def __init__(self, number=0):
        self.number = number

    def configure(self, service_provider=None, **kwargs):
        self.services = service_provider
        self.runs = kwargs["runs"]
        self.act = kwargs.get("act")

    async def run_every(self, *args, **kwargs):
        self.runs.append(self)
        if self.act:
            await self.act(self)


def a_task(task_id="t", interval=0.03, **data):
    return RecurrentTaskDescriptor(id=task_id, name="Counting", interval=interval, data=data)


class Setting:
    """A bus and a scheduler that is started and stopped."""

    def __init__(self, act=None, **options):
        self.runs = []
        self.bus = BackgroundTasksBus()
        self.tasks = BackgroundTaskScheduler(self.bus, **options)
        self.tasks.register_task_type(Counting, runs=self.runs, act=act)

    async def __aenter__(self):
        await self.tasks.start_async()
        return self

    async def __aexit__(self, *_):
        await self.tasks.stop_async()


@pytest.fixture(autouse=True)
def info(caplog):
    caplog.set_level(logging.INFO, "wca.workers")


def test_a_task_runs_at_once_and_at_each_interval():
    async def run():
        async with Setting() as here:
            here.bus.schedule_task(a_task(number=7))
            await until(lambda: len(here.runs) == 3)
        count = len(here.runs)
        await asyncio.sleep(0.1)
        assert len(here.runs) == count
        assert {one.number for one in here.runs} == {7}
        assert len(set(map(id, here.runs))) == count  # each is built anew

    asyncio.run(run())


def test_tasks_wait_on_the_bus_for_a_scheduler():
    async def run():
        here = Setting()
        here.bus.schedule_task(a_task(number=1))
        here.bus.schedule_task(a_task(number=2))  # in its place
        async with here:
            await until(lambda: here.runs)
        assert here.runs[0].number == 2

    asyncio.run(run())


def test_a_container_and_what_was_registered_is_given_to_each_run():
    async def run():
        services = ServiceCollection()
        async with Setting(service_provider=services) as here:
            here.bus.schedule_task(a_task())
            await until(lambda: here.runs)
        assert here.runs[0].services is services

    asyncio.run(run())


def test_a_failure_is_logged_and_the_task_runs_again(caplog):
    async def fails(job):
        raise OSError("throttled")

    async def run():
        async with Setting(fails) as here:
            here.bus.schedule_task(a_task())
            await until(lambda: len(here.runs) == 2)
            assert [task.id for task in here.tasks.list_tasks()] == ["t"]

    asyncio.run(run())
    assert "Task t failed, and is run again at its next interval: throttled" in caplog.messages


def test_a_job_that_has_finished_is_removed(caplog):
    async def ends(job):
        raise JobFinishedError("nothing to do")

    async def run():
        async with Setting(ends) as here:
            here.bus.schedule_task(a_task())
            await until(lambda: here.runs and not here.tasks.list_tasks())
            await asyncio.sleep(0.1)
            assert len(here.runs) == 1

    asyncio.run(run())
    assert "Task t is removed: nothing to do" in caplog.messages


def test_a_task_never_runs_twice_at_a_time():
    running, most = [0], [0]

    async def slow(job):
        running[0] += 1
        most[0] = max(most[0], running[0])
        await asyncio.sleep(0.1)
        running[0] -= 1

    async def run():
        async with Setting(slow) as here:
            here.bus.schedule_task(a_task(interval=0.02))
            await until(lambda: len(here.runs) == 3)

    asyncio.run(run())
    assert most == [1]


def test_a_stop_waits_for_what_runs():
    ended = []

    async def slow(job):
        await asyncio.sleep(0.2)
        ended.append(job)

    async def run():
        async with Setting(slow) as here:
            here.bus.schedule_task(a_task(interval=60))
            await until(lambda: here.runs)
            assert not ended

    asyncio.run(run())
    assert len(ended) == 1


def test_a_stop_does_not_wait_for_ever(caplog):
    async def hangs(job):
        await asyncio.sleep(3600)

    async def run():
        async with Setting(hangs, stop_timeout=0.1) as here:
            here.bus.schedule_task(a_task(interval=60))
            await until(lambda: here.runs)
        assert not [one for one in asyncio.all_tasks() if one is not asyncio.current_task()]

    asyncio.run(run())
    assert "1 runs did not end within 0.1 seconds and are cancelled" in caplog.messages


def test_the_same_task_again_keeps_its_time_and_another_interval_does_not():
    async def run():
        async with Setting() as here:
            here.tasks.enqueue_task(a_task(interval=60, number=1))
            await until(lambda: here.runs)
            here.tasks.enqueue_task(a_task(interval=60, number=2))
            await asyncio.sleep(0.1)
            assert [one.number for one in here.runs] == [1]
            assert here.tasks.list_tasks() == [a_task(interval=60, number=2)]
            here.tasks.enqueue_task(a_task(interval=30, number=3))
            await until(lambda: [one.number for one in here.runs] == [1, 3])

    asyncio.run(run())


def test_a_task_is_stopped_once():
    async def run():
        async with Setting() as here:
            here.tasks.enqueue_task(a_task(interval=60))
            assert here.tasks.stop_task("t")
            assert not here.tasks.stop_task("t")

    asyncio.run(run())


def test_a_task_of_an_unknown_type_is_skipped_and_stays(caplog):
    async def run():
        async with Setting() as here:
            here.tasks.unregister_task_type(Counting)
            here.tasks.enqueue_task(a_task())
            await until(lambda: "no task type Counting is registered" in caplog.text)
            assert here.tasks.list_tasks()
            assert not here.runs

    asyncio.run(run())


def test_it_starts_and_stops_once_and_may_start_again():
    async def run():
        here = Setting()
        await here.tasks.stop_async()
        for _ in range(2):
            await here.tasks.start_async()
            await here.tasks.start_async()
            count = len(here.runs)
            here.bus.schedule_task(a_task())
            await until(lambda count=count: len(here.runs) > count)
            assert here.tasks.running
            await here.tasks.stop_async()
            await here.tasks.stop_async()
            assert not here.tasks.running

    asyncio.run(run())


def test_what_is_not_started_says_so():
    with pytest.raises(StartError, match=r"is not started: await start_async\(\)"):
        BackgroundTaskScheduler(BackgroundTasksBus()).list_tasks()


def test_a_class_that_is_not_decorated_is_refused():
    class Plain(RecurrentBackgroundJob):
        async def run_every(self, *args, **kwargs):
            pass

    with pytest.raises(ValidationError, match="decorate it with @backgroundjob"):
        BackgroundTaskScheduler(BackgroundTasksBus()).register_task_type(Plain)


@pytest.mark.parametrize("interval", [0, -1, float("nan")])
def test_an_interval_is_positive(interval):
    with pytest.raises(ValidationError, match="write seconds, more than 0"):
        a_task(interval=interval)


@pytest.mark.parametrize("value", [object(), {"a": {1, 2}}, {1: "a"}, b"bytes", [print]])
def test_only_numbers_and_texts_are_stored(value):
    with pytest.raises(ValidationError, match="only numbers and texts"):
        a_task(number=value)


def test_plain_data_are_stored():
    assert a_task(number=1, names=["a", {"b": None}], on=True, ratio=0.5)


def test_a_library_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "apscheduler.schedulers.asyncio", None)
    with pytest.raises(StartError, match=r"package apscheduler, .* pip install 'wca\[workers\]'"):
        asyncio.run(BackgroundTaskScheduler(BackgroundTasksBus()).start_async())
