"""Events on the real kernel: processes that are killed, pages that move, memory that is not reclaimed."""

import os
import subprocess
import sys

import pytest

from tests.allocations.acting import Acting
from wca.allocations.envelope import Envelope
from wca.allocations.files import KernelFiles
from wca.allocations.killing import forbidden, kill_groups
from wca.allocators import AllocationType
from wca.detectors import TaskData
from wca.errors import WcaError
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.migrate_pages import migrate_pages, node_mask
from wca.testing.kernel import KernelTree

T = AllocationType
#: Has a child that forks on and on, as long as it is allowed to.
FORKING = """
import os, time
if os.fork() == 0:
    while True:
        if os.fork() == 0:
            time.sleep(0.05)
            os._exit(0)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]: pass
        except ChildProcessError: pass
        time.sleep(0.002)
print("ready", flush=True)
time.sleep(1000)
"""


@pytest.fixture
def acting(v1_cgroups):
    acting = Acting(
        v1_cgroups.hierarchies.locate,
        cpus=os.cpu_count(),
        envelope=Envelope(events_per_hour={"kill": 5}),
    )
    acting.cgroups = v1_cgroups
    acting.tasks = {name: TaskData(name, name, v1_cgroups.make(name)) for name in ("t", "other")}
    yield acting
    acting.events.close(3.0)


def processes(acting, name):
    return acting.cgroups.locate(acting.tasks[name].cgroup_path).procs("cpu", recursive=True)


def test_a_kill_ends_all_that_is_in_the_task_and_below_it_and_nobody_else(acting):
    inner = acting.cgroups.make("t/inner")
    acting.tasks["t"].subcgroups_paths = [inner]
    other = acting.cgroups.worker(acting.tasks["other"].cgroup_path)
    workers = [acting.cgroups.worker(path) for path in (acting.tasks["t"].cgroup_path, inner)]
    forking = subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.stdin.readline()\n{FORKING}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        acting.cgroups.place(inner, forking.pid)
        forking.stdin.write(b"\n")
        forking.stdin.flush()
        assert forking.stdout.readline() == b"ready\n"
        (outcome,) = acting.ask({"t": {T.KILL: "it forks"}}).values()
        assert outcome.startswith("applied: ")
        assert outcome.endswith(" processes killed")
        assert processes(acting, "t") == []
        assert forking.wait(5) == -9
        assert [worker._process.wait(5) for worker in workers] == [-9, -9]
        assert other.do("print('alive')") == ["alive"]
    finally:
        forking.kill()
        forking.communicate()


def test_a_task_without_processes_is_killed_already(acting):
    assert acting.ask({"t": {T.KILL: "x"}}) == {("t", T.KILL): "applied: 0 processes killed"}


def test_memory_cannot_be_reclaimed_on_cgroup_v1(acting):
    assert acting.ask({"t": {T.MEMORY_RECLAIM: 4096}}) == {
        ("t", T.MEMORY_RECLAIM): "failed: not on cgroup v1"
    }


def test_pages_are_moved_where_they_are(acting):
    acting.cgroups.worker(acting.tasks["t"].cgroup_path)
    assert acting.ask({"t": {T.MIGRATE_PAGES: 0}}) == {("t", T.MIGRATE_PAGES): "applied"}
    assert acting.ask({"t": {T.MIGRATE_PAGES: 0}}) == {("t", T.MIGRATE_PAGES): "unchanged"}


def test_what_the_kernel_says_of_a_process_is_the_reason(acting):
    acting.machine = acting.groups.machine = type(acting.machine)(cpus=2, nodes=900)
    pid = acting.cgroups.worker(acting.tasks["t"].cgroup_path).pid
    (outcome,) = acting.ask({"t": {T.MIGRATE_PAGES: 899}}).values()
    assert outcome.startswith(f"failed: process {pid}: ")


def test_pages_do_not_move_while_there_is_swap_space(v1_cgroups):
    acting = Acting(v1_cgroups.hierarchies.locate, swaps=True)
    acting.tasks = {"t": TaskData("t", "t", v1_cgroups.make("t"))}
    (outcome,) = acting.ask({"t": {T.MIGRATE_PAGES: 0}}).values()
    assert outcome == "failed: there is swap space: switch it off, or the OOM killer may come"


