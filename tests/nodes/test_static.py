"""StaticNode: tasks named in the configuration."""

import dataclasses
import logging
import os

import pytest

from wca.errors import ValidationError
from wca.linux.files import Kernel
from wca.nodes.static import StaticNode
from wca.testing import KernelTree, NodeContract

LAYOUTS = ["v1_apart", "v1_together", "v2", "hybrid"]


@pytest.fixture
def tree(tmp_path, request):
    tree = KernelTree(tmp_path, getattr(request, "param", "v1_apart"))
    yield tree
    tree.kernel.close()


def names(node):
    return [task.name for task in node.get_tasks()]


class TestContract(NodeContract):
    @pytest.fixture(autouse=True)
    def tree(self, tmp_path):
        self.tree = KernelTree(tmp_path, "hybrid")
        self.tree.add_task("/one")
        self.tree.add_task("/batch/two")
        yield
        self.tree.kernel.close()

    def node(self):
        return StaticNode(
            tasks=["one"], directory="batch", default_labels={"a": "b"}, kernel=self.tree.kernel
        )


@pytest.mark.parametrize("tree", LAYOUTS, indirect=True)
def test_a_task_exists_when_its_groups_do(tree):
    tree.add_task("/batch/job")
    node = StaticNode(tasks=["batch/job", "missing"], kernel=tree.kernel)
    (task,) = node.get_tasks()
    assert (task.name, task.task_id, task.cgroup_path) == ("batch/job", "batch/job", "/batch/job")
    assert task.subcgroups_paths == []


def test_a_leading_slash_and_a_repeated_task_change_nothing(tree):
    tree.add_task("/job")
    assert names(StaticNode(tasks=["/job", "job", "job/"], kernel=tree.kernel)) == ["job"]


def test_without_tasks_the_list_is_empty_and_nothing_is_read(tree):
    assert StaticNode(tasks=[], kernel=tree.kernel).get_tasks() == []
    assert tree.kernel.calls.opens == 0


def test_a_group_missing_in_one_mounted_hierarchy_means_no_task(tree, caplog):
    tree.add_task("/job")
    tree.remove(tree.groups("/job")["memory"])
    assert names(StaticNode(tasks=["job"], kernel=tree.kernel)) == []
    assert "there is no cgroup /job for memory" in caplog.text


def test_a_hierarchy_that_is_not_mounted_is_not_asked_for(tree):
    tree.add_task("/job")
    tree.remove("/sys/fs/cgroup/memory")
    with open(tree.root + "/proc/self/mountinfo") as file:
        kept = [line for line in file if "memory" not in line]
    tree.write("/proc/self/mountinfo", "".join(kept))
    assert names(StaticNode(tasks=["job"], kernel=tree.kernel)) == ["job"]


@pytest.mark.parametrize("path", ["../job", "a/../../b", "..", "a/./b"])
@pytest.mark.parametrize("field", ["tasks", "directory"])
def test_a_path_that_climbs_is_refused_at_construction(field, path):
    given = {"tasks": [path]} if field == "tasks" else {"tasks": [], "directory": path}
    with pytest.raises(ValidationError, match=r"a cgroup path has no '\.\.'"):
        StaticNode(**given)


@pytest.mark.parametrize("path", ["", " "])
def test_a_task_without_a_path_is_refused_at_construction(path):
    with pytest.raises(ValidationError, match="empty text"):
        StaticNode(tasks=[path])


def test_construction_reads_nothing(tmp_path):
    kernel = Kernel(str(tmp_path / "nothing"))
    StaticNode(tasks=["job"], directory="batch", kernel=kernel)
    assert kernel.calls == type(kernel.calls)()


def test_a_missing_task_is_warned_about_when_that_changes_only(tree, caplog):
    tree.add_task("/job")
    node = StaticNode(tasks=["job"], kernel=tree.kernel)
    caplog.set_level(logging.INFO)
    node.get_tasks()
    assert caplog.messages == []
    tree.remove_task("/job")
    node.close()  # the tree cannot take files away from open descriptors
    for _ in range(3):
        assert names(node) == []
    assert len(caplog.messages) == 1
    assert "task job is left out" in caplog.messages[0]
    tree.add_task("/job")
    for _ in range(3):
        assert names(node) == ["job"]
    assert caplog.messages[1:] == ["task job is there now"]


def test_labels_of_a_task_win_over_those_of_all(tree):
    tree.add_task("/a")
    tree.add_task("/b")
    node = StaticNode(
        tasks=["a", "b"],
        default_labels={"team": "x", "tier": "1"},
        tasks_labels={"/a": {"tier": "2"}},
        kernel=tree.kernel,
    )
    labels = {task.name: task.labels for task in node.get_tasks()}
    assert labels == {"a": {"team": "x", "tier": "2"}, "b": {"team": "x", "tier": "1"}}


