"""`runc update` during each action: it succeeds, or the action yields in the next interval."""

import itertools
import json
import os

import pytest

from tests.allocations.acting import Acting
from tests.allocations.runc_container import LIMITS, RuncContainer
from tests.cgroup_fixtures import need_root
from tests.nodes.containers.image import build
from tests.services import missing, program
from wca.allocations.attempts import Attempts
from wca.allocations.files import KernelFiles
from wca.allocations.journal import Journal
from wca.allocations.knobs import SLOW
from wca.allocations.ownership import ForeignWrites, Ownership
from wca.allocators import AllocationType
from wca.detectors import TaskData
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.files import Kernel
from wca.linux.inotify import ClosedAfterWriting

T = AllocationType
CPUS = os.cpu_count()

#: An action and the file that it changes.
ACTIONS = {
    T.QUOTA: (0.5 / CPUS, "cpu.cfs_quota_us"),
    T.SHARES: (0.05, "cpu.shares"),
    T.CPU_WEIGHT: (5, "cpu.shares"),
    T.CPU_IDLE: (1, "cpu.idle"),
    T.CPU_BURST: (1.2 / CPUS, "cpu.cfs_burst_us"),
    T.CPUSET_CPUS: ([0], "cpuset.cpus"),
    T.MEMORY_MAX: (64 << 20, "memory.limit_in_bytes"),
    T.PIDS_MAX: (50, "pids.max"),
}
#: What a runtime changes, and the files that have it then.
UPDATES = {
    "--cpu-share": ("600", {"cpu.shares": "600"}),
    "--cpu-quota": ("60000", {"cpu.cfs_quota_us": "60000"}),
    "--memory": (str(96 << 20), {"memory.limit_in_bytes": str(96 << 20)}),
    "--pids-limit": ("40", {"pids.max": "40"}),
    "--cpuset-cpus": (str(CPUS - 1), {"cpuset.cpus": str(CPUS - 1)}),
    # As the kubelet does through containerd: everything at once, changed or not.
    "--resources": (
        {
            "cpu": {"shares": 600, "quota": 160_000, "period": 100_000, "cpus": str(CPUS - 1)},
            "memory": {"limit": 96 << 20},
            "pids": {"limit": 40},
        },
        {
            "cpu.shares": "600",
            "cpu.cfs_quota_us": "160000",
            "memory.limit_in_bytes": str(96 << 20),
            "pids.max": "40",
            "cpuset.cpus": str(CPUS - 1),
        },
    ),
}
#: What the kernel refuses because of an action: docs/allocation.md has it.
REFUSED = {
    (T.CPU_IDLE, "--cpu-share"),
    (T.CPU_IDLE, "--resources"),
    (T.CPU_BURST, "--cpu-quota"),
}
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def runc():
    need_root()
    return program("runc", package="runc")


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    folder = tmp_path_factory.mktemp("box")
    build(folder)
    return folder / "box"


@pytest.fixture
def container(runc, box, tmp_path):
    if not os.path.isdir("/sys/fs/cgroup/cpu"):
        missing("cgroup v1 is not mounted")
    os.link(box, tmp_path / "box")
    path = f"/wca-test-runc-{os.getpid()}-{next(_numbers)}/box"
    with RuncContainer(runc, tmp_path, path) as container:
        assert container.files() == LIMITS
        yield container


@pytest.fixture
def agent(container, tmp_path):
    """agent(policy): an agent's gate over the group of the container."""
    journal = Journal(str(tmp_path / "journal"), now=lambda: 90.0)
    journal.open()
    files, watcher, kernel = KernelFiles(), ClosedAfterWriting(), Kernel()

    def agent(policy):
        acting = Acting(
            CgroupHierarchies(kernel).locate,
            cpus=CPUS,
            files=files,
            journal=journal,
            ownership=Ownership(policy),
            attempts=Attempts(files, watcher, slow_types=SLOW),
        )
        acting.tasks = {"t": TaskData("t", "t", container.path)}
        return acting

    yield agent
    watcher.close()
    journal.close()
    kernel.close()


@pytest.fixture
def acting(agent):
    return agent(ForeignWrites.YIELD)


