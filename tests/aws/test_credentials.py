"""Where the agent's right to publish comes from: variables, files of AWS, the role of a task."""

import json
import re

import pytest

from tests.aws.test_cloudwatch_agent import agent, ended
from tests.http_receiver import Receiver, Reply

ONCE = ("--sample-interval", "0.1", "--scope", "host", "--iterations", "3")


def signed_by(aws):
    """Key and region that the requests were signed with."""
    found = {
        re.search(r"Credential=([^/]+)/\d+/([^/]+)/monitoring/", one.headers["Authorization"])
        for one in aws.requests
    }
    return {match.groups() for match in found}


def without_keys(aws, **more):
    environment = aws.environment()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        del environment[name]
    return {**environment, **more}


def test_of_variables(aws):
    assert ended(agent(*ONCE, environment=aws.environment())) == (0, "", "")
    assert signed_by(aws) == {("testing", "eu-west-1")}


def test_the_region_of_the_command_line_comes_first(aws):
    options = ("--region", "us-east-2", "--endpoint-url", aws.url)
    environment = {k: v for k, v in aws.environment().items() if k != "AWS_ENDPOINT_URL"}
    assert ended(agent(*ONCE, *options, environment=environment)) == (0, "", "")
    assert signed_by(aws) == {("testing", "us-east-2")}


@pytest.mark.parametrize("profile", ["default", "other"])
def test_of_the_files_of_aws(aws, tmp_path, profile):
    credentials, config = tmp_path / "credentials", tmp_path / "config"
    credentials.write_text(
        "[default]\naws_access_key_id = DEFAULT\naws_secret_access_key = x\n"
        "[other]\naws_access_key_id = OTHER\naws_secret_access_key = x\n"
    )
    config.write_text("[default]\nregion = eu-north-1\n[profile other]\nregion = sa-east-1\n")
    files = {"AWS_SHARED_CREDENTIALS_FILE": str(credentials), "AWS_CONFIG_FILE": str(config)}
    environment = without_keys(aws, AWS_PROFILE=profile, **files)
    assert ended(agent(*ONCE, environment=environment)) == (0, "", "")
    expected = {"default": ("DEFAULT", "eu-north-1"), "other": ("OTHER", "sa-east-1")}
    assert signed_by(aws) == {expected[profile]}


def test_of_the_role_of_a_task(aws):
    """The answer is that of the container credentials provider of the AWS SDKs' reference guide."""
    role = {
        "AccessKeyId": "ROLE",
        "SecretAccessKey": "x",
        "Token": "the-token",
        "Expiration": "2099-01-01T00:00:00Z",
    }
    with Receiver() as receiver:
        receiver.reply(Reply(body=json.dumps(role).encode()))
        url = f"{receiver.url}/v2/credentials/task"
        environment = without_keys(
            aws, AWS_CONTAINER_CREDENTIALS_FULL_URI=url, AWS_REGION="eu-west-3"
        )
        environment["AWS_DEFAULT_REGION"] = "eu-west-3"
        assert ended(agent(*ONCE, environment=environment)) == (0, "", "")
    assert signed_by(aws) == {("ROLE", "eu-west-3")}
    assert {one.headers["X-Amz-Security-Token"] for one in aws.requests} == {"the-token"}


def test_of_a_role_whose_credentials_have_expired_only_errors_are_told(aws):
    role = {
        "AccessKeyId": "ROLE",
        "SecretAccessKey": "x",
        "Token": "the-token",
        "Expiration": "2020-01-01T00:00:00Z",
    }
    with Receiver() as receiver:
        receiver.reply(Reply(body=json.dumps(role).encode()))
        url = f"{receiver.url}/v2/credentials/task"
        environment = without_keys(
            aws, AWS_CONTAINER_CREDENTIALS_FULL_URI=url, AWS_DEFAULT_REGION="eu-west-3"
        )
        options = (*ONCE, "--shutdown-timeout", "2")
        code, out, errors = ended(agent(*options, environment=environment))
    assert (code, out) == (1, "")
    assert "Traceback" not in errors
    assert [one for one in errors.splitlines() if " ERROR " not in one] == []
    assert "refreshed credentials are still expired" in errors
    assert "data points were not published and are lost" in errors


def test_a_profile_that_is_not_there_gets_a_sentence(aws):
    code, out, errors = ended(
        agent(*ONCE, environment={**aws.environment(), "AWS_PROFILE": "nobody"})
    )
    assert (code, out) == (1, "")
    assert len(errors.splitlines()) == 1
    assert "AWS cannot be used: The config profile (nobody) could not be found" in errors
