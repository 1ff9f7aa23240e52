"""The gate on the real kernel: what is asked for is read back from it, felt, and given back."""

import os

import pytest

from tests.allocations.acting import Acting
from tests.cgroup_fixtures import RealCgroups, need_root, remove_group
from tests.services import missing
from wca.allocations.journal import Journal
from wca.allocators import AllocationType
from wca.detectors import TaskData

T = AllocationType
GROUPS = ("cpu", "memory", "pids", "cpuset", "blkio")


@pytest.fixture
def acting(tmp_path):
    """A gate over a real group in every hierarchy of cgroup v1, cpuset among them."""
    need_root()
    cgroups = RealCgroups(unified=False)
    made = []
    try:
        if cgroups.hierarchies.version("cpu") != 1:
            missing("cgroup v1 is not mounted")
        path = cgroups.make("task")
        root = cgroups.hierarchies.locate("/").directory("cpuset")
        for folder in (root + cgroups.parent, root + path):
            os.mkdir(folder)
            made.append(folder)
            for name in ("cpuset.cpus", "cpuset.mems"):
                with open(f"{os.path.dirname(folder)}/{name}") as above:
                    text = above.read()
                with open(f"{folder}/{name}", "w") as file:
                    file.write(text)
        journal = Journal(str(tmp_path / "journal"), now=lambda: 90.0)
        journal.open()
        acting = Acting(cgroups.hierarchies.locate, cpus=os.cpu_count(), journal=journal)
        acting.cgroups, acting.path = cgroups, path
        acting.tasks = {"t": TaskData("t", "t", path)}
        yield acting
    finally:
        for worker in cgroups._workers:
            worker.stop()
        for folder in reversed(made):
            remove_group(folder)
        cgroups.close()


def content(acting, controller, name):
    return acting.cgroups.locate(acting.path).read(controller, name).decode().strip()


@pytest.mark.parametrize(
    ("type_", "value", "controller", "name", "text"),
    [
        (T.QUOTA, 0.25, "cpu", "cpu.cfs_quota_us", str(25_000 * os.cpu_count())),
        (T.SHARES, 0.5, "cpu", "cpu.shares", "500"),
        (T.CPU_WEIGHT, 50, "cpu", "cpu.shares", "512"),
        (T.CPU_IDLE, 1, "cpu", "cpu.idle", "1"),
        (T.CPUSET_CPUS, [0], "cpuset", "cpuset.cpus", "0"),
        (T.CPUSET_MEMORY_MIGRATE, 1, "cpuset", "cpuset.memory_migrate", "1"),
        (T.MEMORY_MAX, 64 << 20, "memory", "memory.limit_in_bytes", str(64 << 20)),
        (T.PIDS_MAX, 50, "pids", "pids.max", "50"),
    ],
)
def test_a_request_is_in_the_kernel_and_then_as_it_was(
    acting, type_, value, controller, name, text
):
    before = content(acting, controller, name)
    assert acting.ask({"t": {type_: value}}) == {("t", type_): "applied"}
    assert content(acting, controller, name) == text
    assert acting.ask({"t": {type_: value}}) == {("t", type_): "unchanged"}
    assert set(acting.undo()) <= {"restored", "already"}
    assert content(acting, controller, name) == before
    assert acting.undo() == []


def test_the_weight_survives_the_idle_class(acting):
    acting.ask({"t": {T.SHARES: 0.3}})
    shares = acting.cgroups.locate(acting.path).directory("cpu") + "/cpu.shares"
    acting.journal.forget(shares)  # as if somebody else had set it
    acting.ask({"t": {T.CPU_IDLE: 1}})
    assert content(acting, "cpu", "cpu.shares") == "3"
    acting.undo()
    assert content(acting, "cpu", "cpu.idle") == "0"
    assert content(acting, "cpu", "cpu.shares") == "300"
    acting.ask({"t": {T.CPU_IDLE: 1}})
    acting.ask({"t": {T.CPU_IDLE: 0}})
    assert content(acting, "cpu", "cpu.shares") == "300"
    assert acting.journal.entries() == []


