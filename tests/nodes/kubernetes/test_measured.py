"""Pods that are measured: the node in a runner, with real cgroups where possible."""

import pytest

from tests.nodes.kubernetes.layout import below, make
from tests.nodes.kubernetes.pods import container, pod
from wca.metrics.vocabulary import Names, Vocabulary
from wca.nodes.labels import TaskLabelRegexGenerator, TaskLabelResourceGenerator
from wca.runners import MeasurementRunner
from wca.testing import RecordingStorage

ASKED = {"cpu": "250m", "memory": "64Mi", "nvidia.com/gpu": "1"}


@pytest.fixture
def measure(tree, node):
    """Measure once; the samples of the given names."""

    def measure_once(server, **options):
        storage = RecordingStorage()
        runner = MeasurementRunner(
            node(server), storage, interval=0.1, kernel=tree.kernel, **options
        )
        runner.stop_after(1)
        runner.run()
        return storage.batches[-1]

    return measure_once


def named(batch, name):
    return [one for one in batch if one.name == name]


@pytest.fixture(params=["kubelet", "apiserver"])
def shop(request, run):
    server = request.getfixturevalue(request.param)
    containers = [container("web", ASKED), container("log")]
    run(
        server,
        pod("web-0", "default", labels={"app.kubernetes.io/name": "shop"}, containers=containers),
    )
    return server


def test_a_pod_has_its_labels_and_what_it_asked_for(shop, measure):
    batch = measure(
        shop,
        task_label_generators={
            "application": TaskLabelRegexGenerator("^.*/(.*)-[0-9]+$", r"\1"),
            "gpus": TaskLabelResourceGenerator("requests_nvidia.com/gpu"),
        },
    )
    (cpus,), (memory,) = (
        named(batch, "task_requested_cpus"),
        named(batch, "task_requested_mem_bytes"),
    )
    assert (cpus.value, memory.value) == (0.25, 67108864)
    (up,) = named(batch, "task_up")
    expected = {
        "app_kubernetes_io__name": "shop",
        "app_kubernetes_io__qos_class": "besteffort",
        "namespace": "default",
        "pod": "web-0",
        "task_name": "default/web-0",
        "application": "web",
        "gpus": "1",
    }
    assert expected.items() <= up.labels.items()


def test_its_containers_are_named(shop, measure):
    batch = measure(shop, granularity="container")
    parts = named(batch, "container_up")
    assert {one.labels["container"] for one in parts} == {"web", "log"}
    assert all(one.labels["container_id"].startswith("cri-containerd-") for one in parts)
    assert {one.labels["image"] for one in parts} == {
        "registry.example/web:1",
        "registry.example/log:1",
    }


def test_cadvisors_queries_find_pods_and_containers(shop, measure):
    batch = measure(shop, granularity="both")
    translated = Vocabulary(Names.CADVISOR).translate(batch)
    used = named(translated, "container_memory_usage_bytes")
    of = {one.labels.get("container"): one.labels for one in used if "pod" in one.labels}
    assert of.keys() == {None, "web", "log"}
    for labels in of.values():
        assert (labels["namespace"], labels["pod"]) == ("default", "web-0")
    assert of["web"]["image"] == "registry.example/web:1"
    assert "image" not in of[None]


def test_pods_of_the_real_kernel_are_measured(kubelet, node, real_cgroups):
    document = pod("real")
    _, (container_path,) = make(below(real_cgroups), document)
    kubelet.put(document)
    worker = real_cgroups.worker(real_cgroups.parent + container_path)
    worker.burn(0.3)
    storage = RecordingStorage()
    runner = MeasurementRunner(
        node(kubelet, kernel=None), storage, interval=0.1, granularity="both"
    )
    runner.stop_after(1)
    runner.run()
    (used,) = named(storage.batches[-1], "task_cpu_usage_seconds")
    assert 0.3 <= used.value < 60
    (inside,) = named(storage.batches[-1], "container_cpu_usage_seconds")
    assert inside.labels["container"] == "main"
    assert 0.3 <= inside.value <= used.value + 0.1
