"""Cgroup hierarchies of every layout, found through mountinfo."""

import pytest

from wca.errors import NotAvailable, TargetGone, ValidationError
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.files import Kernel
from wca.testing.kernel import KernelTree

V1_VERSIONS = {"cpu": 1, "cpuacct": 1, "memory": 1}


@pytest.fixture
def tree(tmp_path, request):
    tree = KernelTree(tmp_path, getattr(request, "param", "v1_apart"))
    yield tree
    tree.kernel.close()


def located(tree, path="/job"):
    return CgroupHierarchies(tree.kernel).locate(path)


@pytest.mark.parametrize(
    ("tree", "versions"),
    [
        ("v1_apart", V1_VERSIONS | {"psi": None}),
        ("v1_together", V1_VERSIONS | {"psi": None}),
        ("v2", {"cpu": 2, "cpuacct": 2, "memory": 2, "psi": 2, "perf_event": 2, "cpuset": None}),
        ("hybrid", V1_VERSIONS | {"psi": 2, "perf_event": 2, "io": None}),
    ],
    indirect=["tree"],
)
def test_each_controller_has_the_version_of_the_hierarchy_that_holds_it(tree, versions):
    tree.add_task("/job")
    cgroup = located(tree)
    assert {name: cgroup.version(name) for name in versions} == versions
    assert cgroup.exists()


@pytest.mark.parametrize("tree", ["v1_apart", "v1_together", "v2", "hybrid"], indirect=True)
def test_a_path_without_groups_does_not_exist(tree):
    cgroup = located(tree, "/nothing")
    assert not cgroup.exists()
    assert cgroup.identity() == ()
    assert cgroup.version("cpu") is None
    assert cgroup.procs() == []
    with pytest.raises(TargetGone, match="there is no cgroup /nothing"):
        cgroup.open("cpu", "cpu.stat")


def test_a_controller_without_a_group_is_not_available_while_the_task_is_there(tree):
    tree.add_task("/job")
    with pytest.raises(NotAvailable, match="/job has no group for hugetlb"):
        located(tree).open("hugetlb", "hugetlb.weight")


def test_on_v2_a_controller_that_is_not_enabled_for_the_group_is_absent(tmp_path):
    tree = KernelTree(tmp_path, "v2")
    tree.add_task("/job")
    tree.write(tree.groups("/job")["v2"] + "/cgroup.controllers", "pids\n")
    cgroup = located(tree)
    assert cgroup.version("memory") is None
    assert cgroup.version("cpu") is None
    assert cgroup.version("cpuacct") == 2, "CPU time is counted without the cpu controller"


def test_a_v1_group_that_was_not_made_leaves_the_unified_one_for_cpu_time(tmp_path):
    tree = KernelTree(tmp_path, "hybrid")
    tree.add_task("/job")
    tree.remove(tree.groups("/job")["cpu"])
    cgroup = located(tree)
    assert cgroup.version("cpuacct") == 2
    assert cgroup.version("cpu") is None


def test_the_root_group_is_found(tree):
    tree.add_task("/")
    cgroup = located(tree, "/")
    assert cgroup.open("memory", "memory.usage_in_bytes").read() == b"1048576\n"
    assert cgroup.directory("memory") == "/sys/fs/cgroup/memory"


@pytest.mark.parametrize("path", ["job", "", "/../job", "/a/../b", "/a/./b", "/a\0b"])
def test_a_path_that_leaves_the_hierarchy_or_is_not_absolute_is_refused(tree, path):
    with pytest.raises(ValidationError, match="a cgroup path"):
        located(tree, path)


def test_slashes_too_many_do_not_matter(tree):
    tree.add_task("/a/job")
    assert located(tree, "//a//job/").path == "/a/job"
    assert located(tree, "//a//job/").exists()


def mountinfo(tree, *rows):
    tree.write("/proc/self/mountinfo", "".join(f"30 23 0:28 {row}\n" for row in rows))


def test_a_mount_of_part_of_a_hierarchy_shows_the_groups_below_its_root(tree):
    mountinfo(
        tree,
        "/docker/abc /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu",
        "/docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
    )
    tree.add_task("/job")
    assert located(tree, "/docker/abc/job").directory("cpu") == "/sys/fs/cgroup/cpu/job"
    assert located(tree, "/docker/abc").directory("cpu") == "/sys/fs/cgroup/cpu"
    assert not located(tree, "/job").exists()
    assert not located(tree, "/docker/abcdef").exists()


