"""What is measured follows the tasks: as a whole or container by container, to their end."""

import contextlib
import threading
import time
from types import MappingProxyType

import pytest

from tests.services import missing
from wca.clock import SystemClock
from wca.collectors import Collector, NotAvailable, TargetGone
from wca.collectors.task_cpu import TaskCpuCollector
from wca.collectors.task_io import TaskIoCollector
from wca.collectors.task_memory import TaskMemoryCollector
from wca.collectors.task_memory_events import TaskMemoryEventsCollector
from wca.collectors.task_pids import TaskPidsCollector
from wca.containers.parts import Part
from wca.errors import Exhausted
from wca.linux.files import Kernel
from wca.nodes import Node, Task
from wca.runners import MeasurementRunner
from wca.runners.collect import Collect
from wca.runners.engine import Engine
from wca.runners.measuring import Granularity, Measuring
from wca.runners.stages import Sample
from wca.testing.clock import FakeClock
from wca.testing.kernel import KernelTree
from wca.testing.storage import RecordingStorage

WAIT = 10.0


class Tasks(Node):
    def __init__(self, *tasks):
        self.tasks = tasks

    def get_tasks(self):
        return self.tasks


def run(tree, *tasks, iterations=1, **options):
    storage = RecordingStorage()
    runner = MeasurementRunner(
        Tasks(*tasks), storage, kernel=tree.kernel, clock=FakeClock(), **options
    )
    runner.stop_after(iterations)
    assert runner.run() == 0
    return storage.batches[-1]


@pytest.fixture
def pods(tmp_path):
    """A pod of two containers, and a task without containers of its own."""
    tree = KernelTree(tmp_path, layout="v1_together")
    tree.add_task("/pod", cpu_seconds=5)
    tree.add_task("/pod/web", cpu_seconds=3)
    tree.add_task("/pod/log", cpu_seconds=2)
    tree.add_task("/plain", cpu_seconds=1)
    pod = Task("pod", "pod-1", "/pod", {"app": "shop"}, {"cpus": 2.0}, ["/pod/web", "/pod/log"])
    return tree, pod, Task("plain", "plain-1", "/plain")


def until(condition):
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def cpu_seconds(batch, name):
    return {
        metric.labels.get("container", metric.labels["task_id"]): metric.value
        for metric in batch
        if metric.name == name
    }


def names(batch, **labels):
    return {metric.name for metric in batch if labels.items() <= metric.labels.items()}


def test_by_default_a_task_is_measured_as_a_whole(pods):
    tree, *tasks = pods
    batch = run(tree, *tasks)
    assert cpu_seconds(batch, "task_cpu_usage_seconds") == {"pod-1": 5, "plain-1": 1}
    assert not [metric for metric in batch if metric.name.startswith("container_")]


def test_each_container_has_series_of_its_own_and_a_sum_never_stands_beside_its_parts(pods):
    tree, *tasks = pods
    batch = run(tree, *tasks, granularity="container")
    assert cpu_seconds(batch, "container_cpu_usage_seconds") == {"web": 3, "log": 2}
    # What cannot be divided is measured as a whole.
    assert cpu_seconds(batch, "task_cpu_usage_seconds") == {"plain-1": 1}


def test_both_stand_under_different_names(pods):
    tree, *tasks = pods
    batch = run(tree, *tasks, granularity="both")
    assert cpu_seconds(batch, "container_cpu_usage_seconds") == {"web": 3, "log": 2}
    assert cpu_seconds(batch, "task_cpu_usage_seconds") == {"pod-1": 5, "plain-1": 1}


def test_a_container_has_the_labels_of_its_task_and_what_belongs_to_the_task_stays_there(pods):
    tree, *tasks = pods
    batch = run(tree, *tasks, granularity="container")
    found = names(batch, container="web", app="shop", task_id="pod-1", task_name="pod")
    assert {"container_up", "container_last_seen", "container_mem_usage_bytes"} <= found
    assert not [name for name in found if not name.startswith("container_")]
    of_task = names(batch, task_id="pod-1") - found
    assert {"task_up", "task_subcontainers", "task_requested_cpus"} <= of_task
    assert "container_requested_cpus" not in found


