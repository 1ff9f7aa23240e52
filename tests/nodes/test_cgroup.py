"""CgroupNode: tasks by patterns of their paths."""

import dataclasses
import os
import resource
import subprocess
import sys

import pytest

from tests.services import program
from wca.errors import TaskSynchronizationException, ValidationError
from wca.linux.files import Kernel
from wca.nodes.cgroup import CgroupNode
from wca.testing import FakeClock, KernelTree, NodeContract

LAYOUTS = ["v1_apart", "v1_together", "v2", "hybrid"]


@pytest.fixture
def tree(tmp_path, request):
    tree = KernelTree(tmp_path, getattr(request, "param", "v2"))
    yield tree
    tree.kernel.close()


def node(tree, *patterns, **options):
    return CgroupNode(list(patterns), kernel=tree.kernel, **options)


def names(node):
    return [task.name for task in node.get_tasks()]


class TestContract(NodeContract):
    @pytest.fixture(autouse=True)
    def tree(self, tmp_path):
        self.tree = KernelTree(tmp_path, "hybrid")
        self.tree.add_task("/batch/one")
        self.tree.add_task("/batch/two")
        yield
        self.tree.kernel.close()

    def node(self):
        return node(self.tree, "/batch/*", labels_from_path="/(?P<place>[^/]+)/")


@pytest.mark.parametrize("tree", LAYOUTS, indirect=True)
def test_every_group_that_fits_is_a_task_in_the_order_of_the_paths(tree):
    for path in (
        "/a.slice/two.service",
        "/a.slice/one.service",
        "/a.slice/x.scope",
        "/b/one.service",
    ):
        tree.add_task(path)
    one, two = node(tree, "/a.slice/*.service").get_tasks()
    assert (one.name, one.task_id) == ("a.slice/one.service", "a.slice/one.service")
    assert one.cgroup_path == "/a.slice/one.service"
    assert (one.labels, one.resources, one.subcgroups_paths) == ({}, {}, [])
    assert two.name == "a.slice/two.service"


@pytest.mark.parametrize("tree", LAYOUTS, indirect=True)
def test_groups_at_any_depth_and_the_root_can_be_tasks(tree):
    tree.add_task("/m/a/b")
    assert names(node(tree, "/m/**")) == ["m/a", "m/a/b"]
    assert names(node(tree, "/")) == ["/"]
    assert names(node(tree, "/m/a/b", "/m/a/c", "/n")) == ["m/a/b"]


@pytest.mark.parametrize("tree", ["v1_apart", "hybrid"], indirect=True)
@pytest.mark.parametrize("hierarchy", ["memory", "cpu", "v2"])
def test_a_group_in_one_of_the_measured_hierarchies_is_enough(tree, hierarchy):
    groups = tree.groups("/m/alone")
    if hierarchy in groups:
        tree.write(f"{groups[hierarchy]}/cgroup.procs", "")
        assert names(node(tree, "/m/*")) == names(node(tree, "/m/alone")) == ["m/alone"]


def test_a_group_of_a_hierarchy_that_is_not_measured_is_none(tree):
    tree.write("/sys/fs/cgroup/pids/m/alone/cgroup.procs", "")
    assert names(node(tree, "/m/*")) == []


def test_what_is_excluded_is_left_out_with_all_below_it(tree):
    for path in ("/m/a/x", "/m/b/x", "/m/c"):
        tree.add_task(path)
    assert names(node(tree, "/m/**", exclude=["/m/a", "/**/c"])) == ["m/b", "m/b/x"]


def test_what_is_deeper_than_the_bound_is_not_looked_for(tree):
    tree.add_task("/a/b/c/d")
    assert names(node(tree, "/**", max_depth=2)) == ["a", "a/b"]


def test_named_groups_become_labels_that_win_over_those_of_all(tree):
    tree.add_task("/pods/p1/c1")
    tree.add_task("/pods/p2/c2-x")
    expression = r"/(?P<pod>p\d)/(?P<container>c\d)(-(?P<kind>\w+))?$"
    one, two = node(
        tree,
        "/pods/*/*",
        labels_from_path=expression,
        default_labels={"team": "a", "kind": "none"},
    ).get_tasks()
    assert one.labels == {"team": "a", "kind": "none", "pod": "p1", "container": "c1"}
    assert two.labels == {"team": "a", "kind": "x", "pod": "p2", "container": "c2"}