def test_a_view_from_above_the_namespace_is_preferred_where_it_has_the_group(tmp_path):
    tree = KernelTree(tmp_path, "v2")
    mountinfo(
        tree,
        "/ /sys/fs/cgroup rw - cgroup2 cgroup rw",
        "/../../.. /host/cgroup rw - cgroup2 cgroup rw",
    )
    tree.write("/host/cgroup/kubepods/pod/cgroup.procs", "1\n")
    tree.write("/sys/fs/cgroup/own/cgroup.procs", "1\n")
    assert located(tree, "/kubepods/pod").directory("psi") == "/host/cgroup/kubepods/pod"
    assert located(tree, "/own").directory("psi") == "/sys/fs/cgroup/own"


def test_a_later_mount_on_the_same_folder_hides_the_earlier_one(tree):
    mountinfo(
        tree,
        "/ /sys/fs/cgroup/x rw - cgroup cgroup rw,cpu,xattr,release_agent=/a",
        "/ /sys/fs/cgroup/x rw - cgroup cgroup rw,memory",
    )
    tree.write("/sys/fs/cgroup/x/job/tasks", "")
    cgroup = located(tree)
    assert (cgroup.version("cpu"), cgroup.version("memory")) == (None, 1)


def test_a_mount_point_with_a_blank_is_found(tree):
    mountinfo(tree, r"/ /sys/fs/my\040cgroups rw - cgroup cgroup rw,cpu")
    tree.write("/sys/fs/my cgroups/job/cpu.stat", "")
    assert located(tree).directory("cpu") == "/sys/fs/my cgroups/job"


def test_a_hierarchy_without_controllers_and_other_file_systems_are_left_out(tree):
    mountinfo(
        tree,
        "/ /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd,xattr",
        "/ /sys/fs/cgroup rw - tmpfs tmpfs rw,memory",
    )
    tree.write("/sys/fs/cgroup/systemd/job/tasks", "")
    assert not located(tree).exists()


def test_a_missing_file_of_a_group_is_told_from_a_missing_group(tree):
    tree.add_task("/job")
    cgroup = located(tree)
    with pytest.raises(NotAvailable, match=r"memory\.peak does not exist"):
        cgroup.open("memory", "memory.peak")
    tree.remove_task("/job")
    with pytest.raises(TargetGone, match="/sys/fs/cgroup/memory/job is gone"):
        cgroup.open("memory", "memory.usage_in_bytes")


def test_processes_of_the_group_and_of_those_below(tree):
    tree.add_task("/job", pids=(30, 4))
    tree.add_task("/job/below", pids=(5, 4))
    cgroup = located(tree)
    assert cgroup.procs() == [4, 30]
    assert cgroup.procs("memory", recursive=True) == [4, 5, 30]
    assert cgroup.procs("hugetlb") == []


@pytest.mark.parametrize(
    ("layout", "lines", "own"),
    [
        ("v2", "0::/user.slice/a\n", "/user.slice/a"),
        ("v1_apart", "1:cpu:/\n2:cpuacct:/\n3:memory:/user.slice/a\n", "/user.slice/a"),
        ("v1_apart", "1:cpu:/nowhere\n2:cpuacct:/nowhere\n3:memory:/\n", "/"),
        ("v1_apart", "1:cpu:/\n3:memory:/\n", "/"),
        ("v2", "0::/../elsewhere\n", "/"),
    ],
)
def test_the_callers_own_group_is_one_that_can_be_measured(tmp_path, layout, lines, own):
    tree = KernelTree(tmp_path, layout)
    tree.add_task("/user.slice/a")
    tree.write("/proc/self/cgroup", lines)
    assert CgroupHierarchies(tree.kernel).own_cgroup_path() == own


def test_a_process_that_is_not_there_is_gone_and_one_that_cannot_be_read_is_not(tmp_path):
    tree = KernelTree(tmp_path)
    hierarchies = CgroupHierarchies(tree.kernel)
    with pytest.raises(TargetGone, match="there is no process 7"):
        hierarchies.path_of_process(7)
    tree.write("/proc/7/stat", "")
    with pytest.raises(NotAvailable, match="/proc/7/cgroup does not exist"):
        hierarchies.path_of_process(7)


