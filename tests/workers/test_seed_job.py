"""``WorkerMetricsCollectionJob``: the five steps for one worker, run alone."""

import asyncio
import logging
import threading
import time
from datetime import datetime, timedelta

import pytest

from tests.workers.seed_parts import Averages, RecordedClient, a_worker, repository_of
from wca.errors import StartError, ValidationError
from wca.workers import (
    CMLWorker,
    CMLWorkerRepository,
    CMLWorkerStatus,
    JobFinishedError,
    RecurrentBackgroundJob,
    ServiceCollection,
    WorkerMetricsCollectionJob,
    WorkerNotFoundError,
    WorkerTerminatedError,
    backgroundjob,
)
from wca.workers.ec2_client import FIVE_MIN_AGO, AwsEc2Client, NoSuchInstanceError

JOB_LOGGER = "wca.workers.cml.metrics_job"


class Run:
    """One run of a job for a worker, and what came of it."""

    def __init__(self, client, worker=None, observers=(), before=lambda repository: None):
        self.data = []
        self.saved = 0
        self.error = None
        asyncio.run(self._run(client, worker or a_worker(), observers, before))

    async def _run(self, client, worker, observers, before):
        repository = await repository_of(worker)
        save = repository.update_async

        async def counted(worker):
            self.saved += 1
            return await save(worker)

        repository.update_async = counted
        before(repository)
        job = WorkerMetricsCollectionJob(worker_id=worker.id)
        job.configure(aws_ec2_client=client, worker_repository=repository)
        for observer in observers:
            job.subscribe(observer)
        job.subscribe(self.data.append)
        try:
            await job.run_every()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is looked at
            self.error = error
        kept = await repository.get_by_id_async(worker.id)
        self.state = kept and kept.state


@pytest.fixture(autouse=True)
def info(caplog):
    caplog.set_level(logging.INFO, "wca.workers")


def test_a_run_asks_keeps_and_tells():
    client = RecordedClient(averages=Averages(12.5, 40.0))
    run = Run(client)
    assert client.asked == [
        ("status", "eu-west-1", "i-w1"),
        ("metrics", "eu-west-1", "i-w1", FIVE_MIN_AGO),
    ]
    assert run.state.status is CMLWorkerStatus.RUNNING
    assert (run.state.cpu_utilization, run.state.memory_utilization) == (12.5, 40.0)
    assert (run.state.instance_status_check, run.state.ec2_system_status_check) == ("ok", "ok")
    (data,) = run.data
    assert datetime.fromisoformat(data.pop("timestamp")).tzinfo
    assert data == {
        "worker_id": "w1",
        "worker_name": "name of w1",
        "status": "running",
        "status_checks": {
            "instance_state": "running",
            "instance_status_check": "ok",
            "ec2_system_status_check": "ok",
        },
        "instance_id": "i-w1",
        "region": "eu-west-1",
        "metrics": {"cpu_utilization": 12.5, "memory_utilization": 40.0},
    }


def test_the_line_of_the_seed_is_logged(caplog):
    Run(RecordedClient(averages=Averages(12.5, 40.0)))
    assert "📊 Collected metrics for worker w1: CPU=12.5%, Memory=40.0%" in caplog.messages


def test_zero_is_a_value_and_nothing_is_said_so(caplog):
    run = Run(RecordedClient(averages=Averages(0.0, None)))
    assert run.data[0]["metrics"] == {"cpu_utilization": 0.0, "memory_utilization": None}
    assert "📊 Collected metrics for worker w1: CPU=0.0%, Memory=no data" in caplog.messages


@pytest.mark.parametrize("state", ["pending", "stopping", "stopped", "shutting-down"])
def test_what_does_not_run_is_not_measured(state):
    client = RecordedClient(state=state)
    run = Run(client)
    assert [one[0] for one in client.asked] == ["status"]
    assert run.data[0]["metrics"] is None
    assert run.state.cpu_utilization is None


def test_a_worker_that_idles_is_not_active_and_one_that_works_is():
    idle = Run(RecordedClient(averages=Averages(0.4, 80.0)))
    busy = Run(RecordedClient(averages=Averages(60.0, 80.0)))
    assert idle.state.last_activity_at is None
    assert busy.state.last_activity_at == busy.state.last_transition_at


def test_times_say_when_a_worker_was_last_at_work_and_when_its_status_became_another():
    def polled(state, client):
        return Run(client, CMLWorker(state)).state

    idle, busy = (RecordedClient(averages=Averages(cpu, 40.0)) for cpu in (0.4, 60.0))
    begun = polled(a_worker().state, idle)
    works = polled(begun, busy)
    rests = polled(works, idle)
    stopped = polled(rests, RecordedClient(state="stopped"))
    assert begun.last_activity_at is None
    assert begun.last_transition_at < works.last_activity_at < stopped.last_transition_at
    assert works.last_activity_at == rests.last_activity_at == stopped.last_activity_at
    assert begun.last_transition_at == works.last_transition_at == rests.last_transition_at


