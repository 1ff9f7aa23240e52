"""What is in force is read when it may have changed."""

import pytest

from wca.allocations.in_force import InForce
from wca.detectors.api import TaskData


class Node:
    """Tasks whose values are counted as they are read, second by second."""

    def __init__(self, count):
        self.tasks = {f"t{n}": TaskData(f"t{n}", f"t{n}", f"/t{n}") for n in range(count)}
        self.quota = 1.0
        self.reads = []
        self.second = 0
        self.in_force = InForce(self._read, lambda: float(self.second))

    def _read(self, task):
        self.reads.append(task.task_id)
        return {"cpu_quota": self.quota, "io_max": {"8:0": {}}}

    def look(self, touched=()):
        """The values of one interval."""
        found = {name: self.in_force.of(task) for name, task in self.tasks.items()}
        self.in_force.keep(self.tasks, touched)
        self.second += 1
        return found


@pytest.fixture
def node():
    return Node(100)


def test_each_task_is_read_at_once_and_then_every_five_seconds_not_all_together(node):
    node.look()
    assert len(node.reads) == 100
    per_second = []
    for _ in range(60):
        node.reads.clear()
        node.look()
        per_second.append(len(node.reads))
    assert sum(per_second) <= 100 * 60 / 5
    assert max(per_second) < 60


def test_what_somebody_else_has_written_is_seen_within_ten_seconds(node):
    node.look()
    node.quota = 0.5
    for _ in range(10):
        found = node.look()
    assert {one["cpu_quota"] for one in found.values()} == {0.5}


def test_tasks_that_something_is_done_to_are_read_in_the_next_interval(node):
    node.look(touched={"t7"})
    node.reads.clear()
    node.look(touched={"t7"})
    assert node.reads == ["t7"]
    node.look()
    node.reads.clear()
    node.look()
    assert "t7" not in node.reads


def test_a_task_that_comes_again_is_read_again(node):
    node.look()
    task = node.tasks.pop("t3")
    node.look()
    node.tasks["t3"] = task
    node.reads.clear()
    node.look()
    assert "t3" in node.reads


def test_who_changes_what_was_given_changes_nothing_for_others(node):
    node.look()["t1"]["io_max"]["8:0"] = "spoiled"
    node.look()["t1"].clear()
    assert node.look()["t1"] == {"cpu_quota": 1.0, "io_max": {"8:0": {}}}
