"""A whole agent as a process of its own: workers by their tags from EC2, CPU from CloudWatch."""

import json
import signal
import time
import urllib.request

import boto3
import pytest

from tests.main.agent import Agent, run, wait_until, write_config
from tests.services import free_port

CONFIG = """
runner: !WorkerMonitoringRunner
  interval: 1s
  jitter: 0
  refresh_interval: 1s
  workers: !Ec2TagWorkers
    regions: [eu-west-1]
    tags: {{role: worker}}
    cloud: &aws !AwsCloud {{settle: 0}}
  cloud: *aws
  metrics:
  - {{name: cpu, namespace: AWS/EC2, metric: CPUUtilization}}
  rules:
  - !ThresholdRule {{metric: cpu, above: 90, clear_below: 80}}
  - !StateChangeRule {{from: running, to: [stopped, terminated]}}
  notifiers:
  - !WebhookNotifier {{url: "{hook}"}}
  schedule: !ApsSchedule
    store: !SqliteJobStore {{path: "{folder}/jobs.sqlite"}}
  store: !SqliteWorkerStore {{path: "{folder}/workers.sqlite"}}
  history: !SqliteHistory {{path: "{folder}/history.sqlite"}}
  http: !HttpServer {{address: "127.0.0.1:{port}"}}
"""


@pytest.fixture
def site(aws, run_instances, receiver, tmp_path):
    (instance,) = run_instances(role="worker", Name="one")
    use_cpu(aws, instance, 95.0)
    port = free_port()
    text = CONFIG.format(hook=receiver.url + "/hook", folder=tmp_path, port=port)
    return instance, write_config(tmp_path, text), f"http://127.0.0.1:{port}"


def use_cpu(aws, instance, percent):
    """As EC2 writes it: whole periods of five minutes."""
    begin = time.time() // 300 * 300
    points = [(begin - 300 * back, percent) for back in range(3)]
    dimensions = {"InstanceId": instance}
    aws.cloudwatch.seed("eu-west-1", "AWS/EC2", "CPUUtilization", dimensions, points)


def told(receiver):
    """What the web service was told, as type and worker."""
    events = [json.loads(one.content) for one in receiver.requests]
    return [(event["type"], event["subject"]) for event in events]


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
    with Agent("-c", config):
        wait_until(lambda: len(told(receiver)) >= 3, "the end of the worker", 20)
    assert [kind.split(".")[3] for kind, _ in told(receiver)].count("resolved") >= 1


def test_once_polls_every_shard_once_and_ends(site, aws):
    _, config, _ = site
    done = run("-c", config, "--once")
    assert done.returncode == 0, done.stderr
    calls = [request.action for request in aws.requests]
    assert calls.count("DescribeInstanceStatus") == 1
    assert "Starting worker monitoring" in done.stderr
    assert "Started monitoring worker" in done.stderr
    assert "$" in done.stderr  # what reading metrics will cost
