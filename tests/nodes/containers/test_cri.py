"""Containers through the CRI, from a server that answers as containerd and CRI-O do."""

import contextlib
import json
import logging
import threading
import time

import grpc
import pytest

from tests.nodes.containers.fake_cri import EXITED, POD, RUNNING, FakeCri, crio_info
from wca.errors import TaskSynchronizationException
from wca.nodes import ContainerNode
from wca.testing import FakeClock, NodeContract

ONE, TWO = "1" * 64, "2" * 64
SPECIFICATION = {
    "cpu": {"shares": 102, "quota": 150000, "period": 100000},
    "memory": {"limit": 1 << 30},
}


@pytest.fixture
def pod(cri):
    cri.pods["p1"] = vars(POD)
    return "p1"


@pytest.fixture
def one(tree, cri, pod):
    """A container of a pod, as the kubelet has it made by containerd."""
    tree.add_process(101, f"/kubepods/burstable/podu-1/{ONE}")
    cri.add(
        ONE,
        101,
        pod=pod,
        metadata={"name": "main"},
        image={"image": "sha256:abc", "user_specified_image": "web:2"},
        labels={"io.kubernetes.container.name": "main"},
        status={
            "image": {"image": "registry/web:2"},
            "resources": {
                "linux": {
                    "cpu_shares": 256,
                    "cpu_quota": 50000,
                    "cpu_period": 100000,
                    "memory_limit_in_bytes": 64 << 20,
                }
            },
        },
    )
    return ONE


def tell(info):
    return {"info": json.dumps(info)}


class TestContract(NodeContract):
    @pytest.fixture(autouse=True)
    def server(self, tree, cri, one):
        tree.add_process(102, f"/kubepods/besteffort/podu-2/{TWO}")
        cri.add(TWO, 102, labels={"a.b": "1", "a-b": "2"})
        self.tree, self.cri = tree, cri

    def node(self):
        return ContainerNode(self.cri.path, timeout=5, kernel=self.tree.kernel)

    def away(self):
        return self.cri.hanging()

    @contextlib.contextmanager
    def malformed(self):
        self.cri.add("3" * 64, info={"info": "{"})
        self.cri.add("4" * 64, info=tell({"pid": "x", "runtimeSpec": []}))
        self.cri.add("5" * 64, 7)
        self.cri.bodies["5" * 64] = b"\xff\xff"
        self.cri.add("", 8)
        yield