def test_help_and_type_are_those_of_the_number(pods):
    tree, *tasks = pods
    batch = run(tree, *tasks, granularity="container")
    (metric, _) = [one for one in batch if one.name == "container_cpu_usage_seconds"]
    assert (metric.type, metric.unit) == ("counter", "seconds")
    assert metric.help


@contextlib.contextmanager
def started(*collectors, interval=60.0, granularity=Granularity.POD, kernel=None):
    """What measures, an event that is set when a task is about to go, and the stage that reads."""
    engine, departed = Engine(kernel or Kernel(), SystemClock()), threading.Event()
    measuring = Measuring(engine, collectors, interval, granularity)
    measuring.start(departed.set)
    yield measuring, departed, Collect(measuring, engine.telemetry, time.monotonic, lambda: None)
    engine.lifecycle.close(WAIT)


@pytest.fixture
def measuring():
    """Measures the CPU time of real tasks."""
    with started(TaskCpuCollector(interval=3600.0)) as measuring:
        yield measuring


def sampled(collect):
    sample = Sample(time.time())
    collect.run(sample)
    return sample


def seconds_of(sample):
    return [task.measurements["task_cpu_usage_seconds"] for task in sample.tasks]


@pytest.mark.parametrize("version", ["real_cgroups", "v1_cgroups"])
def test_a_task_that_ends_between_two_samples_is_read_once_more(version, measuring, request):
    real_cgroups = request.getfixturevalue(version)
    measured, departed, collect = measuring
    path = real_cgroups.make("short")
    worker = real_cgroups.worker(path)
    measured.sync([Task("short", "short", path)])
    before = seconds_of(sampled(collect))[0]
    used = worker.burn(0.2)
    worker.stop()
    assert departed.wait(WAIT)
    measured.look()
    real_cgroups.remove(path)
    last = sampled(collect)
    (after,) = seconds_of(last)
    assert after >= before + 0.95 * used  # what it used since the sample before is not lost
    gone = sampled(collect)
    assert gone.tasks == []  # and then it is gone
    assert gone.platform["platform_ended_tasks"] == 1
    assert gone.platform["platform_ended_tasks_cpu_seconds"] == after


def test_a_task_that_the_node_does_not_list_any_more_is_read_once_more(real_cgroups, measuring):
    measured, _, collect = measuring
    path = real_cgroups.make("unlisted")
    worker = real_cgroups.worker(path)
    measured.sync([Task("unlisted", "unlisted", path)])
    before = seconds_of(sampled(collect))[0]
    worker.burn(0.2)
    measured.sync([])
    (after,) = seconds_of(sampled(collect))
    assert after > before
    assert sampled(collect).tasks == []


def test_a_group_that_only_became_empty_is_still_measured(real_cgroups, measuring):
    measured, departed, collect = measuring
    path = real_cgroups.make("service")
    worker = real_cgroups.worker(path)
    measured.sync([Task("service", "service", path)])
    worker.stop()
    assert departed.wait(WAIT)
    measured.look()
    assert len(sampled(collect).tasks) == len(sampled(collect).tasks) == 1
    assert sampled(collect).platform["platform_ended_tasks"] == 0


def test_a_task_that_is_made_again_at_once_has_one_set_of_series(real_cgroups, measuring):
    measured, departed, collect = measuring
    path = real_cgroups.make("restarted")
    worker = real_cgroups.worker(path)
    measured.sync([Task("restarted", "restarted", path)])
    sampled(collect)
    worker.stop()
    assert departed.wait(WAIT)
    measured.look()
    real_cgroups.remove(path)
    real_cgroups.make("restarted")
    for _ in range(5):
        measured.sync([Task("restarted", "restarted", path)])
    assert len(sampled(collect).tasks) == 1


class Reading(Collector):
    """Counts its readings, on a thread, each when the test lets it."""

    blocking = True

    def __init__(self):
        super().__init__(interval=3600.0)
        self.readings, self.let = 0, threading.Event()
        self.let.set()

    def attach(self, target):
        return self

    def read(self, out):
        self.let.wait(WAIT)
        self.readings += 1
        out["task_readings"] = self.readings

    def close(self, timeout=0):
        self.let.set()