def test_what_is_measured_is_stored_in_the_worker():
    worker = a_worker()
    worker.update_telemetry(None, None, active_labs_count=2)
    run = Run(RecordedClient(averages=Averages(60.0, 40.0)), worker)
    assert (run.state.cpu_utilization, run.state.memory_utilization) == (60.0, 40.0)
    assert run.state.active_labs_count == 2
    told = datetime.fromisoformat(run.data[0]["timestamp"])
    assert timedelta(0) <= told - run.state.last_activity_at < timedelta(minutes=1)


def test_a_worker_with_labs_is_active():
    worker = a_worker()
    worker.update_telemetry(None, None, active_labs_count=1)
    assert Run(RecordedClient(averages=Averages(0.4, 80.0)), worker).state.last_activity_at


def test_what_has_not_changed_is_not_saved():
    worker = a_worker()
    worker.update_status(CMLWorkerStatus.STOPPED)
    worker.update_status_checks("ok", "ok")
    run = Run(RecordedClient(state="stopped"), worker)
    assert run.saved == 0
    assert len(run.data) == 1


def test_a_worker_without_an_instance_is_not_asked_about():
    client = RecordedClient()
    run = Run(client, a_worker(aws_instance_id=""))
    assert (client.asked, run.data, run.error) == ([], [], None)


def test_a_missing_worker_ends_the_job_with_a_warning(caplog):
    async def run():
        job = WorkerMetricsCollectionJob(worker_id="w9")
        job.configure(aws_ec2_client=RecordedClient(), worker_repository=await repository_of())
        await job.run_every()

    with pytest.raises(WorkerNotFoundError, match="Worker not found - terminating job") as raised:
        asyncio.run(run())
    assert isinstance(raised.value, JobFinishedError)
    assert "Worker w9 not found - stopping job" in caplog.messages
    assert "❌" not in caplog.text


def test_a_terminated_worker_ends_the_job():
    worker, client = a_worker(), RecordedClient()
    worker.terminate()
    run = Run(client, worker)
    assert isinstance(run.error, WorkerTerminatedError)
    assert str(run.error) == "Worker terminated - stopping job"
    assert client.asked == []


def test_the_end_of_an_instance_is_told_to_observers():
    run = Run(RecordedClient(state="terminated"))
    assert run.state.status is CMLWorkerStatus.TERMINATED
    assert run.data[0]["status"] == "terminated"


def test_when_ec2_does_not_answer_the_error_is_logged_and_nothing_is_changed(caplog):
    run = Run(RecordedClient(states={"i-w1": OSError("throttled")}))
    assert isinstance(run.error, OSError)
    assert not isinstance(run.error, JobFinishedError)
    assert "Failed to get EC2 status: throttled" in caplog.messages
    assert "❌ Failed to collect metrics for worker w1: throttled" in caplog.messages
    assert (run.saved, run.data) == (0, [])


def test_an_instance_that_ec2_has_forgotten_has_ended(caplog):
    worker, gone = a_worker(), {"i-w1": NoSuchInstanceError("no instance i-w1", lasting=True)}
    worker.update_status(CMLWorkerStatus.STOPPED)
    run = Run(RecordedClient(states=gone), worker)
    assert run.state.status is CMLWorkerStatus.TERMINATED
    assert run.data[0]["status"] == "terminated"


def test_an_instance_that_ec2_does_not_know_yet_is_asked_about_again(caplog):
    gone = {"i-w1": NoSuchInstanceError("no instance i-w1", lasting=True)}
    run = Run(RecordedClient(states=gone))
    assert isinstance(run.error, NoSuchInstanceError)
    assert run.state.status is CMLWorkerStatus.PENDING
    assert "Failed to get EC2 status: no instance i-w1" in caplog.messages


def test_when_cloudwatch_does_not_answer_the_status_is_kept_and_told(caplog):
    run = Run(RecordedClient(averages=OSError("throttled")))
    assert run.error is None
    assert run.state.status is CMLWorkerStatus.RUNNING
    assert run.data[0]["metrics"] is None
    assert "Failed to get CloudWatch metrics of worker w1: throttled" in caplog.messages


def test_when_cloudwatch_does_not_answer_the_numbers_stay_as_they_were_known():
    worker = a_worker()
    worker.update_telemetry(12.5, 40.0)
    run = Run(RecordedClient(averages=OSError("throttled")), worker)
    assert (run.state.cpu_utilization, run.state.memory_utilization) == (12.5, 40.0)
    stopped = Run(RecordedClient(state="stopped"), worker)
    assert (stopped.state.cpu_utilization, stopped.state.memory_utilization) == (None, None)