def test_a_task_without_an_entry_among_the_labels_has_none(tree):
    tree.add_task("/a")
    tree.add_task("/b")
    first, second = StaticNode(
        tasks=["a", "b"], tasks_labels={"b": {"x": "y"}}, kernel=tree.kernel
    ).get_tasks()
    assert (first.labels, second.labels) == ({}, {"x": "y"})


def test_labels_of_a_task_that_is_not_listed_are_said_once(tree, caplog):
    labels = {"other": {"x": "y"}}
    node = StaticNode(tasks=["a"], tasks_labels=labels, kernel=tree.kernel)
    node.get_tasks()
    node.get_tasks()
    assert caplog.text.count("tasks_labels has labels for other, but tasks does not") == 1
    caplog.clear()
    StaticNode(tasks=[], directory="/d", tasks_labels=labels, kernel=tree.kernel).get_tasks()
    assert "tasks_labels" not in caplog.text  # it may be a group of the folder


def test_resources_are_those_of_every_task_and_shared_by_none(tree):
    tree.add_task("/a")
    tree.add_task("/b")
    node = StaticNode(tasks=["a", "b"], default_resources={"cpus": 2}, kernel=tree.kernel)
    first, second = node.get_tasks()
    assert first.resources == second.resources == {"cpus": 2}
    first.resources["cpus"] = 9
    assert second.resources == {"cpus": 2}


@pytest.mark.parametrize("tree", LAYOUTS, indirect=True)
def test_with_require_pids_a_task_needs_a_process_in_it_or_below(tree, caplog):
    tree.add_task("/empty", pids=())
    tree.add_task("/direct")
    tree.add_task("/parent", pids=())
    tree.add_task("/parent/child", pids=(7,))
    tasks = ["empty", "direct", "parent"]
    assert names(StaticNode(tasks=tasks, kernel=tree.kernel)) == tasks
    node = StaticNode(tasks=tasks, require_pids=True, kernel=tree.kernel)
    for _ in range(2):
        assert names(node) == ["direct", "parent"]
    assert caplog.messages == ["task empty is left out: no process is in the cgroup /empty"]
    tree.add_task("/direct", pids=())
    tree.add_task("/empty", pids=(8,))
    assert names(node) == ["empty", "parent"]


@pytest.mark.parametrize("tree", LAYOUTS, indirect=True)
def test_every_group_of_the_directory_is_a_task(tree):
    tree.add_task("/one")
    tree.add_task("/batch", pids=())
    tree.add_task("/batch/b")
    tree.add_task("/batch/a")
    node = StaticNode(tasks=["one"], directory="/batch/", kernel=tree.kernel)
    assert names(node) == ["one", "batch/a", "batch/b"]
    tree.remove_task("/batch/a")
    tree.add_task("/batch/c")
    assert names(node) == ["one", "batch/b", "batch/c"]


def test_a_directory_that_is_not_there_yet_has_no_tasks_and_warns_once(tree, caplog):
    node = StaticNode(tasks=[], directory="batch", kernel=tree.kernel)
    for _ in range(3):
        assert node.get_tasks() == []
    assert caplog.messages == ["no cgroup /batch for 'directory'"]
    tree.add_task("/batch/a")
    assert names(node) == ["batch/a"]


def test_a_task_that_stays_costs_one_read_and_no_search(tree):
    tree.add_task("/a")
    tree.add_task("/b")
    node = StaticNode(tasks=["a", "b"], kernel=tree.kernel)
    first = node.get_tasks()
    before = dataclasses.replace(tree.kernel.calls)
    second = node.get_tasks()
    assert tree.kernel.calls == dataclasses.replace(before, reads=before.reads + 2)
    assert [id(task) for task in second] == [id(task) for task in first]


def test_closing_gives_the_descriptors_back_and_is_safe_without_use_and_twice(tree):
    tree.add_task("/a")
    before = len(os.listdir("/proc/self/fd"))
    node = StaticNode(tasks=["a"], kernel=tree.kernel)
    node.close()
    node.get_tasks()
    assert len(os.listdir("/proc/self/fd")) > before
    node.close(1.0)
    node.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_root_group_can_be_a_task():
    node = StaticNode(tasks=["/"])
    (task,) = node.get_tasks()
    assert (task.name, task.cgroup_path) == ("/", "/")
    node.close()


def test_real_tasks_that_end_and_come_back(real_cgroups):
    path = real_cgroups.make("job")
    node = StaticNode(tasks=[path], kernel=real_cgroups.kernel)
    assert [task.cgroup_path for task in node.get_tasks()] == [path]
    real_cgroups.remove(path)
    assert node.get_tasks() == []
    real_cgroups.make("job")
    assert [task.cgroup_path for task in node.get_tasks()] == [path]
    node.close()


def test_with_require_pids_a_real_task_without_processes_is_left_out(real_cgroups):
    path = real_cgroups.make("job")
    node = StaticNode(tasks=[path], require_pids=True, kernel=real_cgroups.kernel)
    assert node.get_tasks() == []
    worker = real_cgroups.worker(path)
    assert len(node.get_tasks()) == 1
    worker.stop()
    assert node.get_tasks() == []
    node.close()