def readings(sample):
    return [one.measurements.get("task_readings") for one in sample.tasks]


@pytest.mark.parametrize("unlisted", [False, True])
def test_a_collector_with_a_thread_reads_a_task_once_more_as_well(real_cgroups, unlisted):
    with started(Reading(), TaskCpuCollector()) as (measured, departed, collect):
        path = real_cgroups.make("short")
        worker = real_cgroups.worker(path)
        measured.sync([Task("short", "short", path)])
        until(lambda: readings(sampled(collect)) == [1])
        worker.stop()
        assert departed.wait(WAIT)
        if unlisted:
            measured.sync([])
        else:
            measured.look()
            real_cgroups.remove(path)
        assert readings(sampled(collect)) == [2]
        assert sampled(collect).tasks == []


def test_a_thread_that_does_not_answer_leaves_its_last_values_and_does_not_hold_up_the_loop(
    real_cgroups,
):
    slow = Reading()
    with started(slow, TaskCpuCollector(), interval=1.0) as (measured, _, collect):
        path = real_cgroups.make("short")
        measured.sync([Task("short", "short", path)])
        until(lambda: readings(sampled(collect)) == [1])
        slow.let.clear()
        start = time.monotonic()
        measured.sync([])
        assert time.monotonic() - start < WAIT / 2
        assert readings(sampled(collect)) == [1]


@pytest.mark.parametrize("late", ["blkio", "pids"])
def test_a_group_of_v1_that_is_made_a_moment_later_is_measured(v1_cgroups, late):
    path = v1_cgroups.make("late")
    v1_cgroups.take(path, late)
    collectors = TaskCpuCollector(), TaskPidsCollector(), TaskIoCollector()
    with started(*collectors) as (measured, _, collect):
        task = Task("late", "late", path)
        for _ in range(9):  # however long it takes
            measured.sync([task])
        lacking = {"pids": "TaskPidsCollector", "blkio": "TaskIoCollector"}[late]
        assert [*next(iter(measured.tasks)).unavailable] == [lacking]
        before = seconds_of(sampled(collect))
        v1_cgroups.give(path, late)
        measured.sync([task])
        assert not next(iter(measured.tasks)).unavailable
        sample = sampled(collect)
        assert late != "pids" or sample.tasks[0].measurements["task_pids"] == 0
        assert seconds_of(sample) == before
        assert sample.platform["platform_ended_tasks"] == 0


def test_a_group_that_makes_the_identity_is_measured_later_and_no_task_has_ended(v1_cgroups):
    """Where cpu and cpuacct are mounted apart, the throttling is in the one that comes late."""
    path = v1_cgroups.make("late")
    if v1_cgroups.locate(path).directory("cpu") == v1_cgroups.locate(path).directory("cpuacct"):
        missing("cpu and cpuacct are mounted together")
    v1_cgroups.take(path, "cpu")
    with started(TaskCpuCollector()) as (measured, _, collect):
        measured.sync([Task("late", "late", path)])
        assert "task_cpu_periods" not in sampled(collect).tasks[0].measurements
        v1_cgroups.give(path, "cpu")
        measured.sync([Task("late", "late", path)])
        sample = sampled(collect)
        assert sample.tasks[0].measurements["task_cpu_periods"] == 0
        assert sample.platform["platform_ended_tasks"] == 0


def test_a_controller_of_v2_that_is_enabled_later_is_measured(tmp_path):
    tree = KernelTree(tmp_path, layout="v2")
    tree.add_task("/job", memory=5 << 20)
    controllers = f"{tree.groups('/job')['v2']}/cgroup.controllers"
    tree.write(controllers, "cpu pids\n")
    collectors = TaskCpuCollector(), TaskMemoryCollector(), TaskIoCollector()
    with started(*collectors, kernel=tree.kernel) as (measured, _, collect):
        for _ in range(9):
            measured.sync([Task("job", "job", "/job")])
        (sample,) = sampled(collect).tasks
        assert "task_mem_usage_bytes" not in sample.measurements
        assert measured.states.runs("TaskCpuCollector")
        assert not measured.states.runs("TaskMemoryCollector")
        tree.write(controllers, "cpu memory pids\n")
        measured.sync([Task("job", "job", "/job")])
        (sample,) = sampled(collect).tasks
        assert sample.measurements["task_mem_usage_bytes"] == 5 << 20
        assert "task_io_reads" not in sample.measurements
        assert measured.states.runs("TaskMemoryCollector")
        assert not measured.states.runs("TaskIoCollector")


