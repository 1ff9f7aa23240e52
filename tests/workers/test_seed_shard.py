"""``ShardMetricsCollectionJob``: AWS is asked about all workers of a shard at once."""

import asyncio
import logging
from collections import Counter

import boto3
import pytest

from tests.aws.proxy import BROKEN
from tests.workers.clouds import NOW, cloud
from tests.workers.seed_parts import (
    Averages,
    RecordedFleetClient,
    a_worker,
    repository_of,
)
from wca.workers import AwsEc2Client, CMLWorker, CMLWorkerStatus, WorkerMetricsCollectionJob
from wca.workers.cml.shard_job import ShardMetricsCollectionJob
from wca.workers.ec2_client import FIVE_MIN_AGO, NoSuchInstanceError

REGION = "eu-west-1"
#: In the newest period of five minutes that has settled.
LAST = (NOW - 120) // 300 * 300 - 300
UNKNOWN = "i-0123456789abcdef0"


class Shard:
    """Workers of one shard, and runs of its job."""

    def __init__(self, client, *workers, more_ids=()):
        self.client = client
        self.ids = [*(worker.id for worker in workers), *more_ids]
        self.repository = asyncio.run(repository_of(*workers))
        self.told, self.ended = [], []

    def run(self):
        asyncio.run(self.running())

    async def running(self):
        job = ShardMetricsCollectionJob("", REGION, self.ids)
        job.configure(
            aws_ec2_client=self.client,
            worker_repository=self.repository,
            observers=[self.told.append],
            ended=self.ended.append,
        )
        await job.run_every()

    def state(self, worker_id):
        return asyncio.run(self.repository.get_by_id_async(worker_id)).state

    def statuses(self):
        return Counter(self.state(worker_id).status for worker_id in self.ids)


def imported(*instance_ids):
    return [CMLWorker.import_instance(id_, REGION, id_, worker_id=id_) for id_ in instance_ids]


def seed(aws, instance_id, cpu, memory):
    of_it = {"InstanceId": instance_id}
    aws.cloudwatch.seed(REGION, "AWS/EC2", "CPUUtilization", of_it, [(LAST, cpu)])
    aws.cloudwatch.seed(REGION, "CWAgent", "mem_used_percent", of_it, [(LAST, memory)])


@pytest.fixture
def client(aws):
    with cloud() as aws_cloud:
        yield AwsEc2Client(aws_cloud, now=lambda: NOW)


@pytest.fixture(autouse=True)
def info(caplog):
    caplog.set_level(logging.INFO, "wca.workers")


# Against moto


def test_two_hundred_workers_cost_two_calls_for_states_and_one_for_each_metric(
    aws, client, run_instances
):
    ids = run_instances(200)
    for number, id_ in enumerate(ids):
        seed(aws, id_, number / 4, 40.0)
    shard = Shard(client, *imported(*ids))
    aws.attempts.clear()
    shard.run()
    assert aws.attempts == {"DescribeInstanceStatus": 2, "GetMetricData": 2, "ListMetrics": 1}
    assert shard.statuses() == {CMLWorkerStatus.RUNNING: 200}
    found = {one["worker_id"]: one["metrics"] for one in shard.told}
    assert found == {
        id_: {"cpu_utilization": number / 4, "memory_utilization": 40.0}
        for number, id_ in enumerate(ids)
    }
    shard.run()
    assert aws.attempts == {"DescribeInstanceStatus": 4, "GetMetricData": 4, "ListMetrics": 1}
    assert aws.refused == []


def test_only_what_runs_is_measured(aws, client, run_instances):
    ids = run_instances(3)
    boto3.client("ec2").stop_instances(InstanceIds=ids[:2])
    shard = Shard(client, *imported(*ids))
    shard.run()
    assert shard.statuses() == {CMLWorkerStatus.STOPPED: 2, CMLWorkerStatus.RUNNING: 1}
    asked = [
        dimension["Value"]
        for request in aws.requests
        for query in request.arguments.get("MetricDataQueries", ())
        for dimension in query["MetricStat"]["Metric"]["Dimensions"]
    ]
    assert asked == [ids[2]]


def test_a_job_run_alone_finds_what_the_shard_finds(aws, client, run_instances):
    (id_,) = run_instances()
    seed(aws, id_, 12.5, 40.0)
    aws.ec2.checks[id_] = {"system": "impaired", "instance": "ok"}
    shard, alone = Shard(client, *imported(id_)), Shard(client, *imported(id_))
    shard.run()

    async def run():
        job = WorkerMetricsCollectionJob(worker_id=id_)
        job.configure(aws_ec2_client=client, worker_repository=alone.repository)
        job.subscribe(alone.told.append)
        await job.run_every()

    asyncio.run(run())
    (one,), (other,) = shard.told, alone.told
    # Alone it is also asked how often EC2 measures, which costs a call for each.
    told = [each["status_checks"].pop("monitoring_state") for each in (one, other)]
    assert told == ["unknown", "disabled"]
    assert {**one, "timestamp": 0} == {**other, "timestamp": 0}