def test_while_a_task_is_idle_the_kernel_refuses_a_weight_and_that_is_said(acting):
    acting.ask({"t": {T.CPU_IDLE: 1}})
    assert acting.ask({"t": {T.SHARES: 0.5}}) == {
        ("t", T.SHARES): "failed: cpu.shares: Invalid argument"
    }
    acting.undo()


def test_a_burst_needs_a_quota_and_goes_with_it(acting):
    assert acting.ask({"t": {T.CPU_BURST: 0.1, T.QUOTA: 0.2}}) == {
        ("t", T.CPU_BURST): "applied",
        ("t", T.QUOTA): "applied",
    }
    refused = acting.ask({"t": {T.QUOTA: 0.05}})
    assert refused == {("t", T.QUOTA): "failed: cpu.cfs_quota_us: Invalid argument"}
    assert acting.ask({"t": {T.CPU_BURST: 0.01, T.QUOTA: 0.05}}) == {
        ("t", T.CPU_BURST): "applied",
        ("t", T.QUOTA): "applied",
    }
    assert set(acting.undo()) == {"restored"}
    assert content(acting, "cpu", "cpu.cfs_burst_us") == "0"
    assert content(acting, "cpu", "cpu.cfs_quota_us") == "-1"


@pytest.fixture
def pod(acting):
    """A task whose limit is that of its containers together, as the kubelet makes them."""

    class Pod:
        def __init__(self):
            self.folders, self.paths = {}, {}

        def start(self, name, quota):
            """What a container runtime does; raises OSError where the kernel refuses it."""
            path = self.paths[name] = acting.cgroups.make(f"task/{name}")
            folder = self.folders[name] = acting.cgroups.locate(path).directory("cpu")
            acting.files.write(f"{folder}/cpu.cfs_quota_us", str(quota))
            acting.tasks["t"].subcgroups_paths = list(self.paths.values())

        def stop(self, name):
            acting.cgroups.remove(self.paths.pop(name))
            del self.folders[name]
            acting.tasks["t"].subcgroups_paths = list(self.paths.values())

        def quotas(self):
            return {
                name: int(acting.files.read(f"{folder}/cpu.cfs_quota_us"))
                for name, folder in self.folders.items()
            }

        def ask(self, cpus):
            value = cpus / os.cpu_count()
            return acting.ask({"t": {T.QUOTA: value}})["t", T.QUOTA]

        def shown(self):
            return acting.groups.read(acting.tasks["t"])[T.QUOTA] * os.cpu_count()

    made = Pod()
    made.folders["pod"] = acting.cgroups.locate(acting.path).directory("cpu")
    return made


def test_a_quota_is_divided_among_containers_and_new_ones_can_start(acting, pod):
    acting.files.write(f"{pod.folders['pod']}/cpu.cfs_quota_us", "90000")
    pod.start("a", 60_000)
    pod.start("b", 30_000)
    assert pod.shown() == pytest.approx(0.9)
    assert pod.ask(0.3) == "applied"
    assert pod.quotas() == {"pod": 90_000, "a": 20_000, "b": 10_000}
    assert pod.shown() == pytest.approx(0.3)
    assert pod.ask(0.3) == "unchanged"
    pod.stop("b")
    pod.start("c", 30_000)
    assert pod.ask(0.3) == "applied"
    assert pod.quotas() == {"pod": 90_000, "a": 20_000, "c": 10_000}
    assert pod.ask(0.9) == "applied"
    assert pod.quotas() == {"pod": 90_000, "a": 60_000, "c": 30_000}
    pod.ask(0.2)
    pod.start("d", 90_000)
    assert set(acting.undo()) <= {"restored", "gone"}
    assert pod.quotas() == {"pod": 90_000, "a": 60_000, "c": 30_000, "d": 90_000}


