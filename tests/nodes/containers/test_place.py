"""The cgroup of a container: found through its process, or where the runtime has asked for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.errors import NotAvailable, TargetGone
from wca.linux.cgroups import CgroupHierarchies
from wca.nodes.container_client.api import Details
from wca.nodes.container_client.place import find_cgroup, path_of_spec

ID = "abc123"
LAYOUTS = pytest.mark.parametrize(
    "tree", ["v1_apart", "v1_together", "v2", "hybrid"], indirect=True
)


@pytest.fixture
def find(tree):
    def find(pid, *paths):
        return find_cgroup(CgroupHierarchies(tree.kernel), ID, Details(pid, paths, "", {}))

    return find


@LAYOUTS
@pytest.mark.parametrize(
    ("path", "below"),
    [
        (f"/docker/{ID}", ""),
        (f"/system.slice/docker-{ID}.scope", ""),
        (f"/kubepods/burstable/podu/{ID}", ""),
        (f"/kubepods.slice/kubepods-podu.slice/cri-containerd-{ID}.scope", ""),
        (f"/kubepods.slice/kubepods-podu.slice/crio-{ID}.scope", "/container"),
        (f"/machine.slice/libpod-{ID}.scope", "/container/init.scope"),
        (f"/kubelet/kubepods/podu/{ID}", "/system.slice/x.service"),
    ],
)
def test_it_is_the_group_named_for_the_container_around_its_process(tree, find, path, below):
    tree.add_task(path)
    tree.add_process(7, path + below)
    assert find(7) == path


def test_the_group_of_the_process_wins_over_what_the_runtime_says(tree, find):
    tree.add_process(7, f"/real/{ID}")
    tree.add_task(f"/said/{ID}")
    assert find(7, f"/said/{ID}") == f"/real/{ID}"


@LAYOUTS
def test_without_a_process_it_is_where_the_runtime_has_asked_for_it(tree, find):
    tree.add_task(f"/second/{ID}")
    assert find(None, f"/first/{ID}", f"/second/{ID}") == f"/second/{ID}"
    assert find(7, f"/first/{ID}", f"/second/{ID}") == f"/second/{ID}"


def test_a_process_of_somebody_else_is_not_followed(tree, find):
    tree.add_process(7, "/system.slice/ssh.service")
    with pytest.raises(NotAvailable) as caught:
        find(7, f"/docker/{ID}")
    assert str(caught.value) == (
        "its process 7 is in /system.slice/ssh.service, no cgroup of its own (in a container the "
        "agent needs the PID namespace of the host)"
    )
    tree.add_task(f"/docker/{ID}")
    assert find(7, f"/docker/{ID}") == f"/docker/{ID}"


def test_a_process_seen_from_another_cgroup_namespace_is_not_followed(tree, find):
    tree.move_process(7, f"/../../kubepods/{ID}")
    with pytest.raises(NotAvailable, match="its process 7 is in /, no cgroup of its own"):
        find(7)
    tree.add_task(f"/kubepods/{ID}")
    assert find(7, f"/kubepods/{ID}") == f"/kubepods/{ID}"


def test_one_whose_process_and_group_are_gone_has_ended(find):
    with pytest.raises(TargetGone, match="there is no process 7"):
        find(7, f"/docker/{ID}")


def test_one_of_which_nothing_is_known_cannot_be_found(find):
    with pytest.raises(NotAvailable, match="the runtime tells no process of it"):
        find(None)


@pytest.mark.parametrize("path", ["/", "", "/../../x", f"/a/../{ID}", "relative\0"])
def test_a_path_that_cannot_be_one_is_passed_over(find, path):
    with pytest.raises(NotAvailable, match="the runtime tells no process of it"):
        find(None, path)


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ("/kubepods/podu/abc", "/kubepods/podu/abc"),
        (
            "kubepods-besteffort-pod_1.slice:crio:abc",
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod_1.slice/crio-abc.scope",
        ),
        ("system.slice:docker:abc", "/system.slice/docker-abc.scope"),
        (":docker:abc", "/system.slice/docker-abc.scope"),
        ("-.slice:crio:abc", "/crio-abc.scope"),
        ("a.slice::abc", "/a.slice/abc.scope"),
        ("a.slice:x:b.slice", "/a.slice/b.slice"),
    ],
)
def test_a_path_of_the_specification_is_written_in_two_ways(spec, path):
    assert path_of_spec(spec) == path


@given(st.text())
def test_any_text_may_stand_there(text):
    assert isinstance(path_of_spec(text), str)
