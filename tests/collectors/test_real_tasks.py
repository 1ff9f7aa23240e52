"""What the collectors say of real processes in real cgroups."""

import contextlib
import os
import subprocess
import sys
from functools import partial
from types import SimpleNamespace

import pytest

from tests.services import program
from wca.collectors import NotAvailable, TargetGone
from wca.collectors.task_cpu import TaskCpuCollector
from wca.collectors.task_io import TaskIoCollector
from wca.collectors.task_memory import TaskMemoryCollector
from wca.collectors.task_memory_events import TaskMemoryEventsCollector
from wca.collectors.task_pids import TaskPidsCollector
from wca.collectors.task_psi import TaskPsiCollector
from wca.collectors.task_spec import TaskSpecCollector
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.files import Kernel
from wca.nodes import Task

MIB = 1 << 20
COLLECTORS = [
    TaskCpuCollector,
    TaskMemoryCollector,
    TaskMemoryEventsCollector,
    TaskPsiCollector,
    TaskIoCollector,
    TaskPidsCollector,
    TaskSpecCollector,
]


def attach(collector, cgroups, path):
    task = Task(path, path, path)
    target = SimpleNamespace(task=task, cgroup=cgroups.locate(path), node=cgroups.kernel)
    return collector().attach(target)


def read(probe):
    out = {}
    probe.read(out)
    return out


def test_the_cpu_seconds_of_a_busy_process_are_those_it_counts_itself(real_cgroups):
    path = real_cgroups.make("busy")
    worker = real_cgroups.worker(path)
    probe = attach(TaskCpuCollector, real_cgroups, path)
    before = read(probe)["task_cpu_usage_seconds"]
    used = worker.burn(0.6)
    after = read(probe)["task_cpu_usage_seconds"]
    probe.close()
    assert after - before == pytest.approx(used, rel=0.05)
    assert used > 0.5


def test_an_allocation_of_100_mb_is_seen_as_such(real_cgroups):
    path = real_cgroups.make("hungry")
    worker = real_cgroups.worker(path)
    probe = attach(TaskMemoryCollector, real_cgroups, path)
    before = read(probe)
    worker.do("block = b'x' * 100_000_000")
    held = read(probe)
    worker.do("del block")
    freed = read(probe)
    probe.close()
    assert held["task_mem_usage_bytes"] - before["task_mem_usage_bytes"] == pytest.approx(
        100e6, rel=0.03
    )
    assert freed["task_mem_usage_bytes"] - before["task_mem_usage_bytes"] < 5e6
    assert freed["task_mem_max_usage_bytes"] >= 100e6
    assert held["task_mem_page_faults"] > before["task_mem_page_faults"]
    pages = [sum(sample["task_mem_numa_pages"].values()) for sample in (before, held)]
    page_size = os.sysconf("SC_PAGESIZE")
    assert (pages[1] - pages[0]) * page_size == pytest.approx(100e6, rel=0.03)
    assert "task_mem_limit_bytes" not in held
    anon = [sample["task_mem_anon_bytes"] for sample in (before, held, freed)]
    assert anon[1] - anon[0] == pytest.approx(100e6, rel=0.03)
    assert anon[2] - anon[0] < 5e6


def test_what_is_written_to_a_file_is_page_cache(real_cgroups, tmp_path):
    path = real_cgroups.make("writing")
    worker = real_cgroups.worker(path)
    probe = attach(partial(TaskMemoryCollector, details=True), real_cgroups, path)
    before = read(probe)
    worker.do(f"file = open({str(tmp_path / 'file')!r}, 'w+b'); file.write(b'x' * 30_000_000)")
    worker.do("import mmap; file.flush(); mapped = mmap.mmap(file.fileno(), 30_000_000)")
    worker.do("touched = sum(mapped[:: mmap.PAGESIZE])")
    after = read(probe)
    probe.close()
    grown = {name: after[name] - before[name] for name in before if name.endswith("_bytes")}
    assert grown["task_mem_file_bytes"] == pytest.approx(30e6, rel=0.05)
    assert grown["task_mem_mapped_file_bytes"] == pytest.approx(30e6, rel=0.05)
    assert grown["task_mem_anon_bytes"] < 10e6


def test_a_limit_is_seen_when_it_is_set(real_cgroups):
    path = real_cgroups.make("limited")
    probe = attach(TaskMemoryCollector, real_cgroups, path)
    assert "task_mem_limit_bytes" not in read(probe)
    cgroup = real_cgroups.locate(path)
    name = "memory.max" if cgroup.version("memory") == 2 else "memory.limit_in_bytes"
    with open(f"{cgroup.directory('memory')}/{name}", "w") as file:
        file.write(str(200 * MIB))
    assert read(probe)["task_mem_limit_bytes"] == 200 * MIB
    probe.close()


