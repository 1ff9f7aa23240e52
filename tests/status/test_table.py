"""The tasks of the page: a bounded number, each with a bounded number of points."""

import json

from wca.containers.parts import parts_of
from wca.nodes import Task
from wca.runners.stages import TaskSample
from wca.status.readings import COUNTERS
from wca.status.table import LENGTH, MOST_TASKS, Table


class Node:
    """Samples of tasks, a second apart."""

    def __init__(self):
        self.table, self.now, self.lines = Table(), 100.0, []

    def add(self, *samples):
        self.now += 1.0
        self.lines = self.table.add(samples, dict.fromkeys(COUNTERS, self.now), self.now)

    def row(self, history=False):
        (line,) = self.lines
        row = line.row(history=history)
        json.dumps(row, allow_nan=False)
        return row


class Container:
    """Of a task that is measured."""

    def __init__(self, task):
        self.task = task


def sample(of, **measured):
    return TaskSample(of, measured)


def cpu(seconds):
    return {"task_cpu_usage_seconds": seconds}


WEB = Container(
    Task("web", "web-1", "/web", {"task_id": "web-1", "task_name": "web", "app": "shop"})
)


def test_a_task_says_who_it_is_and_what_is_known_of_it():
    node = Node()
    node.add(sample(WEB, **cpu(1.0), task_mem_working_set_bytes=4096))
    assert node.row() == {
        "id": "web-1",
        "name": "web",
        "labels": {"app": "shop"},
        "memory_bytes": 4096,
    }
    node.add(sample(WEB, **cpu(1.25), task_mem_working_set_bytes=8192))
    assert node.row()["cpu"] == 0.25


def test_the_points_of_what_is_measured_are_its_history_and_gaps_are_gaps():
    node = Node()
    for seconds in (1.0, 1.5, None, 3.5):
        node.add(sample(WEB, **({} if seconds is None else cpu(seconds))))
    assert node.row(history=True)["history"] == {"cpu": [None, 0.5, None, 1.0]}
    assert "history" not in node.row()


def test_points_are_bounded():
    node = Node()
    for number in range(LENGTH + 20):
        node.add(sample(WEB, task_mem_working_set_bytes=number))
    assert node.row(history=True)["history"]["memory_bytes"] == list(range(20, LENGTH + 20))


def test_a_size_is_told_to_the_page():
    node = Node()
    node.add(sample(WEB, task_mem_working_set_bytes=(7 << 30) + 4096))
    assert node.row()["memory_bytes"] == (7 << 30) + 4096


def test_a_task_that_is_gone_is_forgotten_and_one_that_is_replaced_begins_anew():
    node = Node()
    node.add(sample(WEB, **cpu(100.0)))
    node.add()
    assert node.lines == []
    node.add(sample(WEB, **cpu(100.0)))
    node.add(sample(Container(WEB.task), **cpu(300.0)))
    assert "cpu" not in node.row()


def test_of_too_many_tasks_the_first_are_shown():
    node = Node()
    node.add(
        *(sample(Container(Task(str(n), str(n), "/n")), **cpu(1.0)) for n in range(MOST_TASKS + 5))
    )
    assert len(node.lines) == MOST_TASKS
    assert node.lines[-1].task.name == str(MOST_TASKS - 1)


def test_labels_and_names_are_kept_short():
    node = Node()
    labels = {f"label{n}": "x" * 10_000 for n in range(100)}
    node.add(sample(Container(Task("n\n" * 10_000, "id", "/n", labels))))
    row = node.row()
    assert len(row["labels"]) == 12
    assert len(json.dumps(row)) < 4000
    assert row["name"].startswith("n?n?")


def test_a_container_is_named_with_its_task():
    pod = Task("pod", "pod-1", "/pod", {"app": "shop"}, {}, ["/pod/web"])
    (part,) = parts_of(pod)
    node = Node()
    node.add(sample(Container(part)))
    assert node.row() == {"id": "pod-1/pod/web", "name": "pod/web", "labels": {"app": "shop"}}
