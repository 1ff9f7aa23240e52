"""OwnCgroupNode: the cgroup that the agent itself is in."""

import pytest

from wca.errors import TaskSynchronizationException
from wca.linux.files import Kernel
from wca.nodes import OwnCgroupNode

FILES = {
    "proc/self/mountinfo": "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
    "proc/self/cgroup": "0::/docker/abc\n",
    "sys/fs/cgroup/docker/abc/cgroup.controllers": "cpu memory\n",
}


def tree(tmp_path, **changed):
    for name, text in {**FILES, **changed}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Kernel(str(tmp_path))


def test_it_is_one_task_with_the_labels_that_were_given(tmp_path):
    node = OwnCgroupNode(name="web", labels={"team": "blue"}, kernel=tree(tmp_path))
    (task,) = node.get_tasks()
    assert (task.name, task.task_id, task.cgroup_path) == ("web", "web", "/docker/abc")
    assert task.labels == {"team": "blue"}


def test_in_a_namespace_of_its_own_it_is_all_that_can_be_seen(tmp_path):
    kernel = tree(tmp_path, **{"proc/self/cgroup": "0::/\n"})
    assert [task.cgroup_path for task in OwnCgroupNode(kernel=kernel).get_tasks()] == ["/"]


def test_on_this_machine_the_group_is_there():
    assert len(OwnCgroupNode().get_tasks()) == 1


def test_where_the_group_cannot_be_told_it_says_so(tmp_path):
    with pytest.raises(TaskSynchronizationException, match="the agent's own cgroup"):
        OwnCgroupNode(kernel=Kernel(str(tmp_path))).get_tasks()
