"""Debian's dockerd: containers found through Docker's API and measured by the agent."""

import contextlib
import signal
import time
from pathlib import Path

import pytest

from tests.main.agent import run, write_config
from tests.nodes.containers.measuring import CONFIG, cpu_seconds, read_cpu_seconds
from wca.errors import TaskSynchronizationException
from wca.nodes import ContainerNode
from wca.testing import NodeContract


@pytest.fixture
def clean(dockerd):
    """Nothing runs in it."""
    yield dockerd
    dockerd.remove_all()


@pytest.fixture
def node(clean):
    node = ContainerNode(clean.socket, timeout=30)
    yield node
    node.close()


class TestContract(NodeContract):
    @pytest.fixture(autouse=True)
    def containers(self, clean):
        clean.container("one")
        clean.container("two", network="host")
        self.docker = clean

    def node(self):
        return ContainerNode(self.docker.socket, timeout=5)

    @contextlib.contextmanager
    def away(self):
        """It is stopped, and its socket goes on taking connections."""
        process = self.docker.daemon.process
        process.send_signal(signal.SIGSTOP)
        deadline = time.monotonic() + 10
        while set(_states(process.pid)) != {"T"}:  # until then a thread may still answer
            assert time.monotonic() < deadline
            time.sleep(0.01)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)


def _states(pid):
    """Those of all threads of a process."""
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        yield stat.read_text().rpartition(")")[2].split()[0]


def test_a_container_is_found_with_its_image_its_labels_and_its_limits(clean, node):
    container = clean.container(
        "web", labels={"team": "x"}, nano_cpus=500_000_000, mem_limit=64 << 20
    )
    (task,) = node.get_tasks()
    assert (task.task_id, task.name) == (container, "web")
    assert task.cgroup_path == f"/{clean.folder.name}/{container}"
    assert task.labels == {"image": "wca.test/box:1", "team": "x"}
    assert task.resources == {
        "limits_cpu": 0.5,
        "limits_memory": 64 << 20,
        "cpus": 0.5,
        "mem": 64 << 20,
    }


def test_a_paused_container_stays_a_task_and_a_stopped_one_does_not(clean, node):
    container = clean.client.containers.get(clean.container("web"))
    (task,) = node.get_tasks()
    container.pause()
    assert node.get_tasks() == [task]
    container.unpause()
    clean.stop(container.id)
    assert node.get_tasks() == []
    container.start()
    (again,) = node.get_tasks()
    assert again.cgroup_path == task.cgroup_path


def test_a_parent_of_its_own_is_where_the_container_is(clean, node):
    clean.container("web", cgroup_parent=f"/{clean.folder.name}/batch")
    (task,) = node.get_tasks()
    assert task.cgroup_path == f"/{clean.folder.name}/batch/{task.task_id}"


def test_docker_is_told_apart_by_its_answer_where_its_socket_has_another_name(clean, tmp_path):
    clean.container("web")
    (clean.folder / "engine").symlink_to(clean.socket)
    node = ContainerNode(f"unix://{clean.folder}/engine", timeout=30)
    assert [task.name for task in node.get_tasks()] == ["web"]
    node.close()


def test_it_does_not_speak_the_cri(clean):
    node = ContainerNode(clean.socket, api="cri", timeout=30)
    with pytest.raises(TaskSynchronizationException, match="for Docker's API write api: docker"):
        node.get_tasks()
    node.close()


def test_the_agent_measures_the_cpu_time_of_the_container_that_uses_it(clean, tmp_path):
    busy, idle = clean.container("busy", "burn"), clean.container("idle", network="host")
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
    assert 'task_name="busy"' in result.stdout