class TestTask:
    def test_it_is_a_container_with_the_labels_of_its_pod(self, node, cri, one):
        (task,) = node(cri).get_tasks()
        assert (task.task_id, task.name) == (ONE, "shop/web/main")
        assert task.cgroup_path == f"/kubepods/burstable/podu-1/{ONE}"
        assert task.labels == {
            "app_kubernetes_io__name": "web",
            "container_name": "main",
            "image": "web:2",
            "io_kubernetes_container_name": "main",
            "io_kubernetes_pod_name": "web",
            "io_kubernetes_pod_namespace": "shop",
            "io_kubernetes_pod_uid": "u-1",
            "namespace": "shop",
            "pod": "web",
        }

    def test_its_resources_are_what_the_runtime_tells(self, node, cri, one):
        (task,) = node(cri).get_tasks()
        assert task.resources == {
            "requests_cpu": 0.25,
            "limits_cpu": 0.5,
            "limits_memory": 64 << 20,
            "cpus": 0.25,
            "mem": 64 << 20,
        }

    @pytest.mark.parametrize("tree", ["v1_apart", "v2", "hybrid"], indirect=True)
    def test_crio_tells_the_same_in_another_form(self, node, tree, cri, pod):
        scope = f"/kubepods.slice/kubepods-podu_1.slice/crio-{ONE}.scope"
        # crun makes a group of its own below.
        tree.add_process(55, f"{scope}/container")
        tree.add_task(scope)
        info = crio_info(55, f"kubepods-podu_1.slice:crio:{ONE}", **SPECIFICATION)
        status = {"image": {"image": "registry/web:2"}}
        labels = {"io.kubernetes.container.name": "main"}
        cri.add(ONE, pod=pod, info=info, status=status, labels=labels, image={"image": "sha256:a"})
        (task,) = node(cri).get_tasks()
        assert (task.name, task.cgroup_path) == ("shop/web/main", scope)
        assert task.labels["image"] == "registry/web:2"
        assert task.resources == {
            "requests_cpu": 0.1,
            "limits_cpu": 1.5,
            "limits_memory": 1 << 30,
            "cpus": 0.1,
            "mem": 1 << 30,
        }

    def test_a_text_for_each_key_is_understood_as_well(self, node, tree, cri):
        tree.add_process(55, f"/{ONE}")
        cri.add(ONE, info={"pid": "55", "sandboxId": '"s"', "note": "no JSON"})
        assert [task.cgroup_path for task in node(cri).get_tasks()] == [f"/{ONE}"]

    def test_cri_dockerd_tells_a_process_and_nothing_else(self, node, tree, cri, pod):
        tree.add_process(55, f"/kubepods/podu-1/{ONE}")
        cri.add(ONE, pod=pod, info=tell({"sandboxID": "p1", "pid": 55}))
        (task,) = node(cri).get_tasks()
        assert (task.cgroup_path, task.resources) == (f"/kubepods/podu-1/{ONE}", {})

    def test_where_no_kubelet_has_put_labels_the_metadata_tell(self, node, tree, cri):
        cri.pods["p"] = {"metadata": {"name": "db", "namespace": "lab", "uid": "u"}}
        tree.add_process(55, f"/{ONE}")
        cri.add(ONE, 55, pod="p", metadata={"name": "main"})
        (task,) = node(cri).get_tasks()
        assert task.name == "lab/db/main"
        assert task.labels["io_kubernetes_pod_uid"] == "u"
        assert task.labels["io_kubernetes_container_name"] == "main"

    def test_without_any_name_it_is_its_id(self, node, tree, cri):
        tree.add_process(55, f"/{ONE}")
        cri.add(ONE, 55, pod="unknown")
        (task,) = node(cri).get_tasks()
        assert (task.name, task.labels) == (ONE[:12], {})

    @pytest.mark.parametrize("filters", [True, False])
    def test_only_containers_that_run_are_tasks(self, node, tree, cri, one, filters):
        cri.filters = filters
        for number, states in enumerate([(EXITED, RUNNING), (RUNNING, EXITED)], 2):
            container = f"{number}" * 64
            tree.add_process(100 + number, f"/{container}")
            cri.add(container, 100 + number, state=states[0], status={"state": states[1]})
        assert [task.task_id for task in node(cri).get_tasks()] == [ONE]

    def test_labels_can_be_chosen_and_the_facts_stay(self, node, cri, one):
        (task,) = node(cri, labels=["app.kubernetes.io/*"]).get_tasks()
        assert task.labels == {
            "app_kubernetes_io__name": "web",
            "container_name": "main",
            "image": "web:2",
            "namespace": "shop",
            "pod": "web",
        }

    def test_a_label_that_is_named_as_a_fact_gives_way(self, node, cri, one):
        cri.containers[ONE]["labels"] |= {"pod": "mine", "image": "mine"}
        (task,) = node(cri).get_tasks()
        assert (task.labels["pod"], task.labels["image"]) == ("web", "web:2")
        assert sorted(task.labels.values()).count("mine") == 2


class TestChoice:
    @pytest.fixture(autouse=True)
    def containers(self, tree, cri, one):
        cri.pods["p2"] = {"metadata": {"name": "dns", "namespace": "kube-system", "uid": "u-2"}}
        tree.add_process(102, f"/{TWO}")
        cri.add(TWO, 102, pod="p2", metadata={"name": "main"}, labels={"team": "a"})

    @pytest.mark.parametrize(
        ("options", "names"),
        [
            ({}, ["kube-system/dns/main", "shop/web/main"]),
            ({"namespaces": ["shop"]}, ["shop/web/main"]),
            ({"namespaces": ["kube-*", "lab"]}, ["kube-system/dns/main"]),
            ({"namespaces": []}, []),
            ({"selector": {"team": "a"}}, ["kube-system/dns/main"]),
            ({"selector": {"app.kubernetes.io/name": "w*"}}, ["shop/web/main"]),
            ({"selector": {"app.kubernetes.io/name": "w*", "team": "a"}}, []),
            ({"namespaces": ["shop"], "selector": {"team": "a"}}, []),
        ],
    )
    def test_namespaces_and_labels_choose(self, node, cri, options, names):
        assert [task.name for task in node(cri, **options).get_tasks()] == names

    def test_what_is_not_chosen_is_not_asked_for(self, node, cri):
        node(cri, namespaces=["shop"]).get_tasks()
        assert cri.asked().count("ContainerStatus") == 1