def test_a_path_that_the_expression_does_not_find_has_no_labels(tree):
    tree.add_task("/pods/other")
    (task,) = node(tree, "/pods/*", labels_from_path=r"/p(?P<pod>\d)$").get_tasks()
    assert task.labels == {}


@pytest.mark.parametrize("tree", LAYOUTS, indirect=True)
def test_with_require_pids_a_task_needs_a_process_in_it_or_below(tree):
    tree.add_task("/m/empty", pids=())
    tree.add_task("/m/direct")
    tree.add_task("/m/parent", pids=())
    tree.add_task("/m/parent/child", pids=(7,))
    assert names(node(tree, "/m/*")) == ["m/direct", "m/empty", "m/parent"]
    assert names(node(tree, "/m/*", require_pids=True)) == ["m/direct", "m/parent"]
    assert names(node(tree, "/m/empty", require_pids=True)) == []


@pytest.mark.parametrize("tree", LAYOUTS, indirect=True)
def test_limits_become_resources_where_they_are_set(tree):
    tree.add_task("/m/a", memory_limit=1 << 30)
    tree.add_task("/m/b")
    groups = tree.groups("/m/a")
    if tree.layout == "v2":
        tree.write(f"{groups['v2']}/cpu.max", "150000 100000\n")
        tree.write(f"{groups['v2']}/cpu.weight", "300\n")
        tree.write(f"{tree.groups('/m/b')['v2']}/cpu.max", "max 100000\n")
        tree.write(f"{tree.groups('/m/b')['v2']}/cpu.weight", "100\n")
    else:
        tree.write(f"{groups['cpu']}/cpu.cfs_quota_us", "150000\n")
        tree.write(f"{groups['cpu']}/cpu.cfs_period_us", "100000\n")
        tree.write(f"{groups['cpu']}/cpu.shares", "3072\n")
        tree.write(f"{tree.groups('/m/b')['cpu']}/cpu.cfs_quota_us", "-1\n")
        tree.write(f"{tree.groups('/m/b')['cpu']}/cpu.shares", "1024\n")
    one, two = node(tree, "/m/*", limits_as_resources=True).get_tasks()
    assert one.resources == {"cpus": 1.5, "mem": 1 << 30, "cpu_weight": 300}
    assert two.resources == {}
    assert node(tree, "/m/*").get_tasks()[0].resources == {}


def test_limits_that_change_are_noticed_within_a_minute(tree):
    clock = FakeClock()
    tree.add_task("/m/a")
    limit = f"{tree.groups('/m/a')['v2']}/cpu.max"
    tree.write(limit, "100000 100000\n")
    watching = node(tree, "/m/*", limits_as_resources=True, clock=clock)
    assert watching.get_tasks()[0].resources == {"cpus": 1.0}
    tree.write(limit, "200000 100000\n")
    assert watching.get_tasks()[0].resources == {"cpus": 1.0}
    clock.advance(60)
    assert watching.get_tasks()[0].resources == {"cpus": 2.0}


def test_limits_are_not_read_again_all_at_once(tree):
    clock = FakeClock()
    for number in range(60):
        tree.add_task(f"/m/{number}")
    watching = node(tree, "/m/*", limits_as_resources=True, clock=clock)
    watching.get_tasks()
    spent = []
    for _ in range(120):
        clock.advance(1)
        before = tree.kernel.calls.reads
        watching.get_tasks()
        spent.append(tree.kernel.calls.reads - before)
    assert sum(spent[:60]) == sum(spent[60:]) > 0
    assert max(spent) < sum(spent[:60]) / 5


