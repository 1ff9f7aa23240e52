"""Utilization: of real groups that are held back, and of files as kernels write them."""

import time
from types import SimpleNamespace

import pytest

from tests.cgroup_fixtures import RealCgroups  # noqa: F401 - the fixture's class
from wca.collectors.utilization import tree as process_tree
from wca.collectors.utilization.limits import Limits
from wca.collectors.utilization.node import NodeUtilizationCollector
from wca.collectors.utilization.rates import Growth
from wca.collectors.utilization.task import TaskUtilizationCollector
from wca.collectors.utilization.tree import ProcessTreeUtilizationCollector
from wca.errors import NotAvailable
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.files import Kernel
from wca.nodes.api import Task
from wca.testing import FakeClock

CPU, THROTTLED = "task_cpu_utilization_ratio", "task_cpu_throttled_ratio"
MEMORY = "task_mem_utilization_ratio"
MIB = 1 << 20


class Target:
    """A task of a tree of files."""

    def __init__(self, kernel, path="/a/b"):
        self.task = Task("t", "t", path)
        self.cgroup = CgroupHierarchies(kernel).locate(path)
        self.node = kernel

    def containers(self):
        return {}


def test_a_task_at_its_quota_uses_all_of_it_and_is_held_back(real_cgroups):
    path = real_cgroups.make("busy")
    set_quota(real_cgroups, path, 25_000)
    target = Target(real_cgroups.kernel, path)
    probe = TaskUtilizationCollector().attach(target)
    worker = real_cgroups.worker(path)
    first = {}
    probe.read(first)
    assert CPU not in first
    worker.burn(0.4)
    out = {}
    probe.read(out)
    probe.close()
    assert out[CPU] == pytest.approx(1.0, abs=0.15)
    assert out[THROTTLED] > 0.7


def test_page_cache_that_can_be_taken_back_is_not_in_use(real_cgroups, tmp_path):
    path = real_cgroups.make("reader")
    limit(real_cgroups, path, 200 * MIB)
    file = tmp_path / "file"
    file.write_bytes(bytes(100 * MIB))
    worker = real_cgroups.worker(path)
    # Written back and dropped, then read once: the group's own, and on the list of the inactive.
    worker.do(f"import os; f = os.open({str(file)!r}, os.O_RDONLY); os.fsync(f)")
    worker.do("os.posix_fadvise(f, 0, 0, os.POSIX_FADV_DONTNEED)")
    worker.do("[os.pread(f, 1 << 20, i << 20) for i in range(100)]")
    probe = TaskUtilizationCollector().attach(Target(real_cgroups.kernel, path))
    out = {}
    probe.read(out)
    probe.close()
    used, inactive = memory_in_use(real_cgroups.locate(path))
    # The kernel itself moves pages between its lists, so its own count says how many there are.
    assert inactive > 20 * MIB
    assert out[MEMORY] == pytest.approx((used - inactive) / (200 * MIB), abs=0.02)
    assert 0 < out[MEMORY] < used / (200 * MIB) - 0.1


def memory_in_use(cgroup):
    """Bytes in use, and bytes of files on the list of the inactive."""
    v1 = cgroup.version("memory") == 1
    used = int(cgroup.read("memory", "memory.usage_in_bytes" if v1 else "memory.current"))
    stat = dict(line.split() for line in cgroup.read("memory", "memory.stat").decode().splitlines())
    return used, int(stat["total_inactive_file" if v1 else "inactive_file"])


def set_quota(cgroups, path, quota):
    folder = cgroups.locate(path).directory("cpu")
    if cgroups.locate(path).version("cpu") == 1:
        write(f"{folder}/cpu.cfs_quota_us", quota)
    else:
        write(f"{folder}/cpu.max", f"{quota} 100000")


def limit(cgroups, path, size):
    folder = cgroups.locate(path).directory("memory")
    v1 = cgroups.locate(path).version("memory") == 1
    write(f"{folder}/{'memory.limit_in_bytes' if v1 else 'memory.max'}", size)


def write(path, value):
    with open(path, "w") as file:
        file.write(str(value))


MACHINE = {
    "/sys/devices/system/cpu/online": "0-7\n",
    "/proc/meminfo": "MemTotal:        1048576 kB\nMemFree:          262144 kB\n"
    "Buffers:           65536 kB\nCached:           131072 kB\nSlab:              65536 kB\n",
}
V2 = "/sys/fs/cgroup"
V2_TASK = {
    **MACHINE,
    "/proc/self/mountinfo": "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
    f"{V2}/cgroup.controllers": "cpu memory cpuset\n",
    f"{V2}/a/cgroup.controllers": "cpu memory cpuset\n",
    f"{V2}/a/cpu.max": "150000 100000\n",
    f"{V2}/a/memory.max": "268435456\n",
    f"{V2}/a/b/cgroup.controllers": "cpu memory cpuset\n",
    f"{V2}/a/b/cpu.max": "max 100000\n",
    f"{V2}/a/b/cpu.stat": "usage_usec 0\nnr_periods 0\nnr_throttled 0\n",
    f"{V2}/a/b/cpuset.cpus.effective": "0-3\n",
    f"{V2}/a/b/memory.max": "max\n",
    f"{V2}/a/b/memory.current": "134217728\n",
    f"{V2}/a/b/memory.stat": "anon 1\ninactive_file 67108864\n",
}


def tree(tmp_path, files):
    for name, text in files.items():
        path = tmp_path / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Kernel(str(tmp_path))