class TestCost:
    def test_a_list_that_is_still_the_same_is_one_call(self, node, cri, one):
        asking = node(cri)
        asking.get_tasks()
        assert cri.asked() == ["ListContainers", "ListPodSandbox", "ContainerStatus"]
        for _ in range(3):
            asking.get_tasks()
            assert cri.asked() == ["ListContainers"]

    def test_a_new_container_of_a_known_pod_is_asked_for_alone(self, node, tree, cri, one):
        asking = node(cri)
        asking.get_tasks()
        cri.asked()
        tree.add_process(102, f"/{TWO}")
        cri.add(TWO, 102, pod="p1")
        assert len(asking.get_tasks()) == 2
        assert cri.asked() == ["ListContainers", "ContainerStatus"]
        cri.remove(TWO)
        assert len(asking.get_tasks()) == 1
        assert cri.asked() == ["ListContainers"]

    def test_a_pod_that_is_not_listed_is_looked_for_once(self, node, tree, cri):
        tree.add_process(102, f"/{TWO}")
        cri.add(TWO, 102, pod="gone")
        asking = node(cri)
        for _ in range(2):
            asking.get_tasks()
        assert cri.asked().count("ListPodSandbox") == 1

    def test_limits_that_were_changed_are_seen_in_the_end(self, node, cri, one):
        clock = FakeClock()
        asking = node(cri, clock=clock)
        asking.get_tasks()
        status, _ = cri.statuses[ONE]
        status["resources"] = {"linux": {"memory_limit_in_bytes": 5 << 20}}
        clock.advance(299)
        assert asking.get_tasks()[0].resources["mem"] == 64 << 20
        clock.advance(1)
        assert asking.get_tasks()[0].resources["mem"] == 5 << 20


class TestOneContainer:
    """What goes wrong with one costs that one."""

    @pytest.fixture(autouse=True)
    def other(self, tree, cri, one):
        tree.add_process(102, f"/{TWO}")

    def test_one_that_has_vanished_is_passed_over_without_a_word(self, node, cri, caplog):
        cri.add(TWO, 102)
        cri.errors[TWO] = (grpc.StatusCode.NOT_FOUND, "not found")
        assert [task.task_id for task in node(cri).get_tasks()] == [ONE]
        assert caplog.messages == []

    def test_one_that_does_not_stay_vanished_is_told_of(self, node, cri, caplog):
        clock = FakeClock()
        cri.add(TWO, 103, metadata={"name": "main"})
        asking = node(cri, clock=clock)
        for _ in range(3):
            asking.get_tasks()
            clock.advance(10)
        (message,) = caplog.messages
        assert message == (
            "ContainerNode leaves out main (222222222222): there is no process 103 (in a "
            "container the agent needs the PID namespace of the host)"
        )

    @pytest.mark.parametrize(
        ("code", "words"),
        [("UNKNOWN", "no spec"), ("INTERNAL", "oops"), ("DEADLINE_EXCEEDED", "late")],
    )
    def test_one_that_the_runtime_cannot_tell_of_is_left_out(self, node, cri, caplog, code, words):
        cri.add(TWO, 102)
        cri.errors[TWO] = (getattr(grpc.StatusCode, code), words)
        assert [task.task_id for task in node(cri).get_tasks()] == [ONE]
        assert "ContainerNode leaves out 222222222222 (222222222222): " in caplog.text

    def test_it_is_a_task_as_soon_as_the_runtime_can_tell_again(self, node, cri):
        clock = FakeClock()
        cri.add(TWO, 102)
        cri.errors[TWO] = (grpc.StatusCode.UNKNOWN, "no spec")
        asking = node(cri, clock=clock)
        asking.get_tasks()
        del cri.errors[TWO]
        assert len(asking.get_tasks()) == 1
        clock.advance(10)
        assert len(asking.get_tasks()) == 2

    @pytest.mark.parametrize(
        ("info", "reason"),
        [
            ({}, "the runtime tells no process of it"),
            ({"info": "no JSON"}, "the runtime tells no process of it"),
            ({"info": "[1]"}, "the runtime tells no process of it"),
            (tell({"pid": True}), "the runtime tells no process of it"),
            (tell({"pid": -1, "runtimeSpec": 7}), "the runtime tells no process of it"),
            (tell({"pid": 0}), "the runtime tells no process of it"),
        ],
    )
    def test_one_of_which_nothing_is_told_is_left_out(self, node, cri, caplog, info, reason):
        cri.add(TWO, info=info)
        assert [task.task_id for task in node(cri).get_tasks()] == [ONE]
        assert caplog.messages == [
            f"ContainerNode leaves out 222222222222 (222222222222): {reason}"
        ]

    def test_an_answer_that_is_no_message_is_left_out(self, node, cri, caplog):
        cri.add(TWO, 102)
        cri.bodies[TWO] = b"\xff\xff"
        assert [task.task_id for task in node(cri).get_tasks()] == [ONE]
        assert "something that is no message of the CRI" in caplog.text

    def test_an_answer_without_a_status_is_left_out(self, node, cri, caplog):
        cri.add(TWO, 102)
        cri.bodies[TWO] = b""
        assert [task.task_id for task in node(cri).get_tasks()] == [ONE]
        assert "the runtime's answer has no status of it" in caplog.text

    def test_one_without_an_id_is_told_of(self, node, cri, caplog):
        cri.add("", 5)
        assert [task.task_id for task in node(cri).get_tasks()] == [ONE]
        assert caplog.messages == [
            "ContainerNode leaves out entry 2 of the runtime's list: it has no id"
        ]