def test_tasks_come_and_go(tree):
    watching = node(tree, "/m/*")
    assert names(watching) == []
    tree.add_task("/m/a")
    tree.add_task("/m/b")
    assert names(watching) == ["m/a", "m/b"]
    tree.remove_task("/m/a")
    assert names(watching) == ["m/b"]
    tree.remove("/sys/fs/cgroup/m")
    assert names(watching) == []


@pytest.mark.parametrize(
    ("tree", "hierarchies"),
    [("v1_apart", 3), ("v1_together", 2), ("v2", 1), ("hybrid", 3)],
    indirect=["tree"],
)
def test_what_stays_costs_the_reading_of_folders_only(tree, hierarchies):
    for name in ("a", "b", "c"):
        tree.add_task(f"/m/x/{name}")
    tree.add_task("/elsewhere/with/much/below")
    watching = node(tree, "/m/x/*")
    first = watching.get_tasks()
    before = dataclasses.replace(tree.kernel.calls)
    second = watching.get_tasks()
    # One folder in each hierarchy: those above it are written out, so that they need no list.
    assert tree.kernel.calls == dataclasses.replace(before, listdirs=before.listdirs + hierarchies)
    assert [id(task) for task in second] == [id(task) for task in first]


COUNTED = """
import sys
from wca.nodes.cgroup import CgroupNode
from wca.linux.files import Kernel
node = CgroupNode(["/m/**"], kernel=Kernel(sys.argv[1]))
node.get_tasks()
def asked():
    open("/begin")
def ended():
    open("/end")
for mark in (asked, ended):
    for task in node.get_tasks():
        pass
    try:
        mark()
    except OSError:
        pass
"""


def test_system_calls_are_those_of_listing_a_folder(tree, tmp_path):
    groups = ["/m/a", "/m/b/c", "/m/b/d"]
    for path in groups:
        tree.add_task(path)
    trace = tmp_path / "trace"
    strace = program("strace", package="strace")
    command = [strace, "-o", trace, sys.executable, "-c", COUNTED, str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    lines = trace.read_text().splitlines()
    begin, end = (
        next(number for number, line in enumerate(lines) if f'"{mark}"' in line)
        for mark in ("/begin", "/end")
    )
    calls = [line.partition("(")[0] for line in lines[begin + 1 : end]]
    folders = len(["/m", *groups, "/m/b"])
    assert calls.count("openat") == folders
    assert calls.count("getdents64") == 2 * folders
    assert set(calls) <= {
        "openat",
        "fstat",
        "newfstatat",
        "getdents64",
        "close",
        "brk",
        "mmap",
        "munmap",
    }
    assert len(calls) <= 6 * folders


class Vanishing(Kernel):
    """A kernel in which a group is removed while its neighbours are being listed."""

    def __init__(self, root, tree, path):
        super().__init__(root)
        self._tree, self._path = tree, path

    def subfolders(self, path, *, links=True):
        found = super().subfolders(path, links=links)
        if path.endswith("/m") and os.path.exists(
            self._tree.root + self._tree.groups(self._path)["v2"]
        ):
            self._tree.remove_task(self._path)
        return found


@pytest.mark.parametrize("require_pids", [True, False])
def test_a_group_that_vanishes_meanwhile_costs_itself(tree, require_pids):
    for name in ("a", "b", "c"):
        tree.add_task(f"/m/{name}/x")
    kernel = Vanishing(tree.root, tree, "/m/b")
    watching = CgroupNode(["/m/*/*"], kernel=kernel, require_pids=require_pids)
    assert names(watching) == ["m/a/x", "m/c/x"]


def test_symbolic_links_are_no_groups(tree):
    tree.add_task("/m/a")
    below = f"{tree.root}/sys/fs/cgroup/m"
    os.symlink(below, f"{below}/a/loop")
    os.symlink("/", f"{below}/outside")
    assert names(node(tree, "/m/**")) == ["m/a"]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"a b", "a b"),
        (b'quo"te', 'quo"te'),
        (b"back\\slash", "back\\slash"),
        (b"star*", "star*"),
        ("grüße".encode(), "grüße"),
        (b"bad\xff\xfe", "bad\\xff\\xfe"),
        (b"tab\there", "tab\there"),
        (b"-rf", "-rf"),
        (b"...", "..."),
    ],
)
def test_odd_names_are_groups_like_others_and_can_be_stored(tree, raw, shown):
    os.makedirs(os.fsencode(tree.root) + b"/sys/fs/cgroup/m/" + raw)
    (task,) = node(tree, "/m/*", labels_from_path="/m/(?P<name>.*)").get_tasks()
    assert (task.name, task.task_id, task.labels) == (f"m/{shown}", f"m/{shown}", {"name": shown})
    assert os.fsencode(task.cgroup_path) == b"/m/" + raw
    for text in (task.name, task.labels["name"]):
        text.encode()


