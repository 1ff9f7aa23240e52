"""A collector that is stopped for a while and goes on: no counter goes back, whatever is open."""

import contextlib
import os
import time

import pytest

from wca.clock import SystemClock
from wca.collectors.task_io import TaskIoCollector
from wca.collectors.task_network import TaskNetworkCollector
from wca.collectors.task_perf import TaskPerfCollector
from wca.collectors.task_sched import TaskSchedCollector
from wca.collectors.task_schedstat import TaskSchedstatCollector
from wca.linux.files import Kernel
from wca.nodes import Task
from wca.runners.collect import Collect
from wca.runners.engine import Engine
from wca.runners.measuring import Granularity, Measuring
from wca.runners.stages import Sample
from wca.testing.clock import FakeClock
from wca.testing.kernel import KernelTree

WAIT = 20.0
SOFTWARE = ["task_clock_seconds", "task_context_switches"]


class Run:
    """Measures one task with these collectors, sample by sample."""

    def __init__(self, kernel, path, *collectors, clock=None, granularity=Granularity.POD):
        self.engine = Engine(kernel, clock or SystemClock())
        self.measuring = Measuring(self.engine, collectors, 0.05, granularity)
        self.measuring.start(lambda: None)
        self.collect = Collect(self.measuring, self.engine.telemetry, time.monotonic, lambda: None)
        self.path = path
        self.sync()

    def sync(self, **facts):
        self.measuring.sync([Task("task", "task", self.path, **facts)])

    def sample(self):
        sample = Sample(time.time())
        self.collect.run(sample)
        (task,) = sample.tasks
        return task.measurements

    def until(self, name):
        """Samples until one has the number; threads take their time."""
        end = time.monotonic() + WAIT
        while name not in (values := self.sample()):
            assert time.monotonic() < end
            time.sleep(0.01)
        return values

    def stop(self):
        self.measuring.stop(self.measuring.collectors)
        return self.sample()

    def go_on(self):
        self.measuring.stop([])


@pytest.fixture
def run():
    """Makes runs, and ends them."""
    runs = []

    def make(*args, **options):
        runs.append(Run(*args, **options))
        return runs[-1]

    yield make
    for one in runs:
        one.engine.lifecycle.close(WAIT)


def test_perf_events_count_on_while_nobody_reads_them(real_cgroups, run):
    path = real_cgroups.make("task")
    worker = real_cgroups.worker(path)
    one = run(Kernel(), path, TaskPerfCollector(SOFTWARE))
    worker.burn(0.3)
    before = one.until("task_clock_seconds")["task_clock_seconds"]
    assert "task_clock_seconds" not in one.stop()
    used = worker.burn(0.3)
    one.sync()  # a discovery changes nothing
    one.go_on()
    after = one.until("task_clock_seconds")["task_clock_seconds"]
    assert before > 0.25
    assert after >= before + 0.9 * used


@pytest.mark.parametrize(
    ("collector", "count"),
    [
        (TaskSchedstatCollector, lambda out: out["task_run_queue_timeslices"]),
        (TaskSchedCollector, lambda out: out["task_sched_stat"]["nr_switches"]),
    ],
)
def test_threads_that_ended_before_the_stop_stay_in_the_sum(real_cgroups, run, collector, count):
    path = real_cgroups.make("task")
    worker = real_cgroups.worker(path)
    one = run(Kernel(), path, collector())
    name = collector.emits[-2]
    worker.do("import threading")
    sleep = "any(time.sleep(0.0005) for _ in range(2000))"
    worker.do(f"thread = threading.Thread(target=exec, args=({sleep!r}, globals()))")
    worker.do("thread.start()")
    time.sleep(0.5)
    one.until(name)
    worker.do("thread.join()")
    time.sleep(0.2)  # the thread of the collector has seen its end
    before = count(one.until(name))
    assert name not in one.stop()
    one.go_on()
    assert name not in one.sample()  # values of before the stop are not told as new ones
    assert count(one.until(name)) >= before > 200


def test_devices_that_were_taken_away_before_the_stop_stay_in_the_sum(tmp_path, run):
    tree = KernelTree(tmp_path, layout="v2")
    tree.add_task("/task", io={"8:0": (4096, 0), "8:16": (8192, 0)})
    one = run(tree.kernel, "/task", TaskIoCollector(), clock=FakeClock())
    assert one.sample()["task_io_read_bytes"] == 12288
    tree.add_task("/task", io={"8:16": (8192, 0)})
    assert one.sample()["task_io_read_bytes"] == 12288
    assert "task_io_read_bytes" not in one.stop()
    one.go_on()
    assert one.sample()["task_io_read_bytes"] == 12288


def test_a_network_namespace_that_was_left_before_the_stop_stays_in_the_sum(tmp_path, run):
    tree = KernelTree(tmp_path, layout="v2")
    tree.add_task("/task", pids=(100,))
    namespace(tree, 1, "host", 0)
    namespace(tree, 100, "first", 1000)
    one = run(tree.kernel, "/task", TaskNetworkCollector())
    assert one.until("task_network_receive_bytes")["task_network_receive_bytes"] == 1000
    tree.add_task("/task", pids=(101,))
    namespace(tree, 101, "second", 50)
    deadline = time.monotonic() + WAIT
    while one.sample()["task_network_receive_bytes"] != 1050:
        assert time.monotonic() < deadline
    assert "task_network_receive_bytes" not in one.stop()
    namespace(tree, 101, "second", 70)
    one.go_on()
    assert one.until("task_network_receive_bytes")["task_network_receive_bytes"] == 1070


def namespace(tree, pid, name, received):
    """Let a process be in a network namespace whose one interface has received so many bytes."""
    tree.write(f"/namespaces/{name}", "")
    place = f"{tree.root}/proc/{pid}/ns"
    tree.write(f"/proc/{pid}/ns/placeholder", "")
    with contextlib.suppress(FileExistsError):
        os.symlink(f"{tree.root}/namespaces/{name}", f"{place}/net")
    counters = " ".join(["0"] * 15)
    tree.write(
        f"/proc/{pid}/net/dev",
        "Inter-|   Receive                                                |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs "
        "drop fifo colls carrier compressed\n"
        f"  eth0: {received} {counters}\n",
    )


def test_a_task_that_is_not_measured_as_a_whole_any_more_closes_what_was_stopped(real_cgroups, run):
    path = real_cgroups.make("pod")
    below = real_cgroups.make("pod/container")
    one = run(Kernel(), path, TaskPerfCollector(SOFTWARE), granularity=Granularity.CONTAINER)
    one.until("task_clock_seconds")
    one.stop()
    assert perf_descriptors() > 0
    one.sync(subcgroups_paths=[below])
    assert perf_descriptors() == 0


def perf_descriptors():
    found = []
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found.append(os.readlink(f"/proc/self/fd/{name}"))
    return found.count("anon_inode:[perf_event]")
