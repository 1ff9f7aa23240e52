"""SystemdNode: services and scopes, on trees as systemd makes them."""

import dataclasses

import pytest

from wca.errors import TaskSynchronizationException, ValidationError
from wca.nodes.systemd import SystemdNode
from wca.testing import FakeClock, KernelTree, NodeContract

LAYOUTS = ["v1_apart", "v1_together", "v2", "hybrid"]
V1 = ["v1_apart", "v1_together"]


@pytest.fixture
def tree(tmp_path, request):
    tree = KernelTree(tmp_path, getattr(request, "param", "v2"))
    yield tree
    tree.kernel.close()


def node(tree, **options):
    return SystemdNode(kernel=tree.kernel, **options)


def names(node):
    return [task.name for task in node.get_tasks()]


def named_hierarchy(tree, *paths):
    """The hierarchy of cgroup v1 in which systemd keeps account of its units."""
    point = "/sys/fs/cgroup/systemd"
    with open(tree.root + "/proc/self/mountinfo") as mounts:
        rows = mounts.read()
    row = f"50 23 0:50 / {point} rw - cgroup cgroup rw,xattr,name=systemd\n"
    tree.write("/proc/self/mountinfo", rows + row)
    for path in paths:
        tree.write(f"{point}{path}/cgroup.procs", "1\n")


class TestContract(NodeContract):
    @pytest.fixture(autouse=True)
    def tree(self, tmp_path):
        self.tree = KernelTree(tmp_path, "v2")
        self.tree.add_task("/system.slice/one.service")
        self.tree.add_task(r"/system.slice/two@a\x2db.service", memory_limit=1 << 30)
        yield
        self.tree.kernel.close()

    def node(self):
        return node(self.tree)


@pytest.mark.parametrize("tree", LAYOUTS, indirect=True)
def test_services_and_scopes_of_the_system_are_tasks(tree):
    for unit in ("nginx.service", "run-r1.scope", "tmp.mount", "dbus.socket", "plain"):
        tree.add_task(f"/system.slice/{unit}")
    tree.add_task("/user.slice/user-1000.slice/session-1.scope")
    tree.add_task("/init.scope")
    service, scope = node(tree).get_tasks()
    assert (service.name, service.task_id) == ("nginx.service", "system.slice/nginx.service")
    assert service.cgroup_path == "/system.slice/nginx.service"
    assert service.labels == {"unit": "nginx.service", "slice": "system.slice", "type": "service"}
    assert scope.labels == {"unit": "run-r1.scope", "slice": "system.slice", "type": "scope"}
    assert service.subcgroups_paths == []


def test_units_in_slices_of_the_slice_are_among_them(tree):
    tree.add_task("/system.slice/system-getty.slice/getty@tty1.service")
    (task,) = node(tree).get_tasks()
    assert task.cgroup_path == "/system.slice/system-getty.slice/getty@tty1.service"
    assert task.labels == {
        "unit": "getty@tty1.service",
        "slice": "system-getty.slice",
        "type": "service",
        "template": "getty@.service",
        "instance": "tty1",
    }


def test_groups_that_a_unit_makes_below_its_own_are_part_of_it(tree):
    tree.add_task("/system.slice/docker.service/init.scope")
    tree.add_task("/system.slice/docker.service/inner.slice/x.service")
    assert names(node(tree)) == ["docker.service"]


def test_escapes_are_read_in_the_name_and_kept_in_the_label(tree):
    tree.add_task(r"/system.slice/fsck@dev-disk\x2done.service")
    (task,) = node(tree).get_tasks()
    assert task.name == "fsck@dev-disk-one.service"
    assert task.labels["unit"] == r"fsck@dev-disk\x2done.service"
    assert task.labels["instance"] == "dev-disk-one"
    assert task.cgroup_path == r"/system.slice/fsck@dev-disk\x2done.service"


def test_other_slices_can_be_chosen(tree):
    for path in (
        "/system.slice/a.service",
        "/batch.slice/batch-low.slice/b.service",
        "/init.scope",
    ):
        tree.add_task(path)
    assert names(node(tree, slices=["batch.slice"])) == ["b.service"]
    assert names(node(tree, slices=["batch-low.slice"])) == ["b.service"]
    assert names(node(tree, slices=["batch-low.slice", "batch.slice"])) == ["b.service"]
    assert names(node(tree, slices=["-.slice"])) == ["b.service", "init.scope", "a.service"]
    assert names(node(tree, slices=["missing.slice"])) == names(node(tree, slices=[])) == []


USERS = (
    "/user.slice/user-1000.slice/session-2.scope",
    "/user.slice/user-1000.slice/user@1000.service/app.slice/editor.service",
    "/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.slice/app-x-1.scope",
    "/user.slice/user-1000.slice/user@1000.service/init.scope",
    "/user.slice/user-0.slice/session-1.scope",
)


def test_units_of_users_are_tasks_when_they_are_asked_for(tree):
    tree.add_task("/system.slice/a.service")
    for path in USERS:
        tree.add_task(path)
    assert names(node(tree)) == ["a.service"]
    tasks = {task.name: task for task in node(tree, user_units=True).get_tasks()}
    assert tasks.keys() == {
        "a.service",
        "session-2.scope",
        "editor.service",
        "app-x-1.scope",
        "init.scope",
        "session-1.scope",
    }
    assert tasks["editor.service"].labels["user"] == "1000"
    assert tasks["editor.service"].labels["slice"] == "app.slice"
    assert tasks["app-x-1.scope"].labels["slice"] == "app-x.slice"
    assert tasks["init.scope"].labels["slice"] == "-.slice"
    assert tasks["session-1.scope"].labels["user"] == "0"
    assert "user" not in tasks["a.service"].labels


