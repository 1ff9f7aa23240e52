"""UnionNode: several nodes as one."""

import contextlib
import logging

import pytest

from wca.components import load_registry
from wca.config import load_config
from wca.errors import ConfigLoadError, StartError, TaskSynchronizationException, ValidationError
from wca.nodes import Node, StaticNode, Task
from wca.nodes.polling import PollingNode
from wca.nodes.union import UnionNode
from wca.runners import MeasurementRunner
from wca.testing import FakeClock, KernelTree, NodeContract, RecordingStorage


def task(name, **more):
    return Task(name, name, f"/{name}", **more)


class Given(Node):
    """A node that lists what it is given, or fails; and remembers what was done to it."""

    def __init__(self, *tasks):
        self.tasks, self.error, self.calls = list(tasks), None, []

    def get_tasks(self):
        if self.error is not None:
            raise self.error
        return self.tasks


class Able(Given):
    """One with every ability."""

    def use_kernel(self, kernel):
        self.calls.append(("use_kernel", kernel))

    def on_change(self, changed):
        self.changed = changed

    def start(self):
        self.calls.append("start")

    def close(self, timeout):
        self.calls.append(("close", timeout))


class Asking(PollingNode):
    """One that keeps its list itself."""

    def __init__(self, given, keep, clock):
        super().__init__(keep, clock)
        self.given = given

    def poll(self):
        return self.given.get_tasks()


@pytest.fixture
def clock():
    return FakeClock()


def names(node):
    return [one.name for one in node.get_tasks()]


class TestContract(NodeContract):
    @pytest.fixture(autouse=True)
    def nodes(self, tmp_path):
        tree = KernelTree(tmp_path, "v2")
        tree.add_task("/a")
        self.kernel = tree.kernel
        self.asked = Given(task("b"), task("c"))
        yield
        tree.kernel.close()

    def node(self):
        asking = Asking(self.asked, 60.0, None)
        return UnionNode([StaticNode(tasks=["a"], kernel=self.kernel), asking])


class TestContractOfNodesThatAreAway(NodeContract):
    """All of them are away at once; else there would be a list."""

    @pytest.fixture(autouse=True)
    def nodes(self):
        self.one, self.two = Given(task("b")), Given(task("c"))

    def node(self):
        return UnionNode([self.one, Asking(self.two, 60.0, None)])

    @contextlib.contextmanager
    def away(self):
        error = TaskSynchronizationException("it is away")
        self.one.error = self.two.error = error
        try:
            yield
        finally:
            self.one.error = self.two.error = None


def test_the_tasks_come_in_the_order_of_the_nodes():
    assert names(UnionNode([Given(task("b"), task("a")), Given(), Given(task("c"))])) == [
        "b",
        "a",
        "c",
    ]


def test_of_two_tasks_with_one_id_the_earlier_nodes_counts_which_is_said_once(caplog):
    first, second = Given(task("a", labels={"of": "first"}), task("x")), Given(task("a"), task("x"))
    union = UnionNode([first, second])
    for _ in range(3):
        assert [one.labels for one in union.get_tasks()] == [{"of": "first"}, {}]
    (said,) = caplog.messages
    assert said.startswith("task id a and 1 more: listed by more than one node")
    first.tasks.append(task("y"))
    second.tasks.append(task("y"))
    union.get_tasks()
    assert caplog.messages[1].startswith("task id y: listed by more than one node")


def test_a_node_that_fails_costs_its_own_tasks_only_and_not_before_they_are_too_old(clock, caplog):
    caplog.set_level(logging.INFO)
    fine, broken = Given(task("a")), Given(task("b"))
    union = UnionNode([fine, broken], keep=30.0, clock=clock)
    assert names(union) == ["a", "b"]
    broken.error = TaskSynchronizationException("no answer")
    clock.advance(30)
    for _ in range(3):
        assert names(union) == ["a", "b"]
    clock.advance(1)
    for _ in range(3):
        assert names(union) == ["a"]
    broken.error = None
    assert names(union) == ["a", "b"]
    assert caplog.messages == [
        "Given#2: no answer; its last list is used for 30 s more",
        "the tasks of Given#2 are left out: no answer; its last list is 31 s old",
        "Given#2 gives its tasks again",
        "the tasks of Given#2 are there again",
    ]


def test_a_node_that_keeps_its_list_itself_is_left_out_when_it_says_so(clock):
    given = Given(task("b"))
    asking = Asking(given, 10.0, clock)
    union = UnionNode([Given(task("a")), asking], keep=1000.0, clock=clock)
    assert names(union) == ["a", "b"]
    given.error = TaskSynchronizationException("no answer")
    clock.advance(10)
    assert names(union) == ["a", "b"]
    clock.advance(1)
    assert names(union) == ["a"]


