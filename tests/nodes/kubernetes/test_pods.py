"""From a pod as Kubernetes describes it to a task."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.nodes.kubernetes.pods import NODE, NODE_IP, changed, container, pod, status, without
from wca.config.types import LabelName
from wca.nodes.kubernetes_client.pods import PodReader


@pytest.fixture
def read(caplog):
    caplog.set_level(logging.INFO)
    return PodReader().read


def test_a_pod_is_named_by_namespace_and_name_and_known_by_its_uid(read):
    task = read(pod("web-0", "shop", uid="0-a"))
    assert (task.name, task.task_id, task.cgroup_ids) == ("shop/web-0", "0-a", ("0-a",))
    assert task.node == NODE


def test_its_labels_can_be_exported_and_none_is_lost(read):
    labels = {"app.kubernetes.io/name": "a", "app-kubernetes-io--name": "b", "tier": "web"}
    task = read(pod("web-0", "shop", labels=labels, qos="Burstable"))
    for name in task.labels:
        LabelName().check(name)
    assert sorted(task.labels.values()) == sorted(["a", "b", "web", "shop", "web-0", "burstable"])
    assert task.labels["app_kubernetes_io__name"] in "ab"
    assert task.labels["app_kubernetes_io__qos_class"] == "burstable"
    assert (task.labels["namespace"], task.labels["pod"]) == ("shop", "web-0")


def test_a_label_of_the_pods_own_does_not_say_what_it_is_in(read):
    labels = {"namespace": "mine", "pod": "mine", "container": "mine", "host": "mine"}
    task = read(pod("web-0", "shop", labels=labels))
    assert (task.labels["namespace"], task.labels["pod"]) == ("shop", "web-0")
    assert not {"container", "host"} & task.labels.keys()
    assert list(task.labels.values()).count("mine") == 4


def test_labels_are_taken_by_name_or_pattern():
    labels = {"app": "a", "pod-template-hash": "b", "team.example/x": "c"}
    task = PodReader(labels=["app", "team.example/*"]).read(pod(labels=labels))
    assert task.labels.keys() == {
        "app",
        "team_example__x",
        "namespace",
        "pod",
        "app_kubernetes_io__qos_class",
    }


def test_its_resources_are_what_it_has_asked_for(read):
    asked = {"cpu": "250m", "memory": "64Mi"}
    task = read(pod(containers=[container(requests=asked)]))
    assert (task.resources["cpus"], task.resources["mem"]) == (0.25, 67108864)


def test_without_a_class_of_service_the_specification_decides(read):
    asked = {"cpu": "1", "memory": "1Gi"}
    document = pod(containers=[container(requests=asked, limits=asked)])
    task = read(without(document, "status", "qosClass"))
    assert task.labels["app_kubernetes_io__qos_class"] == "guaranteed"


class TestContainers:
    @pytest.mark.parametrize("scheme", ["containerd", "cri-o", "docker"])
    def test_they_have_names_and_images_whatever_the_runtime(self, read, scheme):
        one = status("main", scheme=scheme, image="shop:1")
        ((runtime_id, labels),) = read(pod(statuses=[one])).containers.items()
        assert one["containerID"] == f"{scheme}://{runtime_id}"
        assert labels == {"container": "main", "image": "shop:1"}

    def test_init_containers_sidecars_and_ephemeral_ones_are_among_them(self, read):
        more = {
            "initContainerStatuses": [status("init"), status("done", "terminated")],
            "ephemeralContainerStatuses": [status("debugger")],
        }
        task = read(pod(status=more))
        names = [labels["container"] for labels in task.containers.values()]
        assert names == ["main", "init", "debugger"]

    def test_one_that_does_not_run_yet_is_not(self, read):
        assert read(pod(statuses=[status("main", "waiting")])).containers == {}
        document = pod()
        assert read(without(document, "status", "containerStatuses")).containers == {}

    def test_one_that_is_not_ready_is_measured_all_the_same(self, read):
        assert len(read(pod(statuses=[status(ready=False)])).containers) == 1

    def test_of_two_with_one_name_the_first_counts(self, read):
        assert len(read(pod(statuses=[status("a"), status("a")])).containers) == 1


class TestStates:
    @pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
    def test_a_pod_that_has_ended_is_none(self, read, phase, caplog):
        assert read(pod(phase=phase)) is None
        assert caplog.messages == []

    def test_one_that_runs_must_have_a_cgroup(self, read):
        assert read(pod()).running

    @pytest.mark.parametrize(
        "document",
        [
            pod(phase="Pending"),
            pod(phase="Unknown"),
            pod(metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}),
            without(pod(), "status"),
        ],
    )
    def test_one_that_begins_or_ends_may_have_one(self, read, document):
        assert read(document).running is False

    def test_a_static_pod_is_known_to_the_kubelet_by_another_id(self, read):
        hashed = {"kubernetes.io/config.hash": "0123abcd", "kubernetes.io/config.source": "file"}
        mirror = read(pod(uid="0-a", annotations={**hashed, "kubernetes.io/config.mirror": "0123"}))
        assert (mirror.task_id, mirror.cgroup_ids) == ("0-a", ("0123abcd", "0-a"))
        assert read(pod(uid="0123abcd", annotations=hashed)).cgroup_ids == ("0123abcd",)


class TestChoice:
    def test_pods_of_other_namespaces_are_left_out_and_that_is_said_once(self, caplog):
        caplog.set_level(logging.INFO)
        reader = PodReader(["shop", "bank"])
        documents = [pod(namespace=name) for name in ("shop", "bank", "kube-system", "kube-system")]
        assert [one is not None for one in map(reader.read, documents)] == [
            True,
            True,
            False,
            False,
        ]
        assert caplog.messages == [
            "pods of the namespace kube-system are left out, see monitored_namespaces"
        ]

    def test_pods_of_another_node_are_left_out(self):
        reader = PodReader(node_ip=NODE_IP)
        assert reader.read(pod()) is not None
        assert reader.read(pod(status={"hostIP": "192.0.2.9"})) is None
        assert reader.read(without(pod(), "status", "hostIP")) is None


class TestMalformed:
    @pytest.mark.parametrize(
        "document",
        [
            None,
            7,
            [],
            {},
            without(pod(), "metadata"),
            without(pod(), "metadata", "uid"),
            without(pod(), "metadata", "name"),
            changed(pod(), "metadata", "uid", to=7),
            changed(pod(), "metadata", "name", to=None),
            changed(pod(), "metadata", "labels", to={"a": 1}),
            changed(pod(), "metadata", "labels", to=[]),
            changed(pod(), "metadata", "annotations", to="x"),
            changed(pod(), "status", to=[]),
            changed(pod(), "status", "phase", to={}),
            changed(pod(), "status", "containerStatuses", to=[7]),
            changed(pod(), "status", "containerStatuses", to={"a": 1}),
            changed(pod(), "spec", to="x"),
        ],
    )
    def test_a_pod_that_makes_no_sense_is_left_out_and_that_is_said_once(
        self, read, document, caplog
    ):
        for _ in range(3):
            assert read(document) is None
        (record,) = caplog.records
        assert record.levelname == "WARNING"
        assert "is left out: " in record.message

    def test_the_sentence_names_the_pod_and_what_is_wrong(self, read, caplog):
        read(changed(pod("web", "shop"), "metadata", "uid", to=7))
        assert caplog.messages == [
            "pod shop/web is left out: its uid is int, expected text",
        ]

    @pytest.mark.parametrize("amount", ["lots", "", [1], None])
    def test_an_amount_that_cannot_be_read_costs_the_amounts(self, read, amount, caplog):
        document = pod("web", "shop", containers=[container(requests={"cpu": amount})])
        task = read(document)
        assert task.resources == {}
        assert task.labels["app_kubernetes_io__qos_class"] == "besteffort"
        assert "what pod shop/web has asked for is left out" in caplog.text

    def test_what_is_said_does_not_fill_the_memory(self, caplog):
        reader = PodReader(["shop"])
        for n in range(3000):
            reader.read(pod(namespace=f"n{n}"))
            reader.read({"metadata": {"namespace": "shop", "name": f"p{n}"}})
        assert len(reader._said) <= 1000


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)
PATHS = [
    ("metadata",),
    ("metadata", "labels"),
    ("metadata", "annotations"),
    ("metadata", "namespace"),
    ("spec",),
    ("spec", "containers"),
    ("spec", "initContainers"),
    ("spec", "overhead"),
    ("spec", "resources"),
    ("spec", "nodeName"),
    ("status",),
    ("status", "containerStatuses"),
    ("status", "conditions"),
    ("status", "qosClass"),
    ("status", "resources"),
    ("status", "allocatedResources"),
]


@given(st.sampled_from(PATHS), ODD)
def test_whatever_stands_where_it_is_a_pod_or_left_out(path, value):
    task = PodReader().read(changed(pod(), *path, to=value))
    if task is not None:
        assert all(isinstance(one, str) for one in (*task.labels, *task.labels.values()))
        for name in task.labels:
            LabelName().check(name)