def test_the_first_containers_of_a_task_are_in_its_sums(tmp_path):
    tree = KernelTree(tmp_path, layout="v1_together")
    tree.add_task("/pod")
    with started(TaskMemoryEventsCollector(), kernel=tree.kernel) as (measured, _, collect):
        measured.sync([Task("pod", "pod", "/pod")])
        kills = [sampled(collect).tasks[0].measurements["task_mem_oom_kills"]]
        tree.add_task("/pod/web", oom_kills=3)
        measured.sync([Task("pod", "pod", "/pod", subcgroups_paths=["/pod/web"])])
        kills.append(sampled(collect).tasks[0].measurements["task_mem_oom_kills"])
        measured.sync([Task("pod", "pod", "/pod")])  # the last one has ended
        kills.append(sampled(collect).tasks[0].measurements["task_mem_oom_kills"])
    assert kills == [0, 3, 3]


def test_a_task_that_a_broken_probe_calls_gone_has_not_ended(real_cgroups):
    class Lying(Odd):
        def read(self, out):
            raise TargetGone("it is gone")

    with started(Lying()) as (measured, _, collect):
        path = real_cgroups.make("living")
        for _ in range(3):
            measured.sync([Task("living", "living", path)])
            sample = sampled(collect)
        assert sample.platform["platform_ended_tasks"] == 0


@pytest.mark.parametrize("granularity", list(Granularity))
def test_what_ended_tasks_have_used_is_counted_once_at_any_granularity(tmp_path, granularity):
    tree = KernelTree(tmp_path, layout="v1_together")
    tree.add_task("/pod", cpu_seconds=5)
    tree.add_task("/pod/web", cpu_seconds=5, oom_kills=3)
    collectors = TaskCpuCollector(), TaskMemoryEventsCollector()
    with started(*collectors, granularity=granularity, kernel=tree.kernel) as running:
        measured, _, collect = running
        measured.sync([Task("pod", "pod", "/pod", subcgroups_paths=["/pod/web"])])
        sampled(collect)
        measured.sync([])
        ended = sampled(collect).platform
    assert ended["platform_ended_tasks"] == 1
    assert ended["platform_ended_tasks_cpu_seconds"] == 5
    assert ended["platform_ended_tasks_oom_kills"] == 3


@pytest.mark.parametrize("groups", ["real_cgroups", "v1_cgroups"])
def test_a_kill_for_want_of_memory_outlives_container_and_pod(groups, request):
    """The container is removed as soon as it has ended, as an orchestrator does."""
    cgroups = request.getfixturevalue(groups)
    pod, *paths = (cgroups.make(name) for name in ("pod", "pod/pause", "pod/small"))
    version = cgroups.locate(pod).version("memory")
    name = {1: "memory.limit_in_bytes", 2: "memory.max"}[version]
    with open(f"{cgroups.locate(paths[1]).directory('memory')}/{name}", "w") as file:
        file.write(str(32 << 20))
    _, worker = map(cgroups.worker, paths)
    with started(TaskMemoryEventsCollector()) as (measured, departed, collect):
        measured.sync([Task("pod", "pod", pod, subcgroups_paths=paths)])
        sampled(collect)
        with contextlib.suppress(AssertionError):
            worker.do("block = b'x' * 200_000_000")
        worker.stop()
        if version == 1:  # on v2 the kernel has counted it for the pod
            assert departed.wait(WAIT)
            measured.look()
        cgroups.remove(paths[1])
        (task,) = sampled(collect).tasks
        assert task.measurements["task_mem_oom_kills"] == 1
        measured.sync([])
        assert sampled(collect).platform["platform_ended_tasks_oom_kills"] == 1