def test_more_tasks_than_the_bound_are_left_out_which_is_said_when_that_changes(tree, caplog):
    for number in range(5):
        tree.add_task(f"/m/{number}")
    watching = node(tree, "/m/*", max_tasks=3)
    for _ in range(3):
        assert names(watching) == ["m/0", "m/1", "m/2"]
    (said,) = caplog.messages
    assert said.startswith(
        "more than 3 cgroups fit the patterns of a CgroupNode: those after /m/2 "
    )
    assert said.endswith("write narrower patterns or a larger max_tasks")
    tree.remove_task("/m/0")
    tree.remove_task("/m/1")
    assert len(names(watching)) == 3
    tree.add_task("/m/0")
    names(watching)
    assert len(caplog.messages) == 2


def test_the_search_ends_at_the_bound(tree):
    for number in range(200):
        tree.add_task(f"/m/{number:03}/x")
    watching = node(tree, "/m/*/x*", max_tasks=3)
    before = tree.kernel.calls.listdirs
    watching.get_tasks()
    assert tree.kernel.calls.listdirs - before < 10


def test_without_any_hierarchy_there_is_no_list(tree):
    tree.write("/proc/self/mountinfo", "")
    with pytest.raises(TaskSynchronizationException, match="no cgroup hierarchy is mounted"):
        names(node(tree, "/**"))


def test_what_cannot_be_looked_at_is_not_absent(tree):
    tree.add_task("/m/a")
    watching = node(tree, "/m/*")
    assert names(watching) == ["m/a"]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(TaskSynchronizationException, match="cgroups cannot be listed"):
            watching.get_tasks()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"patterns": []}, "patterns is empty"),
        ({"patterns": ["/a/../b"]}, "pattern of a cgroup path"),
        ({"patterns": ["/a"], "exclude": [""]}, "pattern of a cgroup path"),
        ({"patterns": ["/a"], "labels_from_path": "("}, "no valid regular expression"),
        ({"patterns": ["/a"], "labels_from_path": "a(b)"}, "has no named group"),
        ({"patterns": ["/a"], "labels_from_path": "(?P<__x>b)"}, "expected a label name"),
        ({"patterns": ["/a"], "max_tasks": 0}, "at least 1"),
        ({"patterns": ["/a"], "max_depth": 65}, "between 1 and 64"),
    ],
)
def test_a_wrong_argument_is_refused_at_construction(arguments, words):
    with pytest.raises(ValidationError, match=words):
        CgroupNode(**arguments)


def test_construction_reads_nothing(tree):
    node(tree, "/**")
    assert tree.kernel.calls == type(tree.kernel.calls)()


def test_real_groups_that_come_and_go(real_cgroups):
    parent = real_cgroups.parent
    one, inner = real_cgroups.make("one"), real_cgroups.make("one/inner")
    watching = CgroupNode([f"{parent}/**"], kernel=real_cgroups.kernel)
    assert [task.cgroup_path for task in watching.get_tasks()] == [one, inner]
    alive = CgroupNode([f"{parent}/*"], require_pids=True, kernel=real_cgroups.kernel)
    assert alive.get_tasks() == []
    worker = real_cgroups.worker(inner)
    assert [task.cgroup_path for task in alive.get_tasks()] == [one]
    worker.stop()
    assert alive.get_tasks() == []
    real_cgroups.remove(inner)
    assert [task.cgroup_path for task in watching.get_tasks()] == [one]
