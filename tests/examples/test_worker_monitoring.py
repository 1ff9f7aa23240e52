"""The application with worker monitoring does what its README says, command by command."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import services
from tests.aws.proxy import Aws

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "worker_monitoring"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = [
    line
    for block in BLOCK.findall((EXAMPLE / "README.md").read_text())
    for line in block.splitlines()
]
INSTANCE = "i-0123456789abcdef0"
REGION = "eu-west-1"


class Shell:
    """A shell in a folder with the examples, in which commands are typed one by one."""

    def __init__(self, folder, environment):
        (folder / "examples").symlink_to(ROOT / "examples")
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._bash = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env={**os.environ, **environment, "PATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, command):
        """What a command prints; it has to succeed."""
        self._bash.stdin.write(f'{command}\necho "=$?="\n')
        self._bash.stdin.flush()
        lines = []
        for line in self._bash.stdout:
            text, end, code = line.partition("=")
            lines.append(text)
            if end and re.fullmatch(r"\d+=\n", code):
                assert code == "0=\n", (command, lines)
                return "".join(lines)
            lines.append(end + code)
        raise AssertionError(lines)

    def close(self):
        os.killpg(self._bash.pid, signal.SIGKILL)
        self._bash.stdin.close()
        self._bash.stdout.close()
        self._bash.wait()


@pytest.fixture
def aws():
    aws = Aws()
    yield aws
    aws.close()


def an_instance_at(aws, cpu, memory):
    """The id of a running instance that has used so much in the last half an hour."""
    import boto3

    session = boto3.Session("testing", "testing", region_name=REGION)
    ec2 = session.client("ec2", endpoint_url=aws.url)
    image = ec2.describe_images()["Images"][0]["ImageId"]
    instance = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]
    times = [time.time() - minutes * 60 for minutes in range(1, 30)]
    of_it = {"InstanceId": instance["InstanceId"]}
    for namespace, metric, value in (
        ("AWS/EC2", "CPUUtilization", cpu),
        ("CWAgent", "mem_used_percent", memory),
    ):
        aws.cloudwatch.seed(REGION, namespace, metric, of_it, [(at, value) for at in times])
    return instance["InstanceId"]


def wait_for(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_the_commands_of_the_readme_monitor_an_instance(aws, receiver, tmp_path):
    port, instance = str(services.free_port()), an_instance_at(aws, cpu=95.25, memory=40.0)
    webhooks = {"WORKER_NOTIFICATION_WEBHOOKS": f"{receiver.url}/hook"}
    shell = Shell(tmp_path, {**aws.environment(), **webhooks})
    answers = []
    try:
        for command in COMMANDS:
            told = shell.run(command.replace("8000", port).replace(INSTANCE, instance))
            if command.startswith("curl"):
                answers.append(json.loads(told))
                wait_for(lambda: receiver.requests)  # it is asked about at once
    finally:
        shell.close()
    imported, (known,) = answers
    assert (imported["status"], imported["cpu_utilization"]) == ("unknown", None)
    assert (known["status"], known["cpu_utilization"]) == ("running", 95.25)
    assert known["memory_utilization"] == 40.0
    assert known["instance_status_check"] == known["ec2_system_status_check"] == "ok"
    assert known["last_activity_at"] == known["last_transition_at"]
    assert json.loads(receiver.bodies[0]) == {
        "text": "lab-1: CPU at 95.2% exceeds 90.0%",
        "worker_id": known["id"],
        "worker_name": "lab-1",
        "metric_type": "cpu",
        "value": 95.25,
        "threshold": 90.0,
    }
    log = (tmp_path / "logs" / "app.log").read_text()
    assert f"Collected metrics for worker {known['id']}: CPU=95.2%, Memory=40.0%" in log
    assert f"HIGH CPU: Worker {known['id']} - 95.2% (threshold: 90%)" in log
    assert "Threshold Violation: lab-1 - CPU at 95.2% exceeds 90.0%" in log
    assert "Traceback" not in log


def run_python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(EXAMPLE), **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_import_paths_of_the_seed_are_there():
    done = run_python(
        "from application.services import WorkerMetricsCollectionJob\n"
        "from application.services import WorkerMonitoringScheduler\n"
        "from application.services import WorkerNotificationHandler\n"
        "from application.settings import Settings\n"
        "print(WorkerMetricsCollectionJob.task_type, Settings().worker_metrics_poll_interval)"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "recurrent 300\n", "")


LIFE = """
import asyncio, main

async def live():
    async with main.app.router.lifespan_context(main.app):
        print("alive")

asyncio.run(live())
"""


@pytest.mark.parametrize(("enabled", "count"), [("true", 1), ("false", 0)])
def test_monitoring_begins_with_the_application_unless_it_is_disabled(enabled, count):
    done = run_python(LIFE, WORKER_MONITORING_ENABLED=enabled, BACKGROUND_JOB_STORE="{}")
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr
    assert done.stderr.count("Starting worker monitoring") == count
    assert done.stderr.count("Stopped worker monitoring") == count


INTERVAL = """
import asyncio, main
from wca.workers import BackgroundTaskScheduler, CMLWorker

async def live():
    services = main.app.state.services
    async with main.app.router.lifespan_context(main.app):
        await main.workers().add_async(CMLWorker.create("no instance yet", "eu-west-1"))
        tasks = services.get_required_service(BackgroundTaskScheduler).list_tasks()
        print([task.interval for task in tasks])

asyncio.run(live())
"""


@pytest.mark.parametrize("seconds", [300, 600])
def test_the_interval_of_the_environment_is_that_of_the_polls(seconds):
    given = {"WORKER_METRICS_POLL_INTERVAL": str(seconds)}
    done = run_python(INTERVAL, BACKGROUND_JOB_STORE="{}", **given)
    assert (done.returncode, done.stdout) == (0, f"[{seconds}]\n"), done.stderr
    assert f"Starting worker monitoring, every {seconds} seconds" in done.stderr


def test_a_setting_that_cannot_be_used_gets_a_sentence():
    done = run_python("import main", WORKER_METRICS_POLL_INTERVAL="soon")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "WORKER_METRICS_POLL_INTERVAL='soon': write a whole number\n"