def test_a_burst_is_granted_where_the_quotas_are(acting, pod):
    acting.files.write(f"{pod.folders['pod']}/cpu.cfs_quota_us", "90000")
    pod.start("a", 60_000)
    pod.start("b", 20_000)
    pod.start("c", -1)

    def ask(micros):
        value = micros / 100_000 / os.cpu_count()
        return acting.ask({"t": {T.CPU_BURST: value}})["t", T.CPU_BURST]

    def bursts():
        return {
            name: int(acting.files.read(f"{folder}/cpu.cfs_burst_us"))
            for name, folder in pod.folders.items()
        }

    assert ask(40_000) == "applied"
    assert bursts() == {"pod": 40_000, "a": 40_000, "b": 20_000, "c": 40_000}
    assert ask(40_000) == "unchanged"
    pod.start("d", 30_000)
    assert ask(40_000) == "applied"
    assert bursts()["d"] == 30_000
    assert ask(0) == "applied"
    assert set(bursts().values()) == {0}
    assert acting.journal.entries() == []


def test_a_task_gets_more_than_it_had_with_its_containers(acting, pod):
    acting.files.write(f"{pod.folders['pod']}/cpu.cfs_quota_us", "60000")
    pod.start("a", 60_000)
    assert pod.ask(0.9) == "applied"
    assert pod.quotas() == {"pod": 90_000, "a": 90_000}
    assert pod.ask(0.3) == "applied"
    assert pod.quotas() == {"pod": 60_000, "a": 30_000}
    assert pod.ask(os.cpu_count()) == "applied"
    assert pod.quotas() == {"pod": -1, "a": -1}
    assert set(acting.undo()) == {"restored"}
    assert pod.quotas() == {"pod": 60_000, "a": 60_000}


def test_a_container_without_a_limit_gets_its_part_too(acting, pod):
    pod.start("a", 60_000)
    pod.start("b", -1)
    before = pod.quotas()
    assert pod.shown() == os.cpu_count()
    assert pod.ask(0.2) == "applied"
    quotas = pod.quotas()
    assert quotas["pod"] == -1
    assert quotas["a"] + quotas["b"] == pytest.approx(20_000, abs=2)
    assert pod.ask(os.cpu_count()) == "applied"
    assert pod.quotas() == before


@pytest.mark.parametrize("cpus", [1.5, 0.5, 0.25])
def test_groups_with_another_period_keep_it_in_every_step(acting, pod, cpus):
    pod.start("a", -1)
    for name in ("pod", "a"):
        acting.files.write(f"{pod.folders[name]}/cpu.cfs_period_us", "50000")
        acting.files.write(f"{pod.folders[name]}/cpu.cfs_quota_us", "50000")
    assert pod.ask(cpus) == "applied"
    assert pod.quotas()["a"] == cpus * 50_000
    assert content(acting, "cpu", "cpu.cfs_period_us") == "50000"
    assert set(acting.undo()) == {"restored"}
    assert pod.quotas() == {"pod": 50_000, "a": 50_000}


def test_a_quota_is_felt(acting):
    worker = acting.cgroups.worker(acting.path)
    acting.ask({"t": {T.QUOTA: 0.1 / os.cpu_count()}})
    (burnt,) = worker.do(
        "end = time.monotonic() + 0.6; start = time.process_time(); "
        "any(time.monotonic() > end for _ in iter(int, 1)); print(time.process_time() - start)"
    )
    assert float(burnt) < 0.3
    acting.undo()


def test_a_cpuset_and_a_limit_of_processes_are_felt(acting):
    worker = acting.cgroups.worker(acting.path)
    cpuset = acting.cgroups.locate(acting.path).directory("cpuset")
    acting.files.write(f"{cpuset}/cgroup.procs", str(worker.pid))
    last = os.cpu_count() - 1
    acting.ask({"t": {T.CPUSET_CPUS: [last], T.PIDS_MAX: 8}})
    assert worker.do("print(os.sched_getaffinity(0))") == [f"{{{last}}}"]
    acting.files.write(f"{acting.cgroups.locate(acting.path).directory('pids')}/pids.max", "1")
    forked = "\n".join(worker.do("exec('try: os.fork()\\nexcept OSError as e: print(e.errno)')"))
    assert forked == "11"
    acting.files.write(f"{acting.cgroups.locate(acting.path).directory('pids')}/pids.max", "8")
    acting.undo()