class Odd(Collector):
    """Does in ``attach`` what the test says."""

    def __init__(self, error=None):
        super().__init__()
        self.error = error

    def attach(self, target):
        if self.error:
            raise self.error
        return self

    def read(self, out):
        pass

    def close(self, timeout=0):
        pass


class Failing(Odd):
    def read(self, out):
        raise ValueError("odd")


class OfTheMachine(Odd):
    scope = "node"


def test_the_state_of_each_collector_is_told(pods):
    tree, *tasks = pods
    missing = Odd(NotAvailable("no PMU in this virtual machine"))
    batch = run(tree, *tasks, collectors=[Odd(), missing, Failing(), OfTheMachine()], iterations=2)
    states = {
        metric.labels["collector"]: metric.labels["state"]
        for metric in batch
        if metric.name == "wca_collector_state"
    }
    assert states == {
        "Odd": "working",
        "Odd#2": "unavailable",
        "Failing": "failing",
        "OfTheMachine": "working",
    }


def test_a_source_that_the_machine_lacks_is_a_state_and_no_error(tmp_path, caplog):
    class Missing(OfTheMachine):
        def attach(self, target):
            raise NotAvailable("no such hardware")

    with caplog.at_level("INFO"):
        batch = run(KernelTree(tmp_path), collectors=[Missing()], iterations=3)
    assert caplog.text.count("Missing is not available: no such hardware") == 1
    failures = [m for m in batch if m.name == "wca_failures" and m.value]
    assert "Missing" not in {metric.labels["component"] for metric in failures}


def test_a_collector_of_the_machine_that_failed_to_attach_is_tried_again(tmp_path):
    class Late(OfTheMachine):
        def __init__(self):
            super().__init__()
            self.tries = 0

        def attach(self, target):
            self.tries += 1
            if self.tries == 1:
                raise OSError("not yet")
            return self

        def read(self, out):
            out["platform_late"] = 1

    batch = run(KernelTree(tmp_path), collectors=[Late()], iterations=12)
    assert "platform_late" in {metric.name for metric in batch}


class Shared(Odd):
    """Its source is the same for all containers of a task."""

    per_container = False

    def __init__(self, error=None, blocking=False):
        super().__init__(error)
        self.blocking = blocking
        self.read_once = threading.Event()

    def read(self, out):
        out["task_shared"] = 1
        self.read_once.set()


@pytest.mark.parametrize("blocking", [False, True])
@pytest.mark.parametrize("granularity", list(Granularity))
def test_a_source_that_all_containers_of_a_task_share_is_measured_once(pods, blocking, granularity):
    tree, pod, plain = pods
    shared = Shared(blocking=blocking)
    with started(shared, granularity=granularity, kernel=tree.kernel) as (measured, _, collect):
        measured.sync([pod, plain])
        until(lambda: all("task_shared" in one.measurements for one in sampled(collect).tasks))
        sample = sampled(collect)
        assert len(sample.tasks) == 2
        assert not [one for one in sample.parts if "task_shared" in one.measurements]


def test_a_sum_stands_beside_no_part_that_a_collector_of_the_whole_task_gives(pods):
    tree, *tasks = pods
    batch = run(tree, *tasks, collectors=[Shared(), TaskCpuCollector()], granularity="container")
    assert cpu_seconds(batch, "task_shared") == {"pod-1": 1, "plain-1": 1}
    assert cpu_seconds(batch, "task_cpu_usage_seconds") == {"plain-1": 1}


@pytest.mark.parametrize("granularity", list(Granularity))
def test_a_shared_source_that_no_task_has_is_unavailable(pods, granularity):
    tree, pod, _ = pods
    collectors = [Shared(NotAvailable("uses the host's network")), TaskCpuCollector()]
    batch = run(tree, pod, collectors=collectors, granularity=granularity, iterations=2)
    states = {
        metric.labels["collector"]: metric.labels["state"]
        for metric in batch
        if metric.name == "wca_collector_state"
    }
    assert states == {"Shared": "unavailable", "TaskCpuCollector": "working"}


def test_a_collector_that_has_a_source_on_one_level_is_not_unavailable(pods):
    class OfContainers(Odd):
        def attach(self, target):
            if isinstance(target.task, Part):
                return self
            raise NotAvailable("only containers have it")

    tree, *tasks = pods
    batch = run(tree, *tasks, collectors=[OfContainers()], granularity="both")
    (state,) = [one.labels["state"] for one in batch if one.name == "wca_collector_state"]
    assert state == "working"


