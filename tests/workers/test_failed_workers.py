"""Workers whose status checks fail, from EC2's answers to its own restart of them."""

import pytest

from wca.http import HttpServer
from wca.workers import (
    AutoRemediation,
    AwsCloud,
    StaticWorkers,
    StatusCheckRule,
    WorkerMonitoringRunner,
)

REGION = "eu-west-1"
ACTIONS = ("RebootInstances", "StopInstances", "StartInstances")


def acted_on(aws, ids, **options):
    """What EC2 was asked to do with which instance while they were watched for a while."""
    runner = WorkerMonitoringRunner(
        StaticWorkers([{"instance_id": id_, "region": REGION} for id_ in ids]),
        AwsCloud(attempts=1),
        interval=1.0,
        jitter=0.0,
        rules=[StatusCheckRule()],
        remediation=AutoRemediation(**options),
        http=HttpServer("127.0.0.1:0"),
    )
    runner.stop_after(3)
    assert runner.run() == 0
    return [
        (request.action, request.arguments["InstanceId.1"])
        for request in aws.requests
        if request.action in ACTIONS
    ]


@pytest.fixture
def failed(aws, run_instances):
    """Three instances: the guest of the first and the host of the second are impaired."""
    guest, host, well = run_instances(3)
    aws.ec2.checks[guest] = {"system": "ok", "instance": "impaired"}
    aws.ec2.checks[host] = {"system": "impaired", "instance": "ok"}
    return guest, host, well


def test_failed_workers_are_restarted_and_the_others_left_alone(aws, failed):
    guest, host, _ = failed
    acted = acted_on(aws, failed, dry_run=False)
    assert sorted(acted) == [
        ("RebootInstances", guest),
        ("StartInstances", host),
        ("StopInstances", host),
    ]
    assert acted[-1] == ("StartInstances", host)


def test_unless_it_is_said_that_they_are_to_be_restarted_they_are_not(aws, failed):
    assert acted_on(aws, failed) == []
