"""What is made of a task's resources and labels is made whatever kind of node has found it."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.http_receiver import Reply
from tests.nodes.containers.fake_docker import FakeDocker
from tests.nodes.kubernetes.layout import make
from tests.nodes.kubernetes.pods import container, pod
from tests.nodes.mesos_answers import scalar, state, task
from wca.components import BUILT_IN
from wca.nodes import (
    CgroupNode,
    ContainerNode,
    KubernetesNode,
    MesosNode,
    Node,
    StaticNode,
    SystemdNode,
    UnionNode,
)
from wca.nodes.labels import TaskLabelRegexGenerator, TaskLabelResourceGenerator
from wca.runners import MeasurementRunner
from wca.testing import FakeClock, KernelTree, RecordingStorage

GIB = 1 << 30


@dataclass
class Kind:
    """A node that finds the one task, and what it knows of it.

    Args:
        node: the node.
        source: a label that it gives.
        value: of this label.
        end: ends what it asks.
    """

    node: Node
    source: str
    value: str
    end: Callable[[], None] = lambda: None


def static(tree, receiver):
    path = "batch/job@blue.service"
    resources = {"cpus": 1.5, "mem": GIB}
    node = StaticNode(
        tasks=[path],
        default_labels={"team": "blue"},
        default_resources=resources,
        kernel=tree.kernel,
    )
    return Kind(node, "team", "blue")


def cgroup(tree, receiver):
    node = CgroupNode(
        ["/batch/*"],
        labels_from_path="@(?P<colour>[a-z]+)",
        limits_as_resources=True,
        kernel=tree.kernel,
    )
    return Kind(node, "colour", "blue")


def systemd(tree, receiver):
    return Kind(
        SystemdNode(slices=["-.slice"], root="/batch", kernel=tree.kernel), "instance", "blue"
    )


def mesos(tree, receiver):
    tree.write("/proc/100/cgroup", "0::/batch/job@blue.service\n")
    resources = [scalar("cpus", 1.5), scalar("mem", 1024)]
    answer = state(task("t", "job@blue.service", {"a.b": "blue"}, resources, pid=100))
    receiver.reply(Reply(body=json.dumps(answer).encode()))
    return Kind(MesosNode(receiver.url, kernel=tree.kernel), "a_b", "blue")


def kubernetes(tree, receiver):
    asked = container(requests={"cpu": "1500m", "memory": "1Gi"})
    document = pod("job", containers=[asked], labels={"a.b": "blue"}, qos="Burstable")
    make(tree.add_task, document)
    receiver.reply(Reply(body=json.dumps({"kind": "PodList", "items": [document]}).encode()))
    node = KubernetesNode(
        client_token_path=None,
        server_cert_ca_path=None,
        kubelet_enabled=True,
        kubelet_endpoint=receiver.url,
        kernel=tree.kernel,
    )
    return Kind(node, "a_b", "blue")


def container_of_docker(tree, receiver):
    runtime_id = "c" * 64
    tree.add_task(f"/docker/{runtime_id}")
    tree.write("/proc/300/cgroup", f"0::/docker/{runtime_id}\n")
    server = FakeDocker(f"{tree.root}/docker.sock")
    host = {"NanoCpus": 1_500_000_000, "Memory": GIB}
    server.add(runtime_id, 300, host=host, Names=["/job"], Labels={"a.b": "blue"})
    server.start()
    node = ContainerNode(server.path, kernel=tree.kernel)
    return Kind(node, "a_b", "blue", server.stop)


def union(tree, receiver):
    return Kind(
        UnionNode([StaticNode(tasks=[], kernel=tree.kernel), systemd(tree, receiver).node]),
        "instance",
        "blue",
    )


KINDS = {
    "Static": static,
    "Cgroup": cgroup,
    "Systemd": systemd,
    "Mesos": mesos,
    "Kubernetes": kubernetes,
    "Container": container_of_docker,
    "Union": union,
}


@pytest.fixture(params=KINDS)
def kind(request, tmp_path, receiver):
    tree = KernelTree(tmp_path, "v2")
    tree.add_task("/batch/job@blue.service", memory_limit=GIB)
    tree.write("/sys/fs/cgroup/batch/job@blue.service/cpu.max", "150000 100000\n")
    kind = KINDS[request.param](tree, receiver)
    kind.tree = tree
    yield kind
    kind.end()
    tree.kernel.close()


@pytest.fixture
def batch(kind):
    """One sample of the runner."""
    storage = RecordingStorage()
    runner = MeasurementRunner(
        kind.node,
        storage,
        task_label_generators={
            "initial_task_cpu_assignment": TaskLabelResourceGenerator("cpus"),
            "lacking": TaskLabelResourceGenerator("gpus"),
            "made_of_a_label": TaskLabelRegexGenerator("^(.).*", r"\1", source=kind.source),
            "made_of_the_name": TaskLabelRegexGenerator(r".*/?(job).*", r"\1"),
        },
        kernel=kind.tree.kernel,
        clock=FakeClock(),
    )
    runner.stop_after(1)
    assert runner.run() == 0
    (batch,) = storage.batches
    return batch


def only(batch, name):
    (metric,) = [one for one in batch if one.name == name]
    return metric


def test_what_was_asked_for_is_measured(batch):
    assert only(batch, "task_up").value == 1
    assert only(batch, "task_requested_cpus").value == 1.5
    assert only(batch, "task_requested_mem_bytes").value == GIB


def test_labels_are_made_of_resources_and_of_labels(batch, kind):
    labels = only(batch, "task_cpu_usage_seconds").labels
    assert labels["initial_task_cpu_assignment"] == "1.5"
    assert labels["lacking"] == "unknown"
    assert labels[kind.source] == kind.value
    assert labels["made_of_a_label"] == kind.value[0]
    assert labels["made_of_the_name"] == "job"


def test_no_kind_of_node_is_missing_here():
    kinds = {one.tag for one in BUILT_IN if one.tag.endswith("Node")}
    tested = {f"{name}Node" for name in KINDS}
    # What the agent itself runs in has nobody who asked for it: see test_own.py.
    assert kinds == tested | {"OwnCgroupNode"}
