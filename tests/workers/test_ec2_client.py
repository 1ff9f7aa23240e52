"""The client of the first worker monitoring, built on the parts of AwsCloud."""

import boto3
import pytest

from tests.aws.proxy import BROKEN, DENIED, Fault
from tests.workers.clouds import NOW, cloud
from wca.workers import AwsEc2Client
from wca.workers.api import CloudError
from wca.workers.ec2_client import FIFTEEN_MIN_AGO, FIVE_MIN_AGO, ResourcesUtilization

REGION = "eu-west-1"
LAST = (NOW - 120) // 300 * 300 - 300


@pytest.fixture
def client(aws):
    with cloud() as aws_cloud:
        yield AwsEc2Client(aws_cloud, now=lambda: NOW)


def seed(aws, id_, namespace, metric, *points, **dimensions):
    at = [(LAST - ago, value) for ago, value in points]
    aws.cloudwatch.seed(REGION, namespace, metric, {"InstanceId": id_, **dimensions}, at)


def test_status_checks_have_the_documented_keys(aws, client, run_instances):
    (id_,) = run_instances()
    aws.ec2.checks[id_] = {"system": "impaired", "instance": "ok"}
    assert client.get_instance_status_checks(aws_region=REGION, instance_id=id_) == {
        "instance_state": "running",
        "instance_status_check": "ok",
        "ec2_system_status_check": "impaired",
        "monitoring_state": "disabled",
    }


def test_a_stopped_instance_is_told(client, run_instances):
    (id_,) = run_instances()
    boto3.client("ec2").stop_instances(InstanceIds=[id_])
    assert client.get_instance_status_checks(REGION, id_)["instance_state"] == "stopped"


def test_an_instance_that_does_not_exist_is_an_error(client):
    with pytest.raises(CloudError, match="eu-west-1: no instance i-0123456789abcdef0") as caught:
        client.get_instance_status_checks(REGION, "i-0123456789abcdef0")
    assert caught.value.lasting


def test_what_is_no_id_is_an_error(client):
    with pytest.raises(CloudError, match="'worker-1' is not the id of an instance"):
        client.get_instance_status_checks(REGION, "worker-1")


def test_utilization_is_the_average_of_settled_points(aws, client):
    id_ = "i-00000000000000001"
    # EC2 measures every minute where detailed monitoring is enabled, else every five.
    minutes = [(0, 10.0), (-60, 30.0), (-240, 20.0)]
    seed(aws, id_, "AWS/EC2", "CPUUtilization", (-300, 99.0), *minutes, (300, 50.0), (600, 80.0))
    seed(
        aws,
        id_,
        "CWAgent",
        "mem_used_percent",
        (0, 10.0),
        (-60, 20.0),
        (-240, 60.0),
        AutoScalingGroupName="a",
    )
    assert client.get_instance_resources_utilization(
        aws_region=REGION, instance_id=id_, relative_start_time=FIVE_MIN_AGO
    ) == ResourcesUtilization(20.0, 30.0)
    longer = client.get_instance_resources_utilization(REGION, id_, FIFTEEN_MIN_AGO)
    assert longer.avg_cpu_utilization == pytest.approx(50.0)


def test_zero_is_a_value_and_no_data_is_none(aws, client):
    id_ = "i-00000000000000001"
    seed(aws, id_, "AWS/EC2", "CPUUtilization", (0, 0.0))
    found = client.get_instance_resources_utilization(REGION, id_)
    assert found.avg_cpu_utilization == 0.0
    assert found.avg_memory_utilization is None


@pytest.mark.parametrize("fault", [BROKEN, Fault(400, "ThrottlingException")])
def test_what_could_not_be_asked_is_an_error_and_not_none(aws, client, fault):
    aws.down = fault
    with pytest.raises(CloudError, match="eu-west-1, GetMetricData"):
        client.get_instance_resources_utilization(REGION, "i-00000000000000001")


def test_what_cloudwatch_could_not_tell_is_an_error_and_not_none(aws, client):
    aws.cloudwatch.broken.add("CPUUtilization")
    with pytest.raises(CloudError, match="CloudWatch could not tell CPUUtilization"):
        client.get_instance_resources_utilization(REGION, "i-00000000000000001")


def test_the_two_questions_show_what_access_is_missing(aws, client, run_instances):
    (id_,) = run_instances()
    aws.down = DENIED
    with pytest.raises(CloudError, match="allow ec2:DescribeInstanceStatus to"):
        client.get_instance_status_checks(aws_region=REGION, instance_id=id_)
    with pytest.raises(CloudError, match="allow cloudwatch:GetMetricData to"):
        client.get_instance_resources_utilization(
            aws_region=REGION, instance_id=id_, relative_start_time=FIVE_MIN_AGO
        )
    aws.down = None
    assert client.get_instance_status_checks(REGION, id_)["instance_state"] == "running"
    assert client.get_instance_resources_utilization(REGION, id_) == ResourcesUtilization(
        None, None
    )


def test_many_instances_are_asked_about_at_once(aws, client, run_instances):
    ids = [*run_instances(3), "i-0123456789abcdef0", "worker-1"]
    seed(aws, ids[0], "AWS/EC2", "CPUUtilization", (0, 20.0))
    aws.attempts.clear()
    found = client.get_status_checks_of_instances(REGION, ids)
    assert [found[id_]["instance_state"] for id_ in ids[:3]] == ["running"] * 3
    assert str(found[ids[3]]) == f"{REGION}: no instance {ids[3]}"
    assert str(found[ids[4]]) == f"{REGION}: 'worker-1' is not the id of an instance"
    used = client.get_resources_utilization_of_instances(REGION, ids[:2])
    assert used == {
        ids[0]: ResourcesUtilization(20.0, None),
        ids[1]: ResourcesUtilization(None, None),
    }
    # The second one is for those that are left when EC2 has named the unknown one.
    assert aws.attempts == {"DescribeInstanceStatus": 2, "GetMetricData": 1, "ListMetrics": 1}
