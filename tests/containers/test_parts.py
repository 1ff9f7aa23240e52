"""The containers of a task as something to measure."""

from wca.containers.parts import parts_of
from wca.nodes import Task

POD, WEB, LOG = "/kubepods/pod1", "/kubepods/pod1/crio-1.scope", "/kubepods/pod1/crio-2.scope"


def task(**more):
    labels = {"app": "shop", "task_id": "uid"}
    return Task("ns/shop", "uid", POD, labels=labels, subcgroups_paths=[WEB, LOG], **more)


def test_a_container_has_the_labels_of_its_task_and_its_path_below_the_tasks():
    first, second = parts_of(task())
    assert first.labels == {"app": "shop", "task_id": "uid", "container": "crio-1.scope"}
    assert second.labels["container"] == "crio-2.scope"
    assert [first.cgroup_path, second.cgroup_path] == [WEB, LOG]
    assert first.task_id != second.task_id


def test_a_container_that_the_node_names_has_that_name_and_its_own_labels():
    own = {WEB: {"container": "web", "image": "shop:1"}, LOG: {"image": "log:1"}}
    first, second = parts_of(task(subcgroups_labels=own))
    assert (first.labels["container"], first.labels["image"]) == ("web", "shop:1")
    assert first.labels["container_id"] == "crio-1.scope"
    assert (second.labels["container"], second.labels["image"]) == ("crio-2.scope", "log:1")
    assert "container_id" not in second.labels


def test_a_task_without_containers_has_no_parts():
    assert parts_of(Task("a", "a", "/a")) == []