def test_a_process_held_back_by_its_quota_is_seen_as_throttled(real_cgroups):
    path = real_cgroups.make("throttled")
    cgroup = real_cgroups.locate(path)
    folder = cgroup.directory("cpu")
    second = cgroup.version("cpu") == 2
    name, quota = ("cpu.max", "10000 50000") if second else ("cpu.cfs_quota_us", "20000")
    with open(f"{folder}/{name}", "w") as file:
        file.write(quota)
    probe = attach(TaskCpuCollector, real_cgroups, path)
    before = read(probe)
    real_cgroups.worker(path).burn(0.15)
    after = read(probe)
    probe.close()
    assert after["task_cpu_periods"] > before["task_cpu_periods"]
    assert after["task_cpu_throttled_periods"] > before["task_cpu_throttled_periods"]
    assert after["task_cpu_throttled_seconds"] > before["task_cpu_throttled_seconds"]


def test_pressure_comes_through_the_unified_hierarchy(real_cgroups):
    path = real_cgroups.make("waiting")
    if not os.path.exists("/proc/pressure/cpu"):
        pytest.skip("this kernel has no PSI")
    probe = attach(TaskPsiCollector, real_cgroups, path)
    first = read(probe)
    assert first.keys() >= {"task_psi_cpu_some_seconds", "task_psi_memory_full_seconds"}
    workers = [real_cgroups.worker(path) for _ in range((os.cpu_count() or 1) + 1)]
    cpus = sorted(os.sched_getaffinity(0))[:1]
    for worker in workers:
        os.sched_setaffinity(worker.pid, cpus)
        worker.do("import threading")
        worker.do("threading.Thread(target=lambda: [None for _ in range(10**7)]).start()")
    workers[0].burn(0.2)
    second = read(probe)
    probe.close()
    assert second["task_psi_cpu_some_seconds"] > first["task_psi_cpu_some_seconds"]


@pytest.mark.parametrize("collector", COLLECTORS)
def test_a_removed_task_is_gone(real_cgroups, collector):
    path = real_cgroups.make("short")
    try:
        probe = attach(collector, real_cgroups, path)
    except NotAvailable as missing:
        pytest.skip(missing.reason)
    read(probe)
    real_cgroups.remove(path)
    with pytest.raises(TargetGone):
        read(probe)
    probe.close()
    with pytest.raises((TargetGone, NotAvailable)):
        attach(collector, real_cgroups, path)


def test_descriptors_are_given_back(real_cgroups):
    paths = [real_cgroups.make(f"task{number}") for number in range(20)]
    before = len(os.listdir("/proc/self/fd"))
    probes = []
    for path in paths:
        for collector in COLLECTORS:
            with contextlib.suppress(NotAvailable):
                probes.append(attach(collector, real_cgroups, path))
    assert len(os.listdir("/proc/self/fd")) >= before + 20 * 8
    for probe in probes:
        probe.close()
    assert len(os.listdir("/proc/self/fd")) == before


STEADY = """
import os, sys
from types import SimpleNamespace
from tests.services import program
from wca.collectors import NotAvailable
from wca.collectors.task_cpu import TaskCpuCollector
from wca.collectors.task_memory import TaskMemoryCollector
from wca.collectors.task_psi import TaskPsiCollector
from wca.collectors.task_spec import TaskSpecCollector
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.files import Kernel
from wca.nodes import Task

hierarchies = CgroupHierarchies(kernel := Kernel())
probes = []
for path in sys.argv[1:]:
    for collector in (TaskCpuCollector, TaskMemoryCollector, TaskPsiCollector):
        try:
            task, cgroup = Task(path, path, path), hierarchies.locate(path)
            probes.append(collector().attach(SimpleNamespace(task=task, cgroup=cgroup)))
        except NotAvailable:
            pass
for probe in probes:
    probe.read({})
print(kernel.calls.reads, flush=True)
os.write(2, b"begin")
for probe in probes:
    probe.read({})
os.write(2, b"end")
print(kernel.calls.reads)
"""


def test_the_system_calls_of_an_interval_are_one_pread_per_file(real_cgroups, tmp_path):
    strace = program("strace", package="strace")
    paths = [real_cgroups.make(f"task{number}") for number in range(3)]
    trace = tmp_path / "trace"
    command = [strace, "-qq", "-o", str(trace), sys.executable, "-c", STEADY, *paths]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    before, after = map(int, finished.stdout.split())
    calls = trace.read_text()
    interval = calls[calls.index('"begin"') : calls.rindex('write(2, "end"')].splitlines()[1:]
    names = [line.partition("(")[0] for line in interval]
    assert set(names) - {"brk", "mmap", "munmap"} == {"pread64"}
    assert names.count("pread64") == after - before
    assert after - before in (3 * 8, 3 * 11, 3 * 7, 3 * 10)


def test_with_descriptors_run_out_a_replaced_task_is_gone_all_the_same(real_cgroups):
    path = real_cgroups.make("job")
    hierarchies = CgroupHierarchies(Kernel(max_kept=0))
    file = hierarchies.locate(path).open("memory", "memory.stat")
    assert file.read()
    real_cgroups.remove(path)
    real_cgroups.make("job")
    with pytest.raises(TargetGone, match="is another file by now"):
        file.read()
