"""Containers through Docker's API, from a server that answers as Docker does."""

import contextlib
import logging
import threading
import time

import pytest

from tests.nodes.containers.fake_docker import FakeDocker
from wca.errors import TaskSynchronizationException
from wca.nodes import ContainerNode
from wca.testing import FakeClock, NodeContract

ONE, TWO = "1" * 64, "2" * 64
LIST = "/containers/json"


def inspect(container):
    return f"/containers/{container}/json"


@pytest.fixture
def one(tree, docker):
    """A container with limits."""
    tree.add_process(101, f"/docker/{ONE}")
    docker.add(
        ONE,
        101,
        Names=["/web-1", "/other/alias"],
        Image="web:2",
        Labels={"com.docker.compose.project": "shop"},
        host={"NanoCpus": 500_000_000, "Memory": 64 << 20, "MemoryReservation": 32 << 20},
    )
    return ONE


class TestContract(NodeContract):
    @pytest.fixture(autouse=True)
    def server(self, tree, docker, one):
        tree.add_process(102, f"/docker/{TWO}")
        docker.add(TWO, 102, Labels={"a.b": "1", "a-b": "2"})
        self.tree, self.docker = tree, docker

    def node(self):
        return ContainerNode(self.docker.path, timeout=5, kernel=self.tree.kernel)

    def away(self):
        return self.docker.hanging()

    @contextlib.contextmanager
    def malformed(self):
        self.docker.entries += [7, {}, {"Id": 7}, {"Id": "x", "Labels": {"a": 1}}]
        self.docker.add("3" * 64, "many")
        self.docker.add("4" * 64, 104)
        self.docker.answers[inspect("4" * 64)] = (200, ["no", "object"])
        yield


class TestTask:
    def test_it_is_a_container(self, node, docker, one):
        (task,) = node(docker).get_tasks()
        assert (task.task_id, task.name) == (ONE, "web-1")
        assert task.cgroup_path == f"/docker/{ONE}"
        assert task.labels == {"com_docker_compose_project": "shop", "image": "web:2"}

    def test_its_resources_are_what_it_was_given(self, node, docker, one):
        (task,) = node(docker).get_tasks()
        assert task.resources == {
            "limits_cpu": 0.5,
            "requests_memory": 32 << 20,
            "limits_memory": 64 << 20,
            "cpus": 0.5,
            "mem": 32 << 20,
        }

    def test_a_quota_is_a_number_of_cpus_and_shares_are_none(self, node, tree, docker):
        tree.add_process(101, f"/docker/{ONE}")
        docker.add(ONE, 101, host={"CpuQuota": 50000, "CpuPeriod": 20000, "CpuShares": 512})
        (task,) = node(docker).get_tasks()
        assert task.resources == {"limits_cpu": 2.5, "cpus": 2.5}

    def test_without_limits_there_are_no_resources(self, node, tree, docker):
        tree.add_process(101, f"/docker/{ONE}")
        docker.add(ONE, 101, host={"NanoCpus": 0, "CpuQuota": -1, "Memory": 0})
        (task,) = node(docker).get_tasks()
        assert task.resources == {}

    def test_an_image_known_by_its_digest_alone_has_the_name_it_was_run_by(
        self, node, tree, docker
    ):
        tree.add_process(101, f"/docker/{ONE}")
        docker.add(ONE, 101, Image="sha256:0123", image="web:2")
        (task,) = node(docker).get_tasks()
        assert task.labels["image"] == "web:2"

    def test_a_container_without_a_name_is_its_id(self, node, tree, docker):
        tree.add_process(101, f"/docker/{ONE}")
        docker.add(ONE, 101, Names=None)
        (task,) = node(docker).get_tasks()
        assert task.name == ONE[:12]

    def test_only_running_ones_are_asked_for_also_those_that_are_paused(self, node, docker, one):
        node(docker).get_tasks()
        assert docker.filters == {"status": ["running", "paused"]}

    def test_one_that_has_ended_meanwhile_is_none(self, node, docker, caplog):
        docker.add(ONE, 0, state={"Running": False})
        assert node(docker).get_tasks() == []
        assert caplog.messages == []

    def test_an_init_of_its_own_may_have_moved_into_a_group_below(self, node, tree, docker):
        tree.add_task(f"/docker/{ONE}")
        tree.add_process(101, f"/docker/{ONE}/init.scope")
        docker.add(ONE, 101)
        (task,) = node(docker).get_tasks()
        assert task.cgroup_path == f"/docker/{ONE}"

    @pytest.mark.parametrize(
        ("parent", "path"),
        [
            ("", f"/docker/{ONE}"),
            ("", f"/system.slice/docker-{ONE}.scope"),
            ("/batch/jobs", f"/batch/jobs/{ONE}"),
            ("batch-jobs.slice", f"/batch.slice/batch-jobs.slice/docker-{ONE}.scope"),
        ],
    )
    def test_a_process_that_cannot_be_seen_leaves_the_usual_places(
        self, node, tree, docker, parent, path
    ):
        tree.add_task(path)
        docker.add(ONE, 101, host={"CgroupParent": parent})
        (task,) = node(docker).get_tasks()
        assert task.cgroup_path == path

    def test_labels_of_a_cluster_choose_as_with_the_cri(self, node, tree, docker, one):
        tree.add_process(102, f"/docker/{TWO}")
        docker.add(TWO, 102, Labels={"io.kubernetes.pod.namespace": "shop", "team": "a"})
        assert [task.task_id for task in node(docker, namespaces=["shop"]).get_tasks()] == [TWO]
        assert [task.task_id for task in node(docker, selector={"team": "?"}).get_tasks()] == [TWO]


