"""Debian's containerd and runc: containers found through the CRI and measured by the agent."""

import contextlib
import logging
import signal
import time

import pytest

from tests.main.agent import run, write_config
from tests.nodes.containers.measuring import CONFIG, cpu_seconds, read_cpu_seconds
from wca.nodes import ContainerNode
from wca.testing import NodeContract

NOT_RUNNING = "the container runtime is not running; its last list is used for 300 s more"


@pytest.fixture
def clean(containerd):
    """Nothing runs in it."""
    yield containerd
    containerd.remove_all()


@pytest.fixture
def node(clean):
    node = ContainerNode(clean.socket, timeout=30)
    yield node
    node.close()


@pytest.fixture
def pod(clean):
    return clean.pod("web", **{"app.kubernetes.io/name": "web"})


class TestContract(NodeContract):
    @pytest.fixture(autouse=True)
    def containers(self, clean, pod):
        clean.container(pod, "one")
        clean.container(pod, "two")
        self.containerd = clean

    def node(self):
        return ContainerNode(self.containerd.socket, timeout=5)

    @contextlib.contextmanager
    def away(self):
        """It is stopped, and its socket goes on taking connections."""
        process = self.containerd.daemon.process
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)


def test_a_container_is_found_with_its_pod_its_image_and_its_limits(clean, node, pod):
    container = clean.container(
        pod,
        "main",
        cpu_shares=256,
        cpu_quota=50000,
        cpu_period=100000,
        memory_limit_in_bytes=64 << 20,
    )
    (task,) = node.get_tasks()
    assert (task.task_id, task.name) == (container, "shop/web/main")
    assert task.cgroup_path == f"/{clean.folder.name}/{container}"
    assert task.labels == {
        "app_kubernetes_io__name": "web",
        "container_name": "main",
        "image": "wca.test/box:1",
        "io_kubernetes_container_name": "main",
        "io_kubernetes_pod_name": "web",
        "io_kubernetes_pod_namespace": "shop",
        "io_kubernetes_pod_uid": "uid-of-web",
        "namespace": "shop",
        "pod": "web",
    }
    assert task.resources == {
        "requests_cpu": 0.25,
        "limits_cpu": 0.5,
        "limits_memory": 64 << 20,
        "cpus": 0.25,
        "mem": 64 << 20,
    }


def test_a_container_that_ends_is_no_task_and_the_pod_itself_never_was(clean, node, pod):
    first = clean.container(pod, "first")
    assert [task.task_id for task in node.get_tasks()] == [first]
    second = clean.container(pod, "second")
    clean.stop(first)
    assert [task.task_id for task in node.get_tasks()] == [second]
    clean.stop(second)
    assert node.get_tasks() == []


def test_containers_outlive_a_containerd_that_is_started_again(clean, node, pod, caplog, capfd):
    caplog.set_level(logging.INFO, "wca")
    clean.container(pod, "main")
    (known,) = node.get_tasks()
    clean.daemon.end()
    try:
        assert node.get_tasks() == [known]
    finally:
        clean.daemon.start()
    assert node.get_tasks() == [known]
    assert caplog.messages == [
        f"ContainerNode: nobody listens at {clean.socket}: {NOT_RUNNING}",
        "ContainerNode gives its tasks again",
    ]
    assert capfd.readouterr() == ("", "")  # gRPC has a log of its own


def test_the_agent_measures_the_cpu_time_of_the_container_that_uses_it(clean, pod, tmp_path):
    busy, idle = clean.container(pod, "busy", "burn"), clean.container(pod, "idle")
    config = write_config(tmp_path, CONFIG.format(socket=clean.socket))
    before = read_cpu_seconds(f"/{clean.folder.name}/{busy}")
    while read_cpu_seconds(f"/{clean.folder.name}/{busy}") < before + 0.2:
        time.sleep(0.05)
    result = run("-c", config, "--iterations", 3)
    after = read_cpu_seconds(f"/{clean.folder.name}/{busy}")
    assert result.returncode == 0, result.stderr
    measured = cpu_seconds(result.stdout)
    assert measured.keys() == {busy, idle}
    assert before + 0.2 <= measured[busy] <= after
    assert measured[idle] < 0.2
    assert 'task_name="shop/web/busy"' in result.stdout
    assert 'app_kubernetes_io__name="web"' in result.stdout