def test_on_this_machine_the_callers_own_group_exists():
    kernel = Kernel()
    hierarchies = CgroupHierarchies(kernel)
    assert hierarchies.locate(hierarchies.own_cgroup_path()).exists()


def test_a_group_made_again_under_the_same_path_has_another_identity(real_cgroups):
    path = real_cgroups.make("job")
    cgroup = real_cgroups.locate(path)
    first = cgroup.identity()
    assert len(first) >= 1
    assert cgroup.identity() == first
    real_cgroups.remove(path)
    assert cgroup.identity() == ()
    assert not cgroup.exists()
    assert real_cgroups.make("job") == path
    assert cgroup.identity() != first
    assert len(cgroup.identity()) == len(first)


def test_a_removed_group_is_gone_for_an_open_file_and_for_opening(real_cgroups):
    path = real_cgroups.make("job")
    cgroup = real_cgroups.locate(path)
    name = "cpuacct.usage" if cgroup.version("cpuacct") == 1 else "cpu.stat"
    file = cgroup.open("cpuacct", name)
    file.read()
    real_cgroups.remove(path)
    with pytest.raises(TargetGone):
        file.read()
    with pytest.raises(TargetGone):
        cgroup.open("cpuacct", name)
    file.close()


def test_processes_of_a_real_group(real_cgroups):
    path = real_cgroups.make("job")
    assert real_cgroups.locate(path).procs() == []
    worker = real_cgroups.worker(path)
    assert real_cgroups.locate(path).procs() == [worker.pid]


def costs(tree, cgroup):
    """Whether something appeared, and the system calls of asking."""
    before = (tree.kernel.calls.stats, tree.kernel.calls.opens)
    appeared = cgroup.appeared()
    return appeared, tree.kernel.calls.stats - before[0], tree.kernel.calls.opens - before[1]


def test_where_nothing_is_lacking_asking_for_more_costs_nothing(tmp_path):
    tree = KernelTree(tmp_path, "hybrid")
    tree.add_task("/job")
    cgroup = CgroupHierarchies(tree.kernel).locate("/job")
    assert all(cgroup.version(name) for name in ("cpu", "blkio", "pids", "psi"))
    assert costs(tree, cgroup) == (False, 0, 0)


@pytest.mark.parametrize("late", ["blkio", "pids"])
def test_a_group_of_v1_that_comes_later_is_told_at_the_cost_of_one_look(tmp_path, late):
    tree = KernelTree(tmp_path, "v1_apart")
    tree.add_task("/job")
    tree.remove(tree.groups("/job")[late])
    cgroup = CgroupHierarchies(tree.kernel).locate("/job")
    assert cgroup.version(late) is None
    assert cgroup.version("memory") == 1
    assert costs(tree, cgroup) == (False, 1, 0)
    tree.add_task("/job")
    assert costs(tree, cgroup)[0]


def test_a_controller_of_v2_that_is_enabled_later_is_told_at_the_cost_of_one_reading(tmp_path):
    tree = KernelTree(tmp_path, "v2")
    tree.add_task("/job")
    file = f"{tree.groups('/job')['v2']}/cgroup.controllers"
    tree.write(file, "cpu pids\n")
    cgroup = CgroupHierarchies(tree.kernel).locate("/job")
    assert [cgroup.version(name) for name in ("memory", "io", "blkio", "cpu")] == [None] * 3 + [2]
    assert costs(tree, cgroup) == (False, 1, 1)
    tree.write(file, "cpu hugetlb pids\n")
    assert not cgroup.appeared()  # nobody has asked for that one
    tree.write(file, "cpu memory pids\n")
    assert cgroup.appeared()


def test_a_group_of_v2_that_comes_later_is_told(tmp_path):
    tree = KernelTree(tmp_path, "hybrid")
    tree.add_task("/job")
    tree.remove(tree.groups("/job")["v2"])
    cgroup = CgroupHierarchies(tree.kernel).locate("/job")
    assert cgroup.version("psi") is None
    assert costs(tree, cgroup) == (False, 1, 0)
    tree.add_task("/job")
    assert cgroup.appeared()


