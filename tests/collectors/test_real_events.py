"""What the collectors say of contention, want of memory, I/O and replacement in real cgroups."""

import contextlib
import os
import threading
import time
from functools import partial
from types import SimpleNamespace

import pytest

from wca.collectors import NotAvailable, TargetGone
from wca.collectors.task_cpu import TaskCpuCollector
from wca.collectors.task_io import TaskIoCollector
from wca.collectors.task_memory import TaskMemoryCollector
from wca.collectors.task_memory_events import TaskMemoryEventsCollector
from wca.collectors.task_pids import TaskPidsCollector
from wca.collectors.task_psi import TaskPsiCollector
from wca.nodes import Task

MIB = 1 << 20
# Reads a file past the page cache, in pieces of a mebibyte. What it takes for that is loaded before,
# and may have to be read from the disk as well.
LOAD = "import mmap"
READ_DIRECTLY = (
    "file = os.open({path!r}, os.O_RDONLY | os.O_DIRECT); block = mmap.mmap(-1, 1 << 20); "
    "print(sum(iter(lambda: os.readv(file, [block]), 0)))"
)


def attach(collector, cgroups, path):
    try:
        task, cgroup = Task(path, path, path), cgroups.locate(path)
        return collector().attach(SimpleNamespace(task=task, cgroup=cgroup, node=cgroups.kernel))
    except NotAvailable as missing:
        pytest.skip(missing.reason)


def read(probe):
    out = {}
    probe.read(out)
    return out


def write(cgroups, path, controller, names, text):
    """Write a control file, which has another name on each version."""
    cgroup = cgroups.locate(path)
    name = names[cgroup.version(controller) - 1]
    with open(f"{cgroup.directory(controller)}/{name}", "w") as file:
        file.write(text)


def test_two_processes_on_one_cpu_wait_for_it_all_the_time(real_cgroups):
    path = real_cgroups.make("contended")
    workers = [real_cgroups.worker(path) for _ in range(2)]
    cpu = sorted(os.sched_getaffinity(0))[:1]
    for worker in workers:
        os.sched_setaffinity(worker.pid, cpu)
    probe = attach(TaskPsiCollector, real_cgroups, path)
    before, start = read(probe), time.monotonic()
    other = threading.Thread(target=workers[0].burn, args=(0.5,))
    other.start()
    workers[1].burn(0.5)
    both_busy = time.monotonic() - start
    after = read(probe)
    other.join()
    probe.close()
    waited = after["task_psi_cpu_some_seconds"] - before["task_psi_cpu_some_seconds"]
    assert 0.6 * both_busy < waited <= both_busy * 1.05
    assert after["task_psi_io_some_seconds"] - before["task_psi_io_some_seconds"] < 0.1 * both_busy


def test_a_process_that_is_killed_for_want_of_memory_is_counted(real_cgroups):
    path = real_cgroups.make("small")
    write(real_cgroups, path, "memory", ("memory.limit_in_bytes", "memory.max"), str(32 * MIB))
    worker = real_cgroups.worker(path)
    probe = attach(TaskMemoryEventsCollector, real_cgroups, path)
    assert read(probe)["task_mem_oom_kills"] == 0
    with pytest.raises(AssertionError, match="the worker died"):
        worker.do("block = b'x' * 200_000_000")
    worker.stop()
    after = read(probe)
    probe.close()
    assert after["task_mem_oom_kills"] == 1
    assert after["task_mem_limit_hits"] > 0


