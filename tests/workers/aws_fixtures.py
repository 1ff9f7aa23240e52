"""One AWS for all tests of this folder."""

import boto3
import botocore.loaders
import botocore.session
import pytest

from tests.aws.proxy import Aws


@pytest.fixture(scope="session")
def running_aws():
    aws = Aws()
    yield aws
    aws.close()


@pytest.fixture(scope="session")
def read_once():
    """AWS' descriptions of its services, read once for all tests and not by each session."""
    descriptions = botocore.loaders.create_loader()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", lambda *_: descriptions)
        yield


@pytest.fixture
def aws(running_aws, read_once, monkeypatch):
    running_aws.reset()
    for name, value in running_aws.environment().items():
        monkeypatch.setenv(name, value)
    return running_aws


@pytest.fixture
def run_instances(aws):
    """Make instances that run, in a region; their ids."""

    def run(count=1, region="eu-west-1", credentials=None, **tags):
        client = boto3.client("ec2", region_name=region, **(credentials or {}))
        made = client.run_instances(
            ImageId="ami-12345678",
            MinCount=count,
            MaxCount=count,
            TagSpecifications=[
                {
                    "ResourceType": "instance",
                    "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
                }
            ]
            if tags
            else [],
        )
        client.close()
        return [instance["InstanceId"] for instance in made["Instances"]]

    return run
