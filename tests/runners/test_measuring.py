"""What is measured follows the tasks: as a whole or container by container, to their end."""

import threading
import time

import pytest

from wca.clock import SystemClock
from wca.collectors import Collector, NotAvailable, TargetGone
from wca.collectors.task_cpu import TaskCpuCollector
from wca.containers.parts import Part
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


@pytest.fixture
def measuring(real_cgroups):
    """Measures real tasks; an event that is set when one is about to go."""
    engine, departed = Engine(Kernel(), SystemClock()), threading.Event()
    measuring = Measuring(engine, [TaskCpuCollector(interval=3600.0)], 60.0, Granularity.POD)
    measuring.start(departed.set)
    yield measuring, departed, Collect(measuring, engine.telemetry, time.monotonic, lambda: None)
    engine.lifecycle.close(WAIT)


def sampled(collect):
    sample = Sample(time.time())
    collect.run(sample)
    return sample


def seconds_of(sample):
    return [task.measurements["task_cpu_usage_seconds"] for task in sample.tasks]


def test_a_task_that_ends_between_two_samples_is_read_once_more(real_cgroups, measuring):
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


def test_a_task_that_a_broken_probe_calls_gone_has_not_ended(real_cgroups):
    class Lying(Odd):
        def read(self, out):
            raise TargetGone("it is gone")

    engine = Engine(Kernel(), SystemClock())
    measured = Measuring(engine, [Lying()], 60.0, Granularity.POD)
    measured.start(lambda: None)
    collect = Collect(measured, engine.telemetry, time.monotonic, lambda: None)
    path = real_cgroups.make("living")
    for _ in range(3):
        measured.sync([Task("living", "living", path)])
        sample = sampled(collect)
    assert sample.platform["platform_ended_tasks"] == 0
    engine.lifecycle.close(WAIT)


@pytest.mark.parametrize("granularity", list(Granularity))
def test_what_ended_tasks_have_used_is_counted_once_at_any_granularity(tmp_path, granularity):
    tree = KernelTree(tmp_path, layout="v1_together")
    tree.add_task("/pod", cpu_seconds=5)
    tree.add_task("/pod/web", cpu_seconds=5)
    engine = Engine(tree.kernel, SystemClock())
    measured = Measuring(engine, [TaskCpuCollector()], 1.0, granularity)
    measured.start(lambda: None)
    collect = Collect(measured, engine.telemetry, time.monotonic, lambda: None)
    measured.sync([Task("pod", "pod", "/pod", subcgroups_paths=["/pod/web"])])
    sampled(collect)
    measured.sync([])
    ended = sampled(collect).platform
    assert ended["platform_ended_tasks"] == 1
    assert ended["platform_ended_tasks_cpu_seconds"] == 5
    engine.lifecycle.close(WAIT)


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


def test_a_source_that_all_containers_of_a_task_share_is_measured_once(pods):
    class Shared(Odd):
        per_container = False

        def read(self, out):
            out["task_shared"] = 1

    tree, *tasks = pods
    batch = run(tree, *tasks, collectors=[Shared()], granularity="both")
    assert len([one for one in batch if one.name == "task_shared"]) == 2  # the pod, the plain one
    assert not [one for one in batch if one.name == "container_shared"]


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
