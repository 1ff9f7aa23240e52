"""What the tests of the seed's API are made of: a recorded client, workers, and waiting."""

import asyncio
import threading
import time
from dataclasses import dataclass, field

from wca.workers import (
    BackgroundTasksBus,
    BackgroundTaskScheduler,
    CMLWorker,
    InMemoryCMLWorkerRepository,
    RecurrentBackgroundJob,
    RecurrentTaskDescriptor,
    WorkerMonitoringScheduler,
    backgroundjob,
)

OK = {"instance_status_check": "ok", "ec2_system_status_check": "ok"}


@dataclass(frozen=True)
class Averages:
    avg_cpu_utilization: float | None
    avg_memory_utilization: float | None


@dataclass
class RecordedClient:
    """Answers of an ``AwsEc2Client`` as they were recorded, for what AWS cannot be made to say.

    Args:
        state: of every instance that ``states`` does not name.
        states: of instances, by their ids; an exception is raised.
        averages: of every instance; an exception is raised.
        delay: seconds that a question takes.
    """

    state: str = "running"
    states: dict = field(default_factory=dict)
    averages: object = Averages(12.5, 40.0)
    delay: float = 0.0
    asked: list = field(default_factory=list)
    threads: set = field(default_factory=set)
    running: int = 0
    most: int = 0
    lock: object = field(default_factory=threading.Lock)

    def get_instance_status_checks(self, aws_region, instance_id):
        self.asked.append(("status", aws_region, instance_id))
        self.threads.add(threading.current_thread())
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        time.sleep(self.delay)
        with self.lock:
            self.running -= 1
        state = self.states.get(instance_id, self.state)
        if isinstance(state, Exception):
            raise state
        return {"instance_state": state, **OK}

    def get_instance_resources_utilization(self, aws_region, instance_id, relative_start_time=None):
        self.asked.append(("metrics", aws_region, instance_id, relative_start_time))
        self.threads.add(threading.current_thread())
        if isinstance(self.averages, Exception):
            raise self.averages
        return self.averages

    def polls_of(self, instance_id):
        return [one for one in self.asked if one[0] == "status" and one[2] == instance_id]


class RecordedFleetClient(RecordedClient):
    """Answers about many instances as well; ``down`` is raised instead of any answer of EC2."""

    down = None

    def get_status_checks_of_instances(self, aws_region, instance_ids):
        self.asked.append(("all status", aws_region, tuple(instance_ids)))
        time.sleep(self.delay)
        if self.down is not None:
            raise self.down
        states = {id_: self.states.get(id_, self.state) for id_ in instance_ids}
        return {
            id_: state if isinstance(state, Exception) else {"instance_state": state, **OK}
            for id_, state in states.items()
        }

    def get_resources_utilization_of_instances(
        self, aws_region, instance_ids, relative_start_time=None
    ):
        self.asked.append(("all metrics", aws_region, tuple(instance_ids), relative_start_time))
        return dict.fromkeys(instance_ids, self.averages)


def a_worker(worker_id="w1", region="eu-west-1", **more):
    """A worker whose instance is called ``i-`` and its id."""
    return CMLWorker.create(
        f"name of {worker_id}",
        region,
        **{"aws_instance_id": f"i-{worker_id}", "worker_id": worker_id, **more},
    )


async def repository_of(*workers):
    repository = InMemoryCMLWorkerRepository()
    for worker in workers:
        await repository.add_async(worker)
    return repository


def monitoring(repository, client, *observers, poll_interval=0.05, job_store=None):
    """A monitoring scheduler as the seed prints it, with what it is made of."""
    bus = BackgroundTasksBus()
    return WorkerMonitoringScheduler(
        worker_repository=repository,
        aws_client=client,
        notification_handler=(lambda data: [one(data) for one in observers]),
        background_task_bus=bus,
        background_task_scheduler=BackgroundTaskScheduler(bus, job_store=job_store),
        poll_interval=poll_interval,
    )


async def until(condition):
    """Let the loop go on until this holds."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.005)


@backgroundjob(task_type="recurrent")
class Recurring(RecurrentBackgroundJob):
    """Counts its runs in the list that it is registered with."""

    def configure(self, service_provider=None, **kwargs):
        self.runs = kwargs["runs"]

    async def run_every(self, *args, **kwargs):
        self.runs.append(self)

    @staticmethod
    def task(interval):
        return RecurrentTaskDescriptor(id="t", name="Recurring", interval=interval)


def kept_over_a_restart(job_store):
    """Whether a task that was scheduled once is there after a restart, with its time."""

    async def life(schedule):
        bus, runs = BackgroundTasksBus(), []
        tasks = BackgroundTaskScheduler(bus, job_store=job_store)
        tasks.register_task_type(Recurring, runs=runs)
        await tasks.start_async()
        if schedule:
            bus.schedule_task(Recurring.task(interval=3600))
            await until(lambda: runs)
        await asyncio.sleep(0.1)
        found = tasks.list_tasks()
        await tasks.stop_async()
        return found, len(runs)

    assert asyncio.run(life(schedule=True)) == ([Recurring.task(3600)], 1)
    found, runs = asyncio.run(life(schedule=False))
    assert runs == 0
    return found == [Recurring.task(3600)]