def test_a_mask_has_a_bit_for_each_node():
    assert node_mask([0, 2, 3], 1) == [13]
    assert node_mask([1], 1) == [2]
    assert node_mask([0, 64, 130], 3) == [1, 1, 4]


def test_a_process_that_is_gone_has_no_pages():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with pytest.raises(ProcessLookupError):
        migrate_pages(ended.pid, [1], 0)


@pytest.fixture
def tree(tmp_path):
    tree = KernelTree(tmp_path / "root", layout="v2")
    tree.add_task("/t")
    tree.folder = tree.groups("/t")["v2"]
    tree.write(f"{tree.folder}/cgroup.kill", "")
    return tree


class Obeys(KernelFiles):
    """A kernel that ends processes when it is told to, after so many times."""

    def __init__(self, tree, times=1):
        super().__init__(tree.root)
        self.tree, self.times, self.written = tree, times, []

    def write(self, path, text):
        self.written.append((path, text))
        if len(self.written) >= self.times:
            self.tree.write(f"{self.tree.folder}/cgroup.procs", "")
            self.tree.write(f"{self.tree.folder}/cgroup.events", "populated 0\n")


def group_with(tree, *pids):
    tree.write(f"{tree.folder}/cgroup.procs", "".join(f"{pid}\n" for pid in pids))
    tree.write(f"{tree.folder}/cgroup.events", "populated 1\n")
    return [CgroupHierarchies(tree.kernel).locate("/t")]


NOBODY = (1 << 22) + 1, (1 << 22) + 2


@pytest.mark.parametrize("times", [1, 3])
def test_cgroup_v2_kills_a_group_as_a_whole(tree, times):
    files = Obeys(tree, times)
    assert kill_groups(group_with(tree, *NOBODY), files) == 2
    assert files.written == [(f"{tree.folder}/cgroup.kill", "1")] * times


def test_what_does_not_die_is_told(tree):
    with pytest.raises(WcaError, match=r"^2 processes are left$"):
        kill_groups(group_with(tree, *NOBODY), Obeys(tree, 10**9), patience=0.03)


@pytest.mark.parametrize(
    ("pids", "reason"),
    [((os.getpid(), *NOBODY), "the agent itself is in it"), ((1, 7), "process 1 is in it")],
)
def test_neither_the_agent_nor_process_1_is_killed(tree, pids, reason):
    files, groups = Obeys(tree), group_with(tree, *pids)
    assert forbidden(groups) == reason
    with pytest.raises(WcaError, match=reason):
        kill_groups(groups, files)
    assert files.written == []


def test_a_group_with_the_agent_below_it_is_not_killed(tree):
    groups = group_with(tree)
    tree.write(f"{tree.folder}/agent/cgroup.procs", f"{os.getpid()}\n")
    with pytest.raises(WcaError, match="the agent itself is in it"):
        kill_groups(groups, Obeys(tree))


def test_the_root_group_is_not_killed(tree):
    assert forbidden([CgroupHierarchies(tree.kernel).locate("/")]) == "it is the root group"


def test_the_agents_own_group_is_refused_on_the_real_kernel_too(acting):
    """In a process of its own, which lives on to tell."""
    path = acting.tasks["t"].cgroup_path
    folder = acting.cgroups.locate(path).directory("cpu")
    script = (
        "import os, sys\n"
        "from wca.allocations.files import KernelFiles\n"
        "from wca.allocations.killing import kill_groups\n"
        "from wca.errors import WcaError\n"
        "from wca.linux.cgroups import CgroupHierarchies\n"
        "from wca.linux.files import Kernel\n"
        f"open({folder!r} + '/cgroup.procs', 'w').write(str(os.getpid()))\n"
        "try: kill_groups([CgroupHierarchies(Kernel()).locate(sys.argv[1])], KernelFiles())\n"
        "except WcaError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, path], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("the agent itself is in it\n", 0), done.stderr
