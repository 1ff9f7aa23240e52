"""MesosNode beside a server that answers as an agent does; see mesos_answers.py.

There is no real agent behind any of these tests.
"""

import contextlib
import json
import logging

import pytest

from tests import tls_server
from tests.http_receiver import Receiver, Reply
from tests.nodes.distant import DistantService
from tests.nodes.mesos_answers import scalar, state, task
from wca.errors import TaskSynchronizationException, ValidationError
from wca.nodes.mesos import MesosNode
from wca.security import SSL
from wca.testing import KernelTree, NodeContract

LAYOUTS = ["v1_apart", "v1_together", "v2", "hybrid"]
MIB = 1 << 20


def process(tree, pid, path):
    """A process in the group of this path, in every hierarchy; the group with what is in it."""
    tree.add_task(path, pids=(pid,))
    by_name = tree.groups(path)
    lines = [f"{number}:{name}:{path}" for number, name in enumerate(by_name, 1) if name != "v2"]
    if "v2" in by_name:
        lines.append(f"0::{path}")
    tree.write(f"/proc/{pid}/cgroup", "".join(f"{line}\n" for line in lines))


@pytest.fixture
def tree(tmp_path, request):
    tree = KernelTree(tmp_path / "root", getattr(request, "param", "v2"))
    process(tree, 101, "/mesos/c1")
    process(tree, 102, "/mesos/c2")
    yield tree
    tree.kernel.close()


@pytest.fixture
def node(receiver, tree):
    node = MesosNode(receiver.url, kernel=tree.kernel)
    yield node
    node.close()


def listed(node, receiver, *launched):
    receiver.reply(Reply(body=encoded(*launched)))
    return node.get_tasks()


def encoded(*launched):
    return json.dumps(state(*launched)).encode()


class TestContract(NodeContract):
    @pytest.fixture(autouse=True)
    def agent(self, certificates, tmp_path):
        tree = KernelTree(tmp_path, "v2")
        process(tree, 101, "/mesos/c1")
        process(tree, 102, "/mesos/c2")
        self.kernel = tree.kernel
        self.ssl = SSL(certificates.ca, certificates.client_cert, certificates.client_key)
        self.tasks = [task("a", "one", {"x.y": "z"}, pid=101), task("b", pid=102)]
        with DistantService(certificates, ask_client=True) as self.service:
            self.service.answer(state(*self.tasks))
            yield
        tree.kernel.close()

    def node(self):
        return MesosNode(self.service.url, 1.0, self.ssl, kernel=self.kernel)

    def away(self):
        return self.service.stopped()

    @contextlib.contextmanager
    def malformed(self):
        self.service.answer(state({"task_id": 7}, *self.tasks, task("c", pid=None), None))
        try:
            yield
        finally:
            self.service.answer(state(*self.tasks))


def test_without_arguments_it_asks_the_agent_of_this_machine():
    with pytest.raises(TaskSynchronizationException, match=r"^https://127\.0\.0\.1:5051/api/v1: "):
        MesosNode().get_tasks()


def test_it_asks_for_the_state(node, receiver):
    listed(node, receiver)
    (request,) = receiver.requests
    assert (request.method, request.path, request.body) == (
        "POST",
        "/api/v1",
        b'{"type": "GET_STATE"}',
    )


@pytest.mark.parametrize("tree", LAYOUTS, indirect=True)
def test_the_cgroup_is_that_of_the_process_on_every_version(node, receiver, tree):
    one, two = listed(node, receiver, task("a", "one", {"k": "v"}, pid=101), task("b", pid=102))
    assert (one.task_id, one.name, one.cgroup_path) == ("a", "one", "/mesos/c1")
    assert one.labels == {"k": "v"}
    assert one.resources == {"cpus": 2.0, "mem": 1024 * MIB, "disk": 1024 * MIB}
    assert (two.task_id, two.name, two.cgroup_path) == ("b", "b", "/mesos/c2")
    assert one.subcgroups_paths == two.subcgroups_paths == []


@pytest.mark.parametrize("containers", [(), ("c3",)])
def test_on_v2_the_processes_are_in_a_leaf_of_the_containers_group(
    node, receiver, tree, containers
):
    tree.add_task("/mesos/c3")
    process(tree, 103, "/mesos/c3/leaf")
    (found,) = listed(node, receiver, task("a", pid=103, containers=containers))
    assert found.cgroup_path == "/mesos/c3"


def test_a_group_that_a_task_has_named_leaf_is_its_own(node, receiver, tree):
    process(tree, 103, "/mesos/c3/own/leaf")
    (found,) = listed(node, receiver, task("a", pid=103, containers=("c3",)))
    assert found.cgroup_path == "/mesos/c3/own/leaf"


def test_containers_of_a_task_group_with_cgroups_of_their_own_are_tasks(node, receiver, tree):
    process(tree, 103, "/mesos/p/mesos/x")
    process(tree, 104, "/mesos/p/mesos/y")
    one, two = listed(
        node,
        receiver,
        task("a", pid=103, containers=("p", "x"), executor="default"),
        task("b", pid=104, containers=("p", "y"), executor="default"),
    )
    assert (one.task_id, one.cgroup_path) == ("a", "/mesos/p/mesos/x")
    assert (two.task_id, two.cgroup_path) == ("b", "/mesos/p/mesos/y")