def test_on_v2_the_least_limit_of_all_groups_counts(tmp_path):
    kernel = tree(tmp_path, V2_TASK)
    assert Limits(Target(kernel)).read(0.0) == (1.5, 256 * MIB)
    (tmp_path / "sys/fs/cgroup/a/b/cpu.max").write_text("50000 100000\n")
    (tmp_path / "sys/fs/cgroup/a/b/memory.max").write_text(f"{100 * MIB}\n")
    assert Limits(Target(kernel)).read(0.0) == (0.5, 100 * MIB)


def test_without_a_quota_the_cpuset_counts_and_without_a_limit_the_machine(tmp_path):
    files = {**V2_TASK, f"{V2}/a/cpu.max": "max 100000\n", f"{V2}/a/memory.max": "max\n"}
    kernel = tree(tmp_path, files)
    assert Limits(Target(kernel)).read(0.0) == (4, 1024 * MIB)
    (tmp_path / "sys/fs/cgroup/a/b/cpuset.cpus.effective").unlink()
    assert Limits(Target(kernel)).read(0.0)[0] == 8


def test_limits_are_read_again_after_ten_seconds(tmp_path):
    kernel = tree(tmp_path, V2_TASK)
    limits = Limits(Target(kernel))
    limits.read(0.0)
    (tmp_path / "sys/fs/cgroup/a/cpu.max").write_text("20000 100000\n")
    assert limits.read(9.9)[0] == 1.5
    assert limits.read(10.0)[0] == 0.2


def test_on_v2_cpu_is_used_of_the_limit_and_memory_without_inactive_files(tmp_path):
    clock = FakeClock()
    kernel = tree(tmp_path, V2_TASK)
    probe = TaskUtilizationCollector(clock=clock).attach(Target(kernel))
    out = {}
    probe.read(out)
    assert out == {MEMORY: 0.25}
    stat = tmp_path / "sys/fs/cgroup/a/b/cpu.stat"
    stat.write_text("usage_usec 750000\nnr_periods 10\nnr_throttled 4\n")
    clock.advance(1.0)
    probe.read(out)
    assert out == {CPU: 0.5, THROTTLED: 0.4, MEMORY: 0.25}
    stat.write_text("usage_usec 5\nnr_periods 10\nnr_throttled 4\n")  # a group that began anew
    clock.advance(1.0)
    out.clear()
    probe.read(out)
    assert out == {MEMORY: 0.25}


def test_a_group_that_tells_nothing_is_not_measured(tmp_path):
    files = {name: text for name, text in V2_TASK.items() if "/a/b/" not in name}
    files[f"{V2}/a/b/cgroup.controllers"] = "\n"
    with pytest.raises(NotAvailable):
        TaskUtilizationCollector().attach(Target(tree(tmp_path, files)))


def test_of_the_machine_idle_and_waiting_are_not_in_use(tmp_path):
    clock = FakeClock()
    kernel = tree(tmp_path, {**MACHINE, "/proc/stat": "cpu  0 0 0 0 0 0 0 0 0 0\n"})
    probe = NodeUtilizationCollector(clock=clock).attach(kernel)
    out = {}
    probe.read(out)
    assert out == {"platform_mem_utilization_ratio": 0.5}
    clock.advance(1.0)
    (tmp_path / "proc/stat").write_text("cpu  10 5 5 60 15 2 2 1 0 0\n")
    probe.read(out)
    assert out["platform_cpu_utilization_ratio"] == pytest.approx(0.25)
    probe.close()


def test_on_this_machine_the_ratios_are_ratios():
    probe = NodeUtilizationCollector().attach(Kernel())
    out = {}
    probe.read(out)
    time.sleep(0.05)
    probe.read(out)
    probe.close()
    assert set(out) == set(NodeUtilizationCollector.emits)
    assert all(0 <= ratio <= 1 for ratio in out.values())


def test_growth_begins_with_the_second_reading_and_anew_after_a_fall():
    growth = Growth()
    assert growth.since(0.0, 5.0) is None
    assert growth.since(2.0, 6.0) == (2.0, 1.0)
    assert growth.since(2.0, 7.0) is None
    assert growth.since(3.0, 1.0) is None
    assert growth.since(4.0, 2.0) == (1.0, 1.0)


def test_a_child_that_ends_between_both_looks_gives_no_interval_its_whole_life(
    tmp_path, monkeypatch
):
    clock = FakeClock()
    collector = ProcessTreeUtilizationCollector(clock=clock)
    probe = collector.attach(Target(tree(tmp_path, V2_TASK)))  # of 1.5 cores
    found = []
    # No process can be made to end just then, so the looks are made up. The child with 100 seconds
    # is missing from the third one, and reaped in the fourth.
    for reaped, alive in [(0, [100.0, 5.0]), (0, [100.75, 5.0]), (0, [5.0]), (102.25, [5.0])]:
        usage = SimpleNamespace(ru_utime=reaped, ru_stime=0)
        monkeypatch.setattr(process_tree.resource, "getrusage", lambda _who, usage=usage: usage)
        children = [(seconds, MIB) for seconds in alive]
        monkeypatch.setattr(process_tree, "_descendants", lambda children=children: children)
        out = {}
        probe.read(out)
        found.append(out.get(CPU))
        clock.advance(1.0)
    assert found == [None, 0.5, None, 0.5]


def test_what_is_missing_twice_began_anew():
    growth = Growth(gaps=True)
    assert [growth.since(now, total) for now, total in enumerate((10, 4, 5, 7), start=1)] == [
        None,
        None,
        None,
        (1, 2),
    ]