def unmeasured(batch):
    return {
        (metric.labels["collector"], metric.labels["reason"]): metric.value
        for metric in batch
        if metric.name == "wca_tasks_unmeasured"
    }


def test_how_many_tasks_a_collector_has_no_numbers_of_is_told_by_reason(pods):
    class Choosy(Odd):
        """Has no source for the pod, and too little for each of its containers."""

        def attach(self, target):
            if target.task.name == "plain":
                return self
            raise Exhausted("none left") if isinstance(target.task, Part) else NotAvailable("none")

    class Broken(Odd):
        def attach(self, target):
            if target.task.name == "plain":
                return self
            raise ValueError("odd")

    tree, *tasks = pods
    missing = Odd(NotAvailable("no such thing on this machine"))
    batch = run(tree, *tasks, collectors=[Choosy(), Broken(), missing], granularity="both")
    assert unmeasured(batch) == {
        ("Choosy", "unavailable"): 1,
        ("Choosy", "exhausted"): 2,
        ("Broken", "failing"): 3,
    }
    assert unmeasured(run(tree, *tasks, collectors=[TaskCpuCollector()])) == {}


@pytest.mark.parametrize("blocking", [False, True])
def test_a_collector_can_tell_itself_which_tasks_it_has_no_numbers_of(pods, blocking):
    class Waiting(Odd):
        unmeasured = MappingProxyType({"pod-1": "opening", "plain-1": "opening"})

    Waiting.blocking = blocking
    tree, *tasks = pods
    batch = run(tree, *tasks, collectors=[Waiting(), TaskCpuCollector()])
    assert unmeasured(batch) == {("Waiting", "opening"): 2}


def test_the_age_of_values_that_are_not_read_in_each_iteration_is_told(pods):
    tree, *tasks = pods
    slow = Odd()
    slow.interval = 10.0
    batch = run(tree, *tasks, collectors=[slow, TaskCpuCollector()], iterations=4)
    ages = {m.labels["collector"]: m.value for m in batch if m.name == "wca_collector_age_seconds"}
    assert ages == {"Odd": 3.0}


def test_time_and_age_of_a_sample_are_one_moment_until_it_is_read_anew(tmp_path):
    clock, storage, took = FakeClock(), RecordingStorage(), iter([0.0, 0.25, 0.0, 0.125, 0.5])

    class Slow(OfTheMachine):
        """Takes another time at each reading."""

        def read(self, out):
            clock.advance(next(took))

    rare = OfTheMachine()
    rare.interval = 10.0
    runner = MeasurementRunner(
        Tasks(), storage, kernel=KernelTree(tmp_path).kernel, clock=clock, collectors=[Slow(), rare]
    )
    runner.stop_after(5)
    assert runner.run() == 0
    moments = {
        metric.timestamp - metric.value
        for batch in storage.batches
        for metric in batch
        if metric.name == "wca_collector_age_seconds"
    }
    assert len(moments) == 1


def test_what_each_collector_and_each_task_costs_is_measured(pods):
    tree, *tasks = pods
    batch = run(tree, *tasks, iterations=4)
    cost = {m.labels["collector"]: m.value for m in batch if m.name == "wca_collector_cpu_seconds"}
    assert {"TaskCpuCollector", "TaskMemoryCollector", "NodeCpuCollector"} <= cost.keys()
    assert all(seconds > 0 for seconds in cost.values())
    each = cpu_seconds(batch, "task_measuring_cpu_seconds")
    assert each.keys() == {"pod-1", "plain-1"}
    (agent,) = [metric.value for metric in batch if metric.name == "wca_cpu_seconds"]
    assert agent >= sum(cost.values())


class Busy(Odd):
    """Takes its time on a thread of its own."""

    blocking = True
    SECONDS = 0.05

    def __init__(self):
        super().__init__()
        self.readings = 0

    def read(self, out):
        end = time.thread_time() + self.SECONDS
        while time.thread_time() < end:
            pass
        self.readings += 1
        out["task_readings"] = self.readings