def test_page_cache_that_is_not_used_again_is_no_part_of_the_working_set(real_cgroups, tmp_path):
    file = tmp_path / "data"
    file.write_bytes(os.urandom(32 * MIB))
    with open(file) as data:
        os.fsync(data.fileno())
        os.posix_fadvise(data.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    path = real_cgroups.make("reader")
    worker = real_cgroups.worker(path)
    probe = attach(TaskMemoryCollector, real_cgroups, path)
    before = read(probe)
    worker.do(f"file = open({str(file)!r}, 'rb', buffering=0)")
    worker.do("while file.read(1 << 16): pass")
    after = read(probe)
    probe.close()
    grown = {name: after[name] - before[name] for name in after if name.endswith("_bytes")}
    assert grown["task_mem_usage_bytes"] == pytest.approx(32 * MIB, rel=0.1)
    assert grown["task_mem_inactive_file_bytes"] == pytest.approx(32 * MIB, rel=0.1)
    assert abs(grown["task_mem_working_set_bytes"]) < 4 * MIB


def count_io(cgroups, path, device):
    """On v1, Linux 6.10 counts only where there has been a limit: give the group one it never meets."""
    cgroup = cgroups.locate(path)
    if cgroup.version("blkio") == 1:
        with contextlib.suppress(OSError):  # not a device that can have one
            name = f"{cgroup.directory('blkio')}/blkio.throttle.read_bps_device"
            with open(name, "w") as file:
                file.write(f"{os.major(device)}:{os.minor(device)} {1 << 50}")


def test_what_is_read_past_the_page_cache_is_counted_to_the_byte(real_cgroups, tmp_path):
    file = tmp_path / "data"
    file.write_bytes(bytes(8 * MIB))
    with open(file) as data:
        os.fsync(data.fileno())
    path = real_cgroups.make("reader")
    count_io(real_cgroups, path, os.stat(file).st_dev)
    worker = real_cgroups.worker(path)
    worker.do(LOAD)
    probe = attach(partial(TaskIoCollector, per_device=True), real_cgroups, path)
    before = read(probe)
    try:
        os.close(os.open(file, os.O_RDONLY | os.O_DIRECT))
    except OSError:
        pytest.skip("the file system of the temporary folder cannot read past the page cache")
    assert worker.do(READ_DIRECTLY.format(path=str(file))) == [str(8 * MIB)]
    after = read(probe)
    probe.close()
    if after.get("task_io_read_bytes", 0) == before.get("task_io_read_bytes", 0):
        pytest.skip("the temporary folder is on no block device that the kernel counts")
    assert after["task_io_read_bytes"] - before.get("task_io_read_bytes", 0) == 8 * MIB
    assert after["task_io_reads"] - before.get("task_io_reads", 0) >= 8
    assert sum(after["task_io_device_read_bytes"].values()) == after["task_io_read_bytes"]


def reads_directly(worker, file):
    """Let a process read a file past the page cache; skip where that cannot be counted."""
    try:
        os.close(os.open(file, os.O_RDONLY | os.O_DIRECT))
    except OSError:
        pytest.skip("the file system of the temporary folder cannot read past the page cache")
    assert worker.do(READ_DIRECTLY.format(path=str(file))) == [str(os.stat(file).st_size)]


def wait_until_taken_out(cgroups, path, bytes_before):
    """Until the kernel has taken a removed group out of its sums, which it does a moment later."""
    end = time.monotonic() + 10
    while True:
        probe = attach(TaskIoCollector, cgroups, path)  # one that knows nothing of before
        now = read(probe)["task_io_read_bytes"]
        probe.close()
        if now < bytes_before:
            return
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_a_container_read_that_has_ended_counts_once(real_cgroups, tmp_path):
    file = tmp_path / "data"
    file.write_bytes(bytes(4 * MIB))
    with open(file) as data:
        os.fsync(data.fileno())
    pod = real_cgroups.make("pod")
    paths = [real_cgroups.make(f"pod/{name}") for name in ("short", "long")]
    for path in paths:
        count_io(real_cgroups, path, os.stat(file).st_dev)
    short, long = map(real_cgroups.worker, paths)
    for worker in (short, long):
        worker.do(LOAD)
    probe = attach(partial(TaskIoCollector, per_device=True), real_cgroups, pod)
    start = read(probe).get("task_io_read_bytes", 0)
    reads_directly(short, file)
    reads_directly(long, file)
    before = read(probe)
    if before.get("task_io_read_bytes", 0) == start:
        pytest.skip("the temporary folder is on no block device that the kernel counts")
    assert before["task_io_read_bytes"] - start == 8 * MIB
    short.stop()
    real_cgroups.remove(paths[0])
    if real_cgroups.locate(pod).version("blkio") == 1:
        wait_until_taken_out(real_cgroups, pod, before["task_io_read_bytes"])
    assert read(probe) == before
    reads_directly(long, file)
    after = read(probe)
    probe.close()
    assert after["task_io_read_bytes"] - start == 12 * MIB
    assert sum(after["task_io_device_read_bytes"].values()) == after["task_io_read_bytes"]


def test_processes_are_counted_and_refused_at_their_limit(real_cgroups):
    path = real_cgroups.make("forking")
    worker = real_cgroups.worker(path)
    probe = attach(TaskPidsCollector, real_cgroups, path)
    assert read(probe) == {"task_pids": 1, "task_pids_limit_hits": 0}
    write(real_cgroups, path, "pids", ("pids.max", "pids.max"), "1")
    worker.do("import contextlib, subprocess")
    worker.do("with contextlib.suppress(OSError): subprocess.run(['true'])")
    after = read(probe)
    probe.close()
    assert after["task_pids_limit"] == 1
    assert after["task_pids_limit_hits"] > 0


def test_a_group_that_is_made_again_begins_anew_and_the_old_one_is_gone(real_cgroups):
    path = real_cgroups.make("job")
    real_cgroups.worker(path).burn(0.2)
    old = attach(TaskCpuCollector, real_cgroups, path)
    assert read(old)["task_cpu_usage_seconds"] > 0.1
    real_cgroups.locate(path)
    for worker in real_cgroups.locate(path).procs():
        os.kill(worker, 9)
    real_cgroups.remove(path)
    real_cgroups.make("job")
    with pytest.raises(TargetGone):
        read(old)
    old.close()
    new = attach(TaskCpuCollector, real_cgroups, path)
    assert read(new)["task_cpu_usage_seconds"] == 0
    new.close()
