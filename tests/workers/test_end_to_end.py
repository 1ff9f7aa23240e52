"""A whole agent as a process of its own: workers by their tags from EC2, CPU from CloudWatch."""

import json
import signal
import urllib.request

import boto3

from tests.main.agent import Agent, run, wait_until

STOPPED = "running to stopped/terminated"


def events(receiver):
    return [json.loads(one.content) for one in receiver.requests]


def told(receiver):
    """What the web service was told, as type and worker."""
    return [(event["type"], event["subject"]) for event in events(receiver)]


def polls(url):
    try:
        with urllib.request.urlopen(f"{url}/api/workers", timeout=5) as answer:
            return json.loads(answer.read())["workers"]
    except OSError:
        return []


def test_an_alert_is_told_once_over_restarts_and_kills(site, receiver):
    instance, config, url = site
    with Agent("-c", config) as agent:
        wait_until(lambda: told(receiver), "the alert", 20)
        (row,) = polls(url)
        assert (row["name"], row["state"]) == ("one", "running")
        assert row["readings"]["cpu"]["value"] == 95.0
        assert agent.end() < 8
        assert agent.process.returncode == 0, agent.err
    assert told(receiver) == [("wca.worker.alert.firing.v1", instance)]
    for end in (signal.SIGKILL, signal.SIGINT):
        with Agent("-c", config) as agent:
            wait_until(lambda: polls(url), "a poll", 20)
            agent.end(end)
            assert agent.process.returncode == (0 if end is signal.SIGINT else -end), agent.err
    assert told(receiver) == [("wca.worker.alert.firing.v1", instance)]
    boto3.client("ec2", region_name="eu-west-1").terminate_instances(InstanceIds=[instance])
    with Agent("-c", config) as agent:
        wait_until(lambda: len(told(receiver)) >= 3, "the end of the worker", 20)
        agent.end()
        assert agent.process.returncode == 0, agent.err
    rules = [(event["data"]["rule"], event["data"]["state"]) for event in events(receiver)]
    assert rules == [
        ("cpu above 90", "firing"),
        ("cpu above 90", "resolved"),
        (STOPPED, "firing"),  # for an hour
    ]
    assert len({event["id"] for event in events(receiver)}) == 3


def test_once_polls_every_shard_once_and_ends(site, aws):
    _, config, _ = site
    done = run("-c", config, "--once")
    assert done.returncode == 0, done.stderr
    calls = [request.action for request in aws.requests]
    assert calls.count("DescribeInstanceStatus") == 1
    assert "Starting worker monitoring" in done.stderr
    assert "Started monitoring worker" in done.stderr
    assert "$" in done.stderr  # what reading metrics will cost