@pytest.mark.parametrize("error", [RuntimeError("odd"), SystemExit(3), KeyError("x")])
def test_a_node_that_raises_what_it_should_not_is_a_node_that_fails(error, caplog):
    broken = Given()
    broken.error = error
    assert names(UnionNode([broken, Given(task("a"))])) == ["a"]
    assert f"the tasks of Given are left out: {type(error).__name__}" in caplog.text


def test_when_all_fail_there_is_no_list_and_every_reason_is_told():
    one, two = Given(), Given()
    one.error, two.error = TaskSynchronizationException("no answer"), RuntimeError("odd")
    with pytest.raises(TaskSynchronizationException) as raised:
        UnionNode([one, two]).get_tasks()
    assert str(raised.value) == (
        "no node has a list of tasks: Given: no answer; Given#2: RuntimeError: odd"
    )


def test_what_is_no_task_reaches_discovery_which_says_so():
    assert UnionNode([Given(task("a"), 7, None)]).get_tasks() == [task("a"), 7, None]


def test_abilities_are_those_of_the_nodes_and_close_goes_backwards():
    order = []
    plain, one, two = Given(), Able(), Able()
    for able in (one, two):
        able.calls = order
    union = UnionNode([plain, one, two], clock=FakeClock())
    kernel, changed = object(), lambda: None
    union.use_kernel(kernel)
    union.on_change(changed)
    union.start()
    union.close(3.0)
    assert one.changed is two.changed is changed
    assert order == [
        ("use_kernel", kernel),
        ("use_kernel", kernel),
        "start",
        "start",
        ("close", 1.0),
        ("close", 1.5),
    ]


def test_a_node_that_cannot_start_keeps_the_agent_from_starting_and_is_named():
    class Lacking(Given):
        def start(self):
            raise StartError("install the library")

    with pytest.raises(StartError, match=r"^Lacking cannot start: install the library$"):
        UnionNode([Given(), Lacking()]).start()


def test_a_node_that_cannot_be_closed_keeps_none_of_the_others_open(caplog):
    class Stuck(Given):
        def close(self, timeout):
            raise RuntimeError("stuck")

    first = Able()
    UnionNode([first, Stuck()]).close(1.0)
    assert [name for name, _ in first.calls] == ["close"]
    assert "Stuck did not close: stuck" in caplog.text


def test_ages_are_told_by_the_names_of_the_nodes(clock):
    fine, broken = Given(task("a")), Given(task("b"))
    asking = Asking(Given(task("c")), 60.0, clock)
    inner = UnionNode([Given(task("d")), Given(task("e"))], clock=clock)
    union = UnionNode([fine, broken, asking, inner], clock=clock)
    assert union.list_ages() == {}
    union.get_tasks()
    broken.error = TaskSynchronizationException("no answer")
    clock.advance(7)
    union.get_tasks()
    assert union.list_ages() == {
        "Given": 0,
        "Given#2": 7,
        "Asking": 0,
        "UnionNode/Given": 0,
        "UnionNode/Given#2": 0,
    }


def test_in_a_runner_a_node_that_fails_is_seen_by_the_age_of_its_list(tmp_path):
    tree, clock = KernelTree(tmp_path, "v2"), FakeClock()
    for name in ("a", "b"):
        tree.add_task(f"/{name}")
    fine, broken = Given(task("a")), Given(task("b"))

    class Breaking(RecordingStorage):
        def store(self, metrics):
            super().store(metrics)
            broken.error = TaskSynchronizationException("no answer")

    storage = Breaking()
    runner = MeasurementRunner(
        UnionNode([fine, broken], clock=clock),
        storage,
        discovery_interval=1.0,
        kernel=tree.kernel,
        clock=clock,
    )
    runner.stop_after(3)
    assert runner.run() == 0
    values = {
        (one.name, one.labels.get("node") or one.labels.get("component")): one.value
        for one in storage.batches[-1]
    }
    assert values["wca_node_list_age_seconds", "Given"] == 0
    assert values["wca_node_list_age_seconds", "Given#2"] == 2
    assert values["wca_failures", "node"] == 0
    assert values["wca_tasks", None] == 2
    tree.kernel.close()


def test_without_nodes_or_with_one_twice_it_is_refused():
    one = Given()
    with pytest.raises(ValidationError, match="nodes is empty"):
        UnionNode([])
    with pytest.raises(ValidationError, match="one node is there twice"):
        UnionNode([one, Given(), one])


def test_a_file_can_name_it_and_the_nodes_in_it(tmp_path):
    text = """
runner: !MeasurementRunner
  node: !UnionNode
    keep: 2m
    nodes:
      - !StaticNode {tasks: [a]}
      - !CgroupNode {patterns: ["/b/*"]}
"""
    path = tmp_path / "config.yaml"
    path.write_text(text)
    assert isinstance(load_config(str(path), load_registry()).runner.node, UnionNode)
    path.write_text(text.replace("2m", "-1"))
    with pytest.raises(ConfigLoadError, match="keep"):
        load_config(str(path), load_registry())
