"""Where the cgroups of pods are: found by looking."""

import logging
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.nodes.kubernetes.layout import SCOPES, below, make, pod_path
from tests.nodes.kubernetes.pods import container, ids_of, pod
from wca.nodes.kubernetes_client.cgroup_paths import CgroupDriverType, PodCgroups
from wca.testing import FakeClock, KernelTree

LAYOUTS = ("v1_apart", "v1_together", "v2", "hybrid")
CLASSES = ("BestEffort", "Burstable", "Guaranteed")
#: Where the kubelet's groups are: on a host; with ``cgroupRoot``; with kind, seen from the host.
ROOTS = [("", ""), ("kubelet", ""), ("kubelet", "/system.slice/docker-0a1b.scope"), ("a/b", "/x/y")]


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def tree(tmp_path):
    return KernelTree(tmp_path, "v2")


def looking(tree, clock, driver=None):
    return PodCgroups(tree.kernel, clock.monotonic, driver)


def found(cgroups, document):
    uid = document["metadata"]["uid"]
    cgroups.look([[uid]])
    return cgroups.find([uid], dict.fromkeys(ids_of(document)))


@pytest.mark.parametrize(("driver", "runtime"), list(SCOPES))
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("root", "above"), ROOTS)
def test_every_class_of_pod_is_found(tmp_path, clock, layout, driver, runtime, root, above):
    tree = KernelTree(tmp_path, layout)
    made = []
    for qos in CLASSES:
        document = pod(qos.lower(), qos=qos, containers=[container("a"), container("b")])
        path, containers = make(tree.add_task, document, driver, runtime, root, above)
        made.append((document, path, dict(zip(ids_of(document), containers, strict=True))))
    cgroups = looking(tree, clock)
    for document, path, containers in made:
        assert found(cgroups, document) == (path, containers)


@pytest.mark.parametrize(
    ("driver", "qos", "path"),
    [
        ("systemd", "Guaranteed", "/kubepods.slice/kubepods-pod0_a.slice"),
        (
            "systemd",
            "Burstable",
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0_a.slice",
        ),
        ("cgroupfs", "Guaranteed", "/kubepods/pod0-a"),
        ("cgroupfs", "BestEffort", "/kubepods/besteffort/pod0-a"),
    ],
)
def test_the_names_are_the_kubelets(driver, qos, path):
    assert pod_path(pod(uid="0-a", qos=qos), driver) == path


def test_the_sandbox_and_monitors_are_no_containers(tree, clock):
    document = pod()
    _, containers = make(tree.add_task, document, "systemd", "cri-o")
    assert found(looking(tree, clock), document)[1] == {ids_of(document)[0]: containers[0]}


def test_a_static_pod_has_an_id_without_dashes(tree, clock):
    document, kubelets_id = pod(), "0123456789abcdef0123456789abcdef"
    path, _ = make(tree.add_task, document, uid=kubelets_id)
    cgroups = looking(tree, clock)
    cgroups.look([[kubelets_id, document["metadata"]["uid"]]])
    assert cgroups.find([kubelets_id, document["metadata"]["uid"]], {})[0] == path


def test_a_pod_without_a_group_is_not_found_and_others_are(tree, clock):
    here, absent = pod("here"), pod("absent")
    make(tree.add_task, here)
    cgroups = looking(tree, clock)
    assert found(cgroups, absent) is None
    assert found(cgroups, here) is not None


def test_without_any_pods_there_is_nothing_to_find(tree, clock):
    assert found(looking(tree, clock), pod()) is None


def test_a_group_that_vanishes_is_not_found_any_more(tree, clock):
    document = pod()
    path, _ = make(tree.add_task, document)
    cgroups = looking(tree, clock)
    assert found(cgroups, document) is not None
    tree.remove_task(path)
    assert found(cgroups, document) is None


def test_a_container_that_comes_later_is_found_then(tree, clock):
    document = pod(containers=[container("a"), container("b")])
    _, (one, two) = make(tree.add_task, document)
    tree.remove_task(two)
    cgroups = looking(tree, clock)
    assert list(found(cgroups, document)[1].values()) == [one]
    tree.add_task(two)
    assert list(found(cgroups, document)[1].values()) == [one, two]


def test_what_is_known_costs_three_looks_however_many_pods_there_are(tree, clock):
    documents = [pod(f"p{n}", qos="Burstable") for n in range(20)]
    for document in documents:
        make(tree.add_task, document)
    cgroups = looking(tree, clock)
    for document in documents:
        found(cgroups, document)
    before = tree.kernel.calls.listdirs
    cgroups.look([[one["metadata"]["uid"]] for one in documents])
    for document in documents:
        cgroups.find([document["metadata"]["uid"]], dict.fromkeys(ids_of(document)))
    assert tree.kernel.calls.listdirs - before <= 3


def test_a_kubelet_that_comes_later_is_looked_for_but_not_every_time(tree, clock):
    document = pod()
    cgroups = looking(tree, clock)
    assert found(cgroups, document) is None
    make(tree.add_task, document, root="kubelet")
    assert found(cgroups, document) is None
    clock.advance(31)
    assert found(cgroups, document) is not None


def test_the_driver_that_is_named_is_the_only_one(tree, clock):
    document = pod()
    old, _ = make(tree.add_task, document, "cgroupfs")
    assert found(looking(tree, clock, CgroupDriverType.SYSTEMD), document) is None
    assert found(looking(tree, clock, CgroupDriverType.CGROUPFS), document)[0] == old


def test_of_groups_of_two_drivers_the_one_with_containers_counts(tree, clock):
    document = pod()
    tree.add_task(pod_path(document, "systemd"))
    path, _ = make(tree.add_task, document, "cgroupfs")
    assert found(looking(tree, clock), document)[0] == path
    other = pod("other")
    tree.add_task(pod_path(other, "cgroupfs"))
    path, _ = make(tree.add_task, other, "systemd")
    assert found(looking(tree, clock), other)[0] == path


def test_a_search_ends_however_many_groups_there_are(tree, clock, caplog):
    caplog.set_level(logging.DEBUG)
    for n in range(2100):
        tree.write(f"/sys/fs/cgroup/many/{n}/below/cgroup.procs", "")
    before = tree.kernel.calls.listdirs
    assert found(looking(tree, clock), pod()) is None
    assert tree.kernel.calls.listdirs - before < 2100
    assert "ends after 2000 folders" in caplog.text


@given(st.text(max_size=30))
def test_the_name_of_a_folder_is_never_a_path(name):
    """Ids of pods and containers come from outside; they are compared, never put into a path."""

    class Kernel:
        def __getattr__(self, attribute):
            raise AssertionError(f"{attribute} was asked for {name!r}")

    cgroups = PodCgroups(Kernel(), time.monotonic)
    assert cgroups.find([name], {name: None}) is None


def test_groups_of_the_real_kernel_are_found(real_cgroups, clock):
    documents = [pod(qos.lower(), qos=qos) for qos in CLASSES]
    add = below(real_cgroups)
    drivers = ("systemd", "cgroupfs", "systemd")
    made = [make(add, one, driver) for one, driver in zip(documents, drivers, strict=True)]
    cgroups = PodCgroups(real_cgroups.kernel, clock.monotonic)
    for document, (path, (inside,)) in zip(documents, made, strict=True):
        parent = real_cgroups.parent
        assert found(cgroups, document) == (parent + path, {ids_of(document)[0]: parent + inside})
