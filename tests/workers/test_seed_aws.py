"""The job with ``AwsEc2Client`` against moto: what EC2 says becomes the state of the worker."""

import asyncio

import boto3

from tests.workers.clouds import cloud
from tests.workers.seed_parts import monitoring, repository_of, until
from wca.workers import (
    AwsEc2Client,
    CMLWorker,
    CMLWorkerStatus,
    ServiceCollection,
    WorkerMetricsCollectionJob,
)
from wca.workers.cml.repository import CMLWorkerRepository

REGION = "eu-west-1"


class Fleet:
    """One worker of an instance, and polls of it."""

    def __init__(self, client, instance_id):
        worker = CMLWorker.import_instance("one", REGION, instance_id, worker_id="w1")
        self.told, self.errors = [], []
        self.repository = asyncio.run(repository_of(worker))
        self.services = ServiceCollection()
        self.services.add_singleton(AwsEc2Client, client)
        self.services.add_singleton(CMLWorkerRepository, self.repository)

    def poll(self):
        """The status of the worker after a poll."""

        async def run():
            job = WorkerMetricsCollectionJob(worker_id="w1")
            job.configure(service_provider=self.services)
            job.subscribe(self.told.append)
            await job.run_every()
            return (await self.repository.get_by_id_async("w1")).state.status

        return asyncio.run(run())


def test_a_worker_follows_its_instance_to_the_end(aws, run_instances):
    (id_,) = run_instances()
    with cloud() as aws_cloud:
        fleet = Fleet(AwsEc2Client(aws_cloud), id_)
        assert fleet.poll() is CMLWorkerStatus.RUNNING
        boto3.client("ec2").stop_instances(InstanceIds=[id_])
        assert fleet.poll() is CMLWorkerStatus.STOPPED
        boto3.client("ec2").terminate_instances(InstanceIds=[id_])
        assert fleet.poll() is CMLWorkerStatus.TERMINATED
    assert [one["status"] for one in fleet.told] == ["running", "stopped", "terminated"]
    # EC2 has measured nothing in its five minutes, which is not 0 %.
    assert fleet.told[0]["metrics"] == {"cpu_utilization": None, "memory_utilization": None}


def test_an_instance_that_ec2_has_forgotten_has_ended(aws, run_instances):
    (id_,) = run_instances()
    with cloud() as aws_cloud:
        fleet = Fleet(AwsEc2Client(aws_cloud), id_)
        assert fleet.poll() is CMLWorkerStatus.RUNNING
        aws.forward("POST", "/moto-api/reset", {}, b"")
        assert fleet.poll() is CMLWorkerStatus.TERMINATED


def test_checks_that_fail_are_kept_and_told(aws, run_instances):
    (id_,) = run_instances()
    aws.ec2.checks[id_] = {"system": "impaired", "instance": "ok"}
    with cloud() as aws_cloud:
        fleet = Fleet(AwsEc2Client(aws_cloud), id_)
        fleet.poll()
    assert fleet.told[0]["status_checks"]["ec2_system_status_check"] == "impaired"
    state = asyncio.run(fleet.repository.get_by_id_async("w1")).state
    assert (state.ec2_system_status_check, state.instance_status_check) == ("impaired", "ok")


def test_ec2_and_cloudwatch_are_asked_again_at_each_interval(aws, run_instances):
    (id_,) = run_instances()
    told = []

    async def run(client):
        worker = CMLWorker.import_instance("one", REGION, id_, worker_id="w1")
        scheduler = monitoring(await repository_of(worker), client, told.append, poll_interval=0.1)
        await scheduler.start_async()
        await until(lambda: len(told) == 1)
        await asyncio.to_thread(boto3.client("ec2").stop_instances, InstanceIds=[id_])
        await until(lambda: told[-1]["status"] == "stopped")
        await asyncio.to_thread(boto3.client("ec2").start_instances, InstanceIds=[id_])
        await until(lambda: told[-1]["status"] == "running")
        await scheduler.stop_async()

    with cloud() as aws_cloud:
        asyncio.run(run(AwsEc2Client(aws_cloud)))
    assert aws.attempts["DescribeInstanceStatus"] == len(told) >= 3
    running = [one for one in told if one["status"] == "running"]
    assert aws.attempts["GetMetricData"] == len(running) >= 2
