"""The configuration of the document "Extending WCA" runs as it is printed there."""

import re
import subprocess

import pytest

from tests.cgroup_fixtures import need_root
from tests.main.agent import command, environment, write_config
from tests.nodes.distant import DistantService
from tests.nodes.mesos_answers import state, task
from tests.services import program
from wca.components import load_registry
from wca.config import load_config
from wca.nodes import MesosNode
from wca.storage import LogStorage

#: As printed, with the indentation that the print has lost and another place for the output.
SEED = """
runner: !MeasurementRunner
  node: !MesosNode # subclass of Node
  metric_storage: !LogStorage # subclass of Storage
    output_filename: {output}
"""


@pytest.fixture
def config(tmp_path):
    return write_config(tmp_path, SEED.format(output=tmp_path / "logs.txt"))


def test_it_loads(config):
    runner = load_config(str(config), load_registry()).runner
    assert isinstance(runner.node, MesosNode)
    assert isinstance(runner.metrics_storage, LogStorage)


@pytest.fixture
def agent_of_this_machine(certificates):
    """A server at 127.0.0.1:5051, in a network namespace where the port is free."""
    need_root()
    unshare = program("unshare", package="util-linux")
    with DistantService(certificates, port=5051, prefix=[unshare, "--net"]) as service:
        inside = [program("nsenter", package="util-linux"), "-t", str(service.pid), "-n"]
        ip = program("ip", package="iproute2")
        subprocess.run([*inside, ip, "link", "set", "lo", "up"], check=True)
        service.inside = inside
        yield service


def test_with_an_agent_that_answers_it_measures_the_tasks(
    config, agent_of_this_machine, certificates, real_cgroups, tmp_path
):
    worker = real_cgroups.worker(real_cgroups.make("mesos"))
    labels = {"org.apache.aurora.metadata.tier": "gold"}
    agent_of_this_machine.answer(state(task("t-1", "redis", labels, pid=worker.pid)))
    ran = subprocess.run(
        [*agent_of_this_machine.inside, *command("-c", config, "--iterations", "2")],
        # The authority that has signed the agent's certificate is one of this machine's here.
        env=environment() | {"SSL_CERT_FILE": certificates.ca},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    printed = (tmp_path / "logs.txt").read_text()
    (up, *_) = re.findall(r"^task_up\{(.*)\} 1", printed, re.MULTILINE)
    assert 'task_id="t-1"' in up
    assert 'task_name="redis"' in up
    assert 'tier="gold"' in up
    assert re.search(r"^task_requested_cpus\{.*\} 2(\.0)? ", printed, re.MULTILINE)
    assert re.search(rf"^task_requested_mem_bytes\{{.*\}} {1 << 30} ", printed, re.MULTILINE)
    assert re.search(r"^task_cpu_usage_seconds\{.*\} ", printed, re.MULTILINE)


def test_without_an_agent_it_measures_the_machine_and_says_what_is_wrong(config, tmp_path):
    need_root()
    ran = subprocess.run(
        [
            program("unshare", package="util-linux"),
            "--net",
            *command("-c", config, "--iterations", "2"),
        ],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "https://127.0.0.1:5051/api/v1: network is unreachable" in ran.stderr
    printed = (tmp_path / "logs.txt").read_text()
    assert re.search(r"^wca_tasks\{.*\} 0", printed, re.MULTILINE)
    assert re.search(r"^memory_usage\{", printed, re.MULTILINE)