READ_PAST_THE_CACHE = """
def read(path, size):
    import mmap
    file = os.open(path, os.O_RDONLY | os.O_DIRECT)
    buffer = mmap.mmap(-1, 1 << 18)
    start = time.monotonic()
    while size > 0: size -= os.readv(file, [buffer])
    os.close(file)
    print(time.monotonic() - start)
"""


@pytest.fixture
def large_file(tmp_path):
    """A file of 8 MiB on a disk, and the number of that disk."""
    path = tmp_path / "large"
    path.write_bytes(os.urandom(1 << 20) * 8)
    os.sync()
    device = os.stat(path).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    if os.path.exists(f"/sys/dev/block/{number}/partition"):
        with open(f"/sys/dev/block/{number}/../dev") as file:
            number = file.read().strip()
    if not os.path.exists(f"/sys/dev/block/{number}/queue"):
        pytest.skip(f"the files of tests are on no disk ({number})")
    return path, number


def test_a_limit_at_a_device_is_felt_and_the_one_from_before_comes_back(acting, large_file):
    path, disk = large_file
    worker = acting.cgroups.worker(acting.path)
    worker.do(f"exec({READ_PAST_THE_CACHE!r})")
    folder = acting.cgroups.locate(acting.path).directory("blkio")
    limits = f"{folder}/blkio.throttle.read_bps_device"
    acting.files.write(limits, f"{disk} 5000000000")  # somebody's
    assert acting.ask({"t": {T.IO_MAX: {disk: {"rbps": 20_000_000, "wiops": 50}}}}) == {
        ("t", T.IO_MAX): "applied"
    }
    assert content(acting, "blkio", "blkio.throttle.read_bps_device") == f"{disk} 20000000"
    assert content(acting, "blkio", "blkio.throttle.write_iops_device") == f"{disk} 50"
    (seconds,) = worker.do(f"read({str(path)!r}, 8 << 20)")
    assert float(seconds) > 0.3, "8 MiB at 20 MB/s"
    assert acting.ask({"t": {T.IO_MAX: f"{disk} rbps=20000000 wiops=50"}}) == {
        ("t", T.IO_MAX): "unchanged"
    }
    assert set(acting.undo()) == {"restored"}
    assert content(acting, "blkio", "blkio.throttle.read_bps_device") == f"{disk} 5000000000"
    assert content(acting, "blkio", "blkio.throttle.write_iops_device") == ""


def test_a_limit_at_what_is_no_disk_is_refused_by_the_kernel(acting):
    assert acting.ask({"t": {T.IO_MAX: "4000:77 rbps=5"}}) == {
        ("t", T.IO_MAX): ("failed: blkio.throttle.read_bps_device@4000:77: there is no such disk")
    }
    assert acting.journal.entries() == []


def test_a_weight_at_devices_is_in_the_kernel_and_then_as_it_was(acting):
    file = f"{acting.cgroups.locate(acting.path).directory('blkio')}/blkio.bfq.weight"
    if not os.path.exists(file):
        pytest.skip("the kernel has no bfq on cgroup v1")
    before = acting.files.read(file)
    assert acting.ask({"t": {T.IO_WEIGHT: 1090}}) == {("t", T.IO_WEIGHT): "applied"}
    assert acting.files.read(file) == "190"
    assert acting.groups.read(acting.tasks["t"])[T.IO_WEIGHT] == 1090
    assert acting.undo() == ["restored"]
    assert acting.files.read(file) == before


def test_a_group_that_is_gone_is_a_failed_request(acting):
    acting.ask({"t": {T.SHARES: 0.5}})
    gone = acting.cgroups.make("gone")
    acting.tasks["g"] = TaskData("g", "g", gone)
    acting.ask({"g": {T.SHARES: 0.5}})
    acting.cgroups.remove(gone)
    outcome = acting.ask({"g": {T.SHARES: 0.4}, "t": {T.SHARES: 0.4}})
    assert outcome["t", T.SHARES] == "applied"
    assert outcome["g", T.SHARES].startswith("failed: ")
    assert sorted(acting.undo()) == ["gone", "restored"]