class TestCost:
    def test_a_list_that_is_still_the_same_is_one_request(self, node, docker, one):
        asking = node(docker)
        asking.get_tasks()
        assert docker.asked() == ["/_ping", LIST, inspect(ONE)]
        for _ in range(3):
            asking.get_tasks()
            assert docker.asked() == [LIST]


class TestOneContainer:
    @pytest.fixture(autouse=True)
    def other(self, tree, docker, one):
        tree.add_process(102, f"/docker/{TWO}")
        docker.add(TWO, 102)

    def test_one_that_has_vanished_is_passed_over_without_a_word(self, node, docker, caplog):
        del docker.containers[TWO]
        assert [task.task_id for task in node(docker).get_tasks()] == [ONE]
        assert caplog.messages == []

    def test_one_that_docker_cannot_tell_of_is_left_out(self, node, docker, caplog):
        docker.answers[inspect(TWO)] = (500, {"message": "the disk is full"})
        assert [task.task_id for task in node(docker).get_tasks()] == [ONE]
        assert caplog.messages == [
            f"ContainerNode leaves out {TWO} (222222222222): Docker cannot tell: the disk is full"
        ]

    def test_one_that_is_stuck_is_left_out(self, node, docker, caplog):
        docker.stuck.add(inspect(TWO))
        assert [task.task_id for task in node(docker, timeout=5).get_tasks()] == [ONE]
        assert f"({TWO[:12]}): no answer at {docker.path} in time" in caplog.text

    @pytest.mark.parametrize("answer", [[], 7, "x", None, {}, {"State": 7}, {"State": {}}])
    def test_an_answer_that_makes_no_sense_is_left_out(self, node, docker, caplog, answer):
        docker.answers[inspect(TWO)] = (200, answer)
        assert [task.task_id for task in node(docker).get_tasks()] == [ONE]
        assert "what Docker tells of it makes no sense" in caplog.text

    @pytest.mark.parametrize(
        "entry", [7, None, [], {}, {"Id": ""}, {"Id": 7}, {"Id": "x", "Names": 3}]
    )
    def test_an_entry_that_makes_no_sense_is_told_of(self, node, docker, caplog, entry):
        docker.entries.insert(0, entry)
        asking = node(docker)
        for _ in range(2):
            assert {task.task_id for task in asking.get_tasks()} == {ONE, TWO}
        (message,) = caplog.messages
        assert message.startswith("ContainerNode leaves out entry 1 of Docker's list: it makes no")


class TestRuntime:
    def reason(self, node):
        with pytest.raises(TaskSynchronizationException) as caught:
            node.get_tasks()
        return str(caught.value)

    def test_one_that_hangs(self, node, docker, one):
        begin = time.monotonic()
        with docker.hanging():
            assert self.reason(node(docker, timeout=1)) == f"no answer at {docker.path} in time"
        assert time.monotonic() - begin < 40

    def test_one_that_hangs_after_it_has_answered_once(self, node, docker, one):
        asking = node(docker, timeout=5, keep=0, clock=FakeClock())
        asking.get_tasks()
        with docker.hanging():
            begin = time.monotonic()
            asking.get_tasks()
        assert time.monotonic() - begin < 40

    def test_one_that_sends_a_byte_now_and_then_is_not_waited_for(self, node, docker, one):
        docker.drip = 0.1
        begin = time.monotonic()
        assert self.reason(node(docker, timeout=1)) == f"no answer at {docker.path} in time"
        assert time.monotonic() - begin < 40

    def test_one_that_is_away_and_comes_back(self, node, docker, one):
        asking = node(docker)
        (known,) = asking.get_tasks()
        docker.stop()
        assert asking.get_tasks() == [known]
        docker.start()
        docker.asked()
        assert asking.get_tasks() == [known]
        assert docker.asked() == ["/_ping", LIST]  # it may be another version by now

    @pytest.mark.parametrize(
        ("status", "body", "reason"),
        [
            (500, {"message": "the disk is full"}, " refuses: the disk is full"),
            (403, b"not you", " refuses: not you"),
            (200, b"no JSON", ": "),
            (200, {"no": "list"}, ": its list of containers is no list"),
        ],
    )
    def test_a_list_that_is_none(self, node, docker, one, status, body, reason):
        docker.answers[LIST] = (status, body)
        assert self.reason(node(docker)).startswith(docker.path + reason)

    def test_a_web_server_that_is_no_docker(self, node, folder):
        with FakeDocker(folder / "docker.sock", version=None) as server:
            assert self.reason(node(server)) == (
                f"{server.path} does not speak Docker's API: "
                "for containerd's or CRI-O's write api: cri"
            )

    def test_a_version_that_the_package_does_not_know(self, node, folder):
        with FakeDocker(folder / "docker.sock", version="1.1") as server:
            assert "API versions below" in self.reason(node(server))

    def test_containerd_behind_the_socket(self, node, cri):
        assert self.reason(node(cri, api="docker")) == (
            f"{cri.path} does not speak Docker's API: for containerd's or CRI-O's write api: cri"
        )

    def test_close_ends_a_question_that_waits(self, node, docker, one, caplog):
        caplog.set_level(logging.INFO, "wca")
        asking = node(docker, timeout=60)
        asking.start()
        docker.asked()
        with docker.hanging():
            asking.get_tasks()
            while not docker.calls:
                time.sleep(0.01)
            begin = time.monotonic()
            asking.close(60)
            assert time.monotonic() - begin < 40
        assert not [one for one in threading.enumerate() if one.name == "ContainerNode"]
        assert caplog.messages == []


def test_the_environment_has_no_say(node, tree, docker, one, monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine localhost login me password secret")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert len(node(docker).get_tasks()) == 1
    assert "Authorization" not in docker.headers