def test_an_instance_that_ec2_does_not_know_is_no_matter_of_the_others(
    aws, client, run_instances, caplog
):
    ids = run_instances(2)
    known = CMLWorker.import_instance("known", REGION, UNKNOWN, worker_id="known")
    known.update_status(CMLWorkerStatus.STOPPED)
    new = CMLWorker.import_instance("new", REGION, UNKNOWN[:-1] + "1", worker_id="new")
    shard = Shard(client, *imported(*ids), known, new)
    shard.run()
    assert [shard.state(id_).status for id_ in ids] == [CMLWorkerStatus.RUNNING] * 2
    assert shard.state("known").status is CMLWorkerStatus.TERMINATED
    assert shard.state("new").status is CMLWorkerStatus.UNKNOWN
    assert f"Failed to get EC2 status: {REGION}: no instance {UNKNOWN[:-1]}1" in caplog.messages
    assert {one["worker_id"] for one in shard.told} == {*ids, "known"}
    shard.run()
    assert shard.ended == ["known"]


def test_a_region_that_does_not_answer_changes_nothing_and_is_asked_again(
    aws, client, run_instances, caplog
):
    ids = run_instances(2)
    shard = Shard(client, *imported(*ids))
    aws.down = BROKEN
    shard.run()
    assert (shard.told, shard.ended) == ([], [])
    assert shard.statuses() == {CMLWorkerStatus.UNKNOWN: 2}
    for id_ in ids:
        assert f"❌ Failed to collect metrics for worker {id_}: {REGION}, " in caplog.text
    aws.down = None
    shard.run()
    assert shard.statuses() == {CMLWorkerStatus.RUNNING: 2}


# With recorded answers


def test_each_question_is_asked_once_for_all():
    client = RecordedFleetClient(states={"i-b": "stopped"})
    shard = Shard(client, a_worker("a"), a_worker("b"), a_worker("c"))
    shard.run()
    assert client.asked == [
        ("all status", REGION, ("i-a", "i-b", "i-c")),
        ("all metrics", REGION, ("i-a", "i-c"), FIVE_MIN_AGO),
    ]


def test_what_has_ended_or_has_no_instance_is_not_asked_about():
    ended, client = a_worker("ended"), RecordedFleetClient()
    ended.terminate()
    shard = Shard(client, ended, a_worker("none yet", aws_instance_id=""), more_ids=["missing"])
    shard.run()
    assert client.asked == []
    assert sorted(shard.ended) == ["ended", "missing"]


def test_one_that_has_moved_to_another_region_is_asked_about_alone():
    client = RecordedFleetClient()
    shard = Shard(client, a_worker("here"), a_worker("away", "us-east-1"))
    shard.run()
    assert client.asked[0] == ("all status", REGION, ("i-here",))
    assert client.asked[2] == ("status", "us-east-1", "i-away")
    assert shard.statuses() == {CMLWorkerStatus.RUNNING: 2}


def test_when_cloudwatch_does_not_answer_states_are_kept_and_numbers_stay(caplog):
    worker = a_worker("a")
    worker.update_telemetry(12.5, 40.0)
    shard = Shard(RecordedFleetClient(averages=OSError("throttled")), worker)
    shard.run()
    state = shard.state("a")
    assert (state.status, state.cpu_utilization) == (CMLWorkerStatus.RUNNING, 12.5)
    assert shard.told[0]["metrics"] is None
    assert "Failed to get CloudWatch metrics of worker a: throttled" in caplog.messages


def test_a_failure_of_one_is_that_of_no_other():
    client = RecordedFleetClient(states={"i-b": NoSuchInstanceError("no instance", lasting=True)})
    shard = Shard(client, a_worker("a"), a_worker("b"))
    shard.run()
    assert [one["worker_id"] for one in shard.told] == ["a"]


def test_the_error_of_a_whole_question_is_that_of_each_worker(caplog):
    client = RecordedFleetClient()
    client.down = OSError("throttled")
    shard = Shard(client, *(a_worker(f"w{number}") for number in range(3)))
    shard.run()
    assert caplog.messages.count("Failed to get EC2 status: throttled") == 3


def test_a_repository_that_fails_for_one_worker_does_so_for_no_other(caplog):
    shard = Shard(RecordedFleetClient(), a_worker("a"), a_worker("b"))
    load = shard.repository.get_by_id_async

    async def fails(worker_id):
        if worker_id == "b":
            raise OSError("the database is away")
        return await load(worker_id)

    shard.repository.get_by_id_async = fails
    shard.run()
    assert [one["worker_id"] for one in shard.told] == ["a"]
    assert "❌ Failed to collect metrics for worker b: the database is away" in caplog.messages


def test_the_loop_has_its_turns_while_a_large_shard_is_seen_to():
    workers = [a_worker(f"w{number}") for number in range(300)]
    shard = Shard(RecordedFleetClient(averages=Averages(1.0, 1.0)), *workers)

    async def run():
        running, turns = asyncio.ensure_future(shard.running()), 0
        while not running.done():
            await asyncio.sleep(0)
            turns += 1 if 0 < len(shard.told) < 300 else 0
        await running
        return turns

    assert asyncio.run(run()) > 10
    assert len(shard.told) == 300