def test_what_a_thread_takes_for_a_task_is_part_of_the_tasks_cost(pods):
    tree, pod, _ = pods
    busy = Busy()
    with started(busy, TaskCpuCollector(), kernel=tree.kernel) as (measured, _, collect):
        measured.sync([pod])
        until(lambda: "task_readings" in sampled(collect).tasks[0].measurements)
        for _ in range(2):
            (sample,) = sampled(collect).tasks
        cost = sample.measurements["task_measuring_cpu_seconds"]
        # The loop itself takes far less for one task.
        assert Busy.SECONDS <= cost < 2 * Busy.SECONDS
        spent = measured.states.costs.measurements(0.0)["wca_collector_cpu_seconds"]
        assert spent["TaskCpuCollector"] < Busy.SECONDS


def test_the_cost_of_a_task_has_what_is_read_now_and_then_in_each_sample(pods):
    class Slow(Busy):
        blocking = False

    tree, pod, _ = pods
    slow = Slow()
    slow.interval = 3600.0
    collectors = slow, TaskCpuCollector()
    with started(*collectors, interval=0.01, kernel=tree.kernel) as (measured, _, collect):
        measured.sync([pod])
        for _ in range(4):
            (sample,) = sampled(collect).tasks
            assert sample.measurements["task_measuring_cpu_seconds"] >= Busy.SECONDS
    assert slow.readings == 1


def test_beyond_the_series_limit_the_last_tasks_are_left_out_and_that_is_said(pods, caplog):
    tree, pod, plain = pods
    whole = len(run(tree, pod, plain))
    batch = run(tree, pod, plain, iterations=3, series_limit=whole - 1)
    assert cpu_seconds(batch, "task_cpu_usage_seconds") == {"pod-1": 5}
    (left_out,) = [m.value for m in batch if m.name == "wca_tasks_left_out"]
    assert left_out == 1
    assert len(batch) < whole
    assert caplog.text.count("series_limit of") == 1
    assert "raise the limit" in caplog.text


def test_a_limit_below_what_agent_and_machine_have_is_said_and_no_task_is_exported(pods, caplog):
    tree, *tasks = pods
    batch = run(tree, *tasks, iterations=3, series_limit=10)
    assert cpu_seconds(batch, "task_cpu_usage_seconds") == {}
    assert len(batch) > 10
    assert caplog.text.count("series_limit of 10 series is below the") == 1


def test_a_task_behind_one_that_does_not_fit_is_left_out_although_it_would(pods):
    class Many(Odd):
        def attach(self, target):
            if target.task.name != "pod":
                raise NotAvailable("only the pod has many")
            return self

        def read(self, out):
            out.update({f"task_number_{number}": number for number in range(500)})

    tree, pod, plain = pods
    collectors = [TaskCpuCollector(), Many()]
    batch = run(tree, pod, plain, collectors=collectors, series_limit=400)
    assert cpu_seconds(batch, "task_cpu_usage_seconds") == {}
    assert cpu_seconds(run(tree, plain, pod, collectors=collectors, series_limit=400), "task_up")


def test_the_memory_traffic_of_a_task_that_is_measured_by_container_is_that_of_all_of_them(pods):
    """A collector that measures the task as a whole goes by it."""

    class Traffic(Odd):
        def attach(self, target):
            self.path = target.task.cgroup_path
            return Probing({"/pod/web": 3, "/pod/log": 4, "/plain": 1}.get(self.path, 7))

    class Probing(Odd):
        def __init__(self, traffic):
            super().__init__()
            self.traffic = traffic

        def read(self, out):
            out["task_mem_bandwidth_bytes"] = self.traffic

    class Asking(Shared):
        def use_memory_traffic(self, traffic):
            self.traffic = traffic

    tree, *tasks = pods
    for granularity in Granularity:
        asking = Asking()
        with started(Traffic(), asking, granularity=granularity, kernel=tree.kernel) as running:
            measured, _, collect = running
            measured.sync(tasks)
            assert asking.traffic("pod-1") is None
            sampled(collect)
            assert [asking.traffic(name) for name in ("pod-1", "plain-1", "other")] == [7, 1, None]
