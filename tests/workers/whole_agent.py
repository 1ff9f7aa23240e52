"""A whole agent's configuration, with one instance that works hard."""

import time

import pytest

from tests.main.agent import write_config
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
  - {{name: memory, namespace: CWAgent, metric: mem_used_percent}}
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
    use(aws, instance, "AWS/EC2", "CPUUtilization", 95.0)
    use(aws, instance, "CWAgent", "mem_used_percent", 40.0)
    port = free_port()
    text = CONFIG.format(hook=receiver.url + "/hook", folder=tmp_path, port=port)
    return instance, write_config(tmp_path, text), f"http://127.0.0.1:{port}"


def use(aws, instance, namespace, metric, percent):
    """As EC2 writes it: whole periods of five minutes."""
    begin = time.time() // 300 * 300
    points = [(begin - 300 * back, percent) for back in range(3)]
    dimensions = {"InstanceId": instance}
    aws.cloudwatch.seed("eu-west-1", namespace, metric, dimensions, points)