class TestRuntime:
    """What goes wrong with the runtime costs the list, and is one sentence."""

    def reason(self, node):
        with pytest.raises(TaskSynchronizationException) as caught:
            node.get_tasks()
        return str(caught.value)

    def test_one_that_knows_v1alpha2_only(self, node, folder):
        with FakeCri(folder / "cri.sock", "runtime.v1alpha2.RuntimeService") as old:
            reason = self.reason(node(old))
        assert reason.startswith(f"{old.path} does not speak version v1 of the CRI (")
        assert reason.endswith(
            "update the runtime if it knows v1alpha2 only (containerd before 1.6, CRI-O before "
            "1.20), or take cri out of disabled_plugins in containerd's configuration"
        )

    def test_one_that_is_slow(self, node, cri, one):
        begin = time.monotonic()
        with cri.hanging():
            assert self.reason(node(cri, timeout=1)) == f"no answer at {cri.path} in time"
        assert time.monotonic() - begin < 40

    def test_one_that_refuses(self, node, cri, one):
        cri.errors["ListContainers"] = (grpc.StatusCode.PERMISSION_DENIED, "not you")
        assert self.reason(node(cri)) == f"{cri.path}: PERMISSION_DENIED: not you"

    def test_a_list_that_is_no_message(self, node, cri, one):
        cri.bodies["ListContainers"] = b"\xff\xff"
        assert self.reason(node(cri)) == (
            f"{cri.path} has answered ListContainers with something that is no message of the CRI"
        )

    def test_one_that_is_away_and_comes_back(self, node, cri, one, caplog):
        asking = node(cri)
        (known,) = asking.get_tasks()
        cri.stop()
        assert asking.get_tasks() == [known]  # the last list is kept
        assert caplog.messages[0].endswith("; its last list is used for 300 s more")
        cri.start()
        assert asking.get_tasks() == [known]
        assert cri.asked().count("ContainerStatus") == 1

    def test_one_that_was_never_there(self, node, folder):
        path = folder / "cri.sock"
        assert self.reason(node(str(path))) == (
            f"there is no socket {path}: the container runtime is not running, or has another one"
        )

    def test_one_that_goes_while_it_is_asked_for_details(self, node, cri, one):
        cri.errors[ONE] = (grpc.StatusCode.UNAVAILABLE, "going down")
        assert self.reason(node(cri)) == f"{cri.path}: UNAVAILABLE: going down"

    def test_docker_behind_the_socket(self, node, docker):
        assert self.reason(node(docker, api="cri")) == (
            f"{docker.path} does not speak gRPC: for Docker's API write api: docker"
        )

    def test_close_ends_a_question_that_waits(self, node, cri, one, caplog):
        caplog.set_level(logging.INFO)
        asking = node(cri, timeout=60)
        asking.start()
        cri.asked()
        with cri.hanging():
            asking.get_tasks()
            while not cri.calls:
                time.sleep(0.01)
            begin = time.monotonic()
            asking.close(60)
            assert time.monotonic() - begin < 40
        assert not [one for one in threading.enumerate() if one.name == "ContainerNode"]
        assert caplog.messages == []


def test_it_reads_through_the_kernel_of_the_runner(tree, cri, one):
    node = ContainerNode(cri.path, timeout=20)
    node.use_kernel(tree.kernel)
    assert [task.cgroup_path for task in node.get_tasks()] == [f"/kubepods/burstable/podu-1/{ONE}"]
    node.close()


def test_the_environment_has_no_say(node, cri, one, monkeypatch):
    for name in ("grpc_proxy", "https_proxy", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert len(node(cri).get_tasks()) == 1


@pytest.mark.parametrize("name", ["with space", "per%41cent", "hash#mark", "ünicode"])
def test_any_path_is_good_for_a_socket(node, tree, folder, name):
    tree.add_process(55, f"/{ONE}")
    with FakeCri(folder / "cri.sock") as server:
        server.add(ONE, 55)
        (folder / name).symlink_to(folder / "cri.sock")
        assert len(node(f"{folder}/{name}", api="cri").get_tasks()) == 1


def test_a_list_of_many_containers_is_taken(node, tree, cri):
    tree.add_process(55, f"/{ONE}")
    cri.add(ONE, 55, labels={"text": "x" * (6 << 20)})
    assert len(node(cri).get_tasks()) == 1