def test_containers_that_share_the_cgroup_of_their_executor_are_one_task(node, receiver, tree):
    process(tree, 103, "/mesos/p")
    process(tree, 104, "/mesos/p")
    parts = [
        task(
            "a",
            "one",
            {"app": "shop", "part": "web"},
            [scalar("cpus", 1.0), scalar("mem", 64)],
            pid=103,
            containers=("p", "x"),
            executor="default",
        ),
        task(
            "b",
            "two",
            {"app": "shop", "part": "db"},
            [scalar("cpus", 0.5), scalar("gpus", 1)],
            pid=104,
            containers=("p", "y"),
            executor="default",
        ),
    ]
    (shared,) = listed(node, receiver, *parts)
    assert (shared.task_id, shared.name, shared.cgroup_path) == ("p", "default", "/mesos/p")
    assert shared.labels == {"app": "shop"}
    assert shared.resources == {"cpus": 1.5, "mem": 64 * MIB, "gpus": 1}
    (left,) = listed(node, receiver, parts[1])
    assert left.task_id == "p", "it is the same task when one of its parts has ended"


def test_tasks_that_an_executor_of_a_frameworks_own_runs_itself_are_one(node, receiver):
    (found,) = listed(
        node,
        receiver,
        task("a", "one", pid=101, executor="theirs", containers=("c1",)),
        task("b", "two", pid=101, executor="theirs", containers=("c1",)),
    )
    assert (found.task_id, found.name) == ("c1", "theirs")
    assert found.resources["cpus"] == 4.0


def test_what_cannot_be_used_is_left_out_and_said_once(node, receiver, tree, caplog):
    tree.write("/proc/103/cgroup", "0::/\n")
    launched = [
        task("fine", pid=101),
        task("gone", pid=9999),
        task("root", pid=103),
        task("unknown", pid=None),
    ]
    for _ in range(3):
        assert [one.task_id for one in listed(node, receiver, *launched)] == ["fine"]
    (said,) = caplog.messages
    assert said.startswith("MesosNode leaves out ")
    assert "unknown: its status has no executor_pid" in said
    assert "gone: " in said
    assert "root: its process 103 is in no cgroup of its own" in said


def test_a_task_that_can_be_used_later_is_listed_then(node, receiver, tree, caplog):
    caplog.set_level(logging.INFO)
    assert listed(node, receiver, task("a", pid=9999)) == []
    process(tree, 9999, "/mesos/c9")
    assert [one.cgroup_path for one in listed(node, receiver, task("a", pid=9999))] == ["/mesos/c9"]


def test_another_order_of_the_answer_is_the_same_list(node, receiver):
    changes = []
    node.on_change(lambda: changes.append(1))
    first, second = task("a", pid=101), task("b", pid=102)
    assert listed(node, receiver, first, second) == listed(node, receiver, second, first)
    assert len(changes) == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply(500, body=b"internal"),
        Reply(body=encoded(task())[:-30]),
        Reply(body=encoded(task()), cut=100),
        Reply(body=encoded(task()), body_pace=0.2),
        Reply(delay=30),
        Reply(status=0),
        Reply(body=b"[]"),
        Reply(301, {"Location": "/elsewhere"}),
    ],
    ids=["500", "truncated", "broken off", "a slow drip", "silence", "hangs up", "other", "moved"],
)
def test_an_agent_that_gives_no_list_keeps_the_last_one_and_says_why(receiver, tree, reply, caplog):
    node = MesosNode(receiver.url, timeout=1.0, kernel=tree.kernel)
    (known,) = listed(node, receiver, task("a", pid=101))
    receiver.reply(reply)
    assert node.get_tasks() == [known]
    assert f"MesosNode: {receiver.url}" in caplog.text or "agent's answer" in caplog.text
    assert "its last list is used for 300 s more" in caplog.text
    node.close()


def test_a_certificate_of_nobody_known_is_not_believed(certificates, tree):
    with Receiver(tls_server.context(certificates)) as agent:
        node = MesosNode(agent.url, kernel=tree.kernel)
        with pytest.raises(TaskSynchronizationException, match="its certificate is not accepted"):
            node.get_tasks()
        assert agent.requests == []
        node.close()


def test_without_the_certificate_that_the_agent_asks_for_there_is_no_list(certificates, tree):
    with Receiver(tls_server.context(certificates, ask_client=True)) as agent:
        node = MesosNode(agent.url, ssl=SSL(certificates.ca), kernel=tree.kernel)
        with pytest.raises(TaskSynchronizationException, match=agent.url):
            node.get_tasks()
        node.close()


@pytest.mark.parametrize(
    "wrong", [{"mesos_agent_endpoint": "127.0.0.1:5051"}, {"timeout": 0.5}, {"timeout": 61}]
)
def test_a_wrong_argument_is_refused_at_construction(wrong):
    with pytest.raises(ValidationError, match="expected"):
        MesosNode(**wrong)


def test_the_real_processes_of_this_machine(receiver, real_cgroups):
    path = real_cgroups.make("mesos")
    worker = real_cgroups.worker(path)
    node = MesosNode(receiver.url, kernel=real_cgroups.kernel)
    (found,) = listed(node, receiver, task("a", pid=worker.pid))
    assert found.cgroup_path == path
    worker.stop()
    assert listed(node, receiver, task("a", pid=worker.pid)) == []
    node.close()