def test_an_observer_that_fails_keeps_no_other_from_being_called(caplog):
    def fails(data):
        raise RuntimeError("no")

    run = Run(RecordedClient(), observers=[fails])
    assert len(run.data) == 1
    assert "An observer of worker w1 failed: no" in caplog.messages


def test_observers_are_called_on_the_loop_and_aws_on_other_threads():
    client, threads = RecordedClient(), []
    Run(client, observers=[lambda data: threads.append(threading.current_thread())])
    assert threads == [threading.main_thread()]
    assert threading.main_thread() not in client.threads


def test_the_loop_goes_on_while_aws_is_asked():
    async def run():
        job = WorkerMetricsCollectionJob(worker_id="w1")
        repository = await repository_of(a_worker())
        job.configure(aws_ec2_client=RecordedClient(delay=0.3), worker_repository=repository)
        turns = 0
        running = asyncio.ensure_future(job.run_every())
        while not running.done():
            await asyncio.sleep(0.01)
            turns += 1
        await running
        return turns

    assert asyncio.run(run()) > 5


def test_what_others_change_while_aws_is_asked_is_not_overwritten():
    class Ends(RecordedClient):
        def get_instance_status_checks(self, aws_region, instance_id):
            answer = super().get_instance_status_checks(aws_region, instance_id)
            asyncio.run_coroutine_threadsafe(self.end(), self.loop).result(10)
            return answer

        async def end(self):
            worker = await self.repository.get_by_id_async("w1")
            worker.terminate()
            await self.repository.update_async(worker)

    client = Ends()

    def before(repository):
        client.repository, client.loop = repository, asyncio.get_running_loop()

    run = Run(client, before=before)
    assert isinstance(run.error, WorkerTerminatedError)
    assert run.state.status is CMLWorkerStatus.TERMINATED


def test_an_observer_may_be_told_no_more():
    told = []
    job = WorkerMetricsCollectionJob(worker_id="w1")
    job.subscribe(told.append)
    job.unsubscribe(told.append)

    async def run():
        repository = await repository_of(a_worker())
        job.configure(aws_ec2_client=RecordedClient(), worker_repository=repository)
        await job.run_every()

    asyncio.run(run())
    assert told == []


def test_dependencies_come_from_a_container():
    async def run():
        repository, client = await repository_of(a_worker()), RecordedClient()
        services = ServiceCollection()
        services.add_singleton(AwsEc2Client, client)
        services.add_singleton(CMLWorkerRepository, repository)
        job = WorkerMetricsCollectionJob(worker_id="w1")
        job.configure(service_provider=services)
        await job.run_every()
        assert client.polls_of("i-w1")

    asyncio.run(run())


def test_a_job_without_dependencies_says_what_to_do():
    with pytest.raises(StartError, match=r"call configure\(service_provider=...\)"):
        asyncio.run(WorkerMetricsCollectionJob(worker_id="w1").run_every())


def test_a_container_without_a_service_names_it():
    with pytest.raises(StartError, match=r"no service CMLWorkerRepository: add it with"):
        ServiceCollection().get_required_service(CMLWorkerRepository)


# The decorator


def test_the_kind_of_a_job_is_in_its_class():
    assert WorkerMetricsCollectionJob.task_type == "recurrent"


def test_what_is_no_job_is_refused():
    with pytest.raises(ValidationError, match="no task type 'daily': write 'recurrent'"):
        backgroundjob(task_type="daily")
    with pytest.raises(ValidationError, match="int does not derive from RecurrentBackgroundJob"):
        backgroundjob(task_type="recurrent")(int)


def test_a_job_of_ones_own_needs_only_run_every():
    @backgroundjob(task_type="recurrent")
    class Cleaning(RecurrentBackgroundJob):
        async def run_every(self, *args, **kwargs):
            self.ran = time.monotonic()

    job = Cleaning()
    job.configure()
    asyncio.run(job.run_every())
    assert job.ran


# Spans


def test_a_run_is_a_span_with_the_attributes_of_the_seed(monkeypatch):
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    Run(RecordedClient(averages=Averages(12.5, None)))
    Run(RecordedClient(states={"i-w1": OSError("throttled")}))
    good, bad = kept.get_finished_spans()
    assert good.name == bad.name == "collect_worker_metrics"
    assert dict(good.attributes) == {
        "worker_id": "w1",
        "aws_instance_id": "i-w1",
        "aws_region": "eu-west-1",
        "ec2_instance_state": "running",
        "status_changed": True,
        "cpu_utilization": 12.5,
    }
    assert bad.status.status_code is trace.StatusCode.ERROR