@pytest.mark.parametrize("option", UPDATES)
@pytest.mark.parametrize("type_", ACTIONS)
def test_it_succeeds_or_the_action_yields_at_once(container, acting, tmp_path, type_, option):
    value, file = ACTIONS[type_]
    given, changed = UPDATES[option]
    if isinstance(given, dict):
        (tmp_path / "resources").write_text(json.dumps(given))
        given = str(tmp_path / "resources")
    asked = {"t": {type_: value}}
    assert acting.ask(asked) == {("t", type_): "applied"}
    ours = container.files()[file]
    assert ours != LIMITS[file]
    code, said = container.update(option, given)
    assert (code != 0) == ((type_, option) in REFUSED), said
    outcome = acting.ask(asked)["t", type_]  # the next interval
    if file in changed or code != 0:
        assert outcome == "rejected: foreign"
        assert container.update(option, given) == (0, "")
        assert acting.journal.entries() == []
    else:
        assert outcome == "unchanged"
        assert container.files()[file] == ours
    acting.ask({})
    acting.undo()
    assert container.files() == {**LIMITS, **changed}


def test_a_container_gets_its_quota_although_its_pod_has_less(container, acting):
    """On v1 the containers are held back, not the pod: what runc writes is never refused."""
    pod = os.path.dirname(container.path)
    acting.tasks = {"pod": TaskData("pod", "pod", pod, subcgroups_paths=[container.path])}
    assert acting.ask({"pod": {T.QUOTA: 0.5 / CPUS}}) == {("pod", T.QUOTA): "applied"}
    assert container.files()["cpu.cfs_quota_us"] == "50000"
    assert container.update("--cpu-quota", "80000") == (0, "")
    assert acting.ask({"pod": {T.QUOTA: 0.5 / CPUS}}) == {("pod", T.QUOTA): "rejected: foreign"}
    acting.undo()
    assert container.files() == {**LIMITS, "cpu.cfs_quota_us": "80000"}


IDLE = {"t": {T.CPU_IDLE: 1}}


def test_who_takes_a_group_out_of_the_idle_class_gets_its_weight_back(container, acting):
    acting.ask(IDLE)
    container.write("cpu.idle", "0")
    assert container.files()["cpu.shares"] == "1024", "as the kernel has it"
    assert acting.ask(IDLE) == {("t", T.CPU_IDLE): "rejected: foreign"}
    assert container.files() == LIMITS
    assert acting.journal.entries() == []


def test_the_idle_class_comes_back_with_the_weight_in_the_journal(container, agent):
    acting = agent(ForeignWrites.REASSERT)
    acting.ask(IDLE)
    container.write("cpu.idle", "0")
    acting.ask({})  # nobody asks, and it is to stay as it was
    assert container.files() == LIMITS
    acting.now = 1.0
    acting.ask({})
    assert container.files() == {**LIMITS, "cpu.idle": "1", "cpu.shares": "3"}
    acting.undo()
    assert container.files() == LIMITS


def test_what_was_written_in_between_is_what_comes_back_at_last(container, agent):
    acting = agent(ForeignWrites.REASSERT)
    acting.ask({"t": {T.SHARES: 0.05}})
    container.write("cpu.shares", "777")
    acting.ask({})
    acting.now = 1.0
    acting.ask({})
    assert container.files()["cpu.shares"] == "50"
    acting.undo()
    assert container.files() == {**LIMITS, "cpu.shares": "777"}


def test_what_is_asked_for_anew_goes_through_the_envelope(container, agent):
    acting = agent(ForeignWrites.REASSERT)
    acting.ask({"t": {T.SHARES: 0.05}})
    container.write("cpu.shares", "777")
    assert acting.ask({"t": {T.SHARES: 0.06}}) == {("t", T.SHARES): "rejected: foreign"}
    acting.now = 1.0
    assert acting.ask({"t": {T.SHARES: 0.06}}) == {("t", T.SHARES): "applied"}
    assert container.files()["cpu.shares"] == "60"
    acting.undo()
    assert container.files() == {**LIMITS, "cpu.shares": "777"}