@pytest.mark.parametrize("tree", ["v1_apart", "v1_together", "v2", "hybrid"], indirect=True)
def test_groups_below_one_are_those_of_all_measured_hierarchies(tree):
    tree.add_task("/m/b")
    hierarchies = CgroupHierarchies(tree.kernel)
    assert hierarchies.children("/m") == ["b"]
    assert hierarchies.children("/m/b") == []
    assert hierarchies.children("/nothing") is None
    groups = tree.groups("/m/a")
    tree.write(f"{groups.get('memory') or groups['v2']}/cgroup.procs", "")  # in one of several
    assert hierarchies.children("/m") == ["a", "b"]


def test_groups_of_one_hierarchy_can_be_listed_and_a_named_one_is_not_measured(tree):
    tree.add_task("/m/a")
    with open(tree.root + "/proc/self/mountinfo", "a") as mounts:
        mounts.write("60 23 0:60 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n")
    tree.write("/sys/fs/cgroup/systemd/m/b/cgroup.procs", "")
    hierarchies = CgroupHierarchies(tree.kernel)
    assert hierarchies.children("/m", "name=systemd") == ["b"]
    assert hierarchies.children("/m", "memory") == ["a"]
    assert hierarchies.children("/m", "hugetlb") is None
    assert hierarchies.children("/m") == ["a"]
    assert not hierarchies.locate("/m/b").exists()


@pytest.mark.parametrize("tree", ["v1_apart", "v1_together", "v2", "hybrid"], indirect=True)
def test_a_group_is_populated_by_processes_in_it_or_below(tree):
    tree.add_task("/empty", pids=())
    tree.add_task("/parent", pids=())
    tree.add_task("/parent/child")
    assert not located(tree, "/empty").populated()
    assert located(tree, "/parent").populated()
    assert located(tree, "/parent/child").populated()
    assert not located(tree, "/nothing").populated()


@pytest.mark.parametrize(
    ("events", "populated"), [("populated 1\nfrozen 0\n", True), ("populated 0\n", False)]
)
@pytest.mark.parametrize("tree", ["v2"], indirect=True)
def test_on_v2_the_kernel_says_whether_a_group_is_populated(tree, events, populated):
    tree.add_task("/job", pids=())
    tree.write(f"{tree.groups('/job')['v2']}/cgroup.events", events)
    assert located(tree).populated() is populated


def test_real_groups_are_populated_while_a_process_is_there(real_cgroups):
    path = real_cgroups.make("job")
    inner = real_cgroups.make("job/inner")
    cgroup = real_cgroups.locate(path)
    assert not cgroup.populated()
    worker = real_cgroups.worker(inner)
    assert cgroup.populated()
    worker.stop()
    assert not cgroup.populated()


def test_a_file_of_a_group_can_be_read_once(tree):
    tree.add_task("/job", memory=4096)
    cgroup = located(tree)
    assert cgroup.read("memory", "memory.usage_in_bytes") == b"4096\n"
    with pytest.raises(NotAvailable, match="no group for hugetlb"):
        cgroup.read("hugetlb", "x")


def test_where_nothing_is_mounted_that_is_said(tree):
    assert CgroupHierarchies(tree.kernel).mounted
    tree.write("/proc/self/mountinfo", "")
    assert not CgroupHierarchies(tree.kernel).mounted


def test_a_controller_of_v1_whose_group_comes_later_is_not_that_of_v2_meanwhile(tmp_path):
    tree = KernelTree(tmp_path, "hybrid")
    tree.add_task("/job")
    with open(f"{tree.root}/proc/self/mountinfo") as file:
        mounts = file.read()
    point = "/sys/fs/cgroup/perf_event"
    row = f"39 23 0:39 / {point} rw - cgroup cgroup rw,perf_event\n"
    tree.write("/proc/self/mountinfo", mounts + row)
    cgroup = CgroupHierarchies(tree.kernel).locate("/job")
    assert cgroup.version("perf_event") is None
    assert not cgroup.appeared()
    tree.write(f"{point}/job/cgroup.procs", "")
    assert cgroup.appeared()
    assert CgroupHierarchies(tree.kernel).locate("/job").version("perf_event") == 1