def test_without_their_units_the_manager_of_a_user_is_one_service(tree):
    for path in USERS:
        tree.add_task(path)
    found = names(node(tree, slices=["user.slice"]))
    assert found == ["session-1.scope", "session-2.scope", "user@1000.service"]


def test_units_are_chosen_by_patterns_of_their_names(tree):
    for unit in ("nginx.service", "nginx-log.service", "sshd.service"):
        tree.add_task(f"/system.slice/{unit}")
    assert names(node(tree, units=["nginx*"])) == ["nginx-log.service", "nginx.service"]
    assert names(node(tree, units=["nginx*"], exclude=["*-log.*"])) == ["nginx.service"]
    assert names(node(tree, exclude=["*"])) == []


def test_limits_of_a_unit_are_its_resources(tree):
    tree.add_task("/system.slice/a.service", memory_limit=256 << 20)
    tree.add_task("/system.slice/b.service")
    for name, maximum, weight in (("a", "20000 100000", 50), ("b", "max 100000", 100)):
        folder = tree.groups(f"/system.slice/{name}.service")["v2"]
        tree.write(f"{folder}/cpu.max", f"{maximum}\n")
        tree.write(f"{folder}/cpu.weight", f"{weight}\n")
    one, two = node(tree).get_tasks()
    assert one.resources == {"cpus": 0.2, "mem": 256 << 20, "cpu_weight": 50}
    assert two.resources == {}


def test_what_stays_costs_the_reading_of_folders_until_limits_are_read_again(tree):
    clock = FakeClock()
    for name in ("a", "b", "c"):
        tree.add_task(f"/system.slice/{name}.service")
    watching = node(tree, clock=clock)
    first = watching.get_tasks()
    before = dataclasses.replace(tree.kernel.calls)
    second = watching.get_tasks()
    assert tree.kernel.calls == dataclasses.replace(before, listdirs=before.listdirs + 1)
    assert [id(task) for task in second] == [id(task) for task in first]
    clock.advance(60)
    watching.get_tasks()
    assert tree.kernel.calls.reads > before.reads


def test_units_come_and_go(tree):
    watching = node(tree)
    assert names(watching) == []
    tree.add_task("/system.slice/a.service")
    tree.add_task("/system.slice/b.service")
    assert names(watching) == ["a.service", "b.service"]
    tree.remove_task("/system.slice/a.service")
    assert names(watching) == ["b.service"]


@pytest.mark.parametrize("tree", V1, indirect=True)
def test_on_v1_a_unit_without_a_group_that_is_measured_is_left_out_and_said_once(tree, caplog):
    tree.add_task("/system.slice/counted.service")
    named_hierarchy(
        tree,
        "/system.slice/counted.service",
        "/system.slice/uncounted.service",
        "/system.slice/tmp.mount",
        "/system.slice/inner.slice/deep.service",
    )
    watching = node(tree)
    for _ in range(3):
        assert names(watching) == ["counted.service"]
    (said,) = caplog.messages
    assert said.startswith(
        "SystemdNode leaves out deep.service: it has no cgroup for CPU or memory"
    )
    assert "uncounted.service: it has no cgroup" in said
    assert "CPUAccounting=yes" in said
    assert "tmp.mount" not in said


@pytest.mark.parametrize("tree", V1, indirect=True)
def test_on_v1_one_measured_controller_is_enough(tree, caplog):
    tree.write(f"{tree.groups('/system.slice/a.service')['memory']}/cgroup.procs", "")
    named_hierarchy(tree, "/system.slice/a.service")
    assert names(node(tree)) == ["a.service"]
    assert caplog.messages == []


@pytest.mark.parametrize("tree", ["hybrid"], indirect=True)
def test_on_a_hybrid_host_the_unified_hierarchy_has_every_unit(tree, caplog):
    tree.write(f"{tree.groups('/system.slice/a.service')['v2']}/cgroup.procs", "")
    named_hierarchy(tree, "/system.slice/a.service")
    assert names(node(tree)) == ["a.service"]
    assert caplog.messages == []


def test_a_systemd_in_a_container_has_its_slices_below_a_cgroup(tree):
    tree.add_task("/machine.slice/m.scope/system.slice/a.service")
    (task,) = node(tree, root="/machine.slice/m.scope/").get_tasks()
    assert task.cgroup_path == "/machine.slice/m.scope/system.slice/a.service"
    assert task.labels["slice"] == "system.slice"
    everything = node(tree, root="/machine.slice/m.scope", slices=["-.slice"])
    assert names(everything) == ["a.service"]


def test_a_machine_without_systemd_has_no_units(tree):
    assert names(node(tree, user_units=True)) == []


def test_without_any_hierarchy_there_is_no_list(tree):
    tree.write("/proc/self/mountinfo", "")
    with pytest.raises(TaskSynchronizationException, match="no cgroup hierarchy is mounted"):
        names(node(tree))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"slices": ["system"]}, "the name of a slice"),
        ({"root": "/a/../b"}, "a cgroup path has no"),
    ],
)
def test_a_wrong_argument_is_refused_at_construction(arguments, words):
    with pytest.raises(ValidationError, match=words):
        SystemdNode(**arguments)


def test_real_groups_that_look_like_units(real_cgroups):
    real_cgroups.make("system.slice")
    path = real_cgroups.make("system.slice/a.service")
    real_cgroups.make("system.slice/a.service/below")
    watching = SystemdNode(root=real_cgroups.parent, kernel=real_cgroups.kernel)
    assert [task.cgroup_path for task in watching.get_tasks()] == [path]
