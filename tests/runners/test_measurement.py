"""MeasurementRunner: what it stores, when, with which labels, and what it survives."""

import itertools
import os
import platform
import socket
from collections import Counter
from typing import ClassVar

import pytest

from wca.collectors import Collector
from wca.collectors.task_cpu import TaskCpuCollector
from wca.collectors.task_perf import TaskPerfCollector
from wca.errors import StartError, TaskSynchronizationException, ValidationError
from wca.linux.files import Kernel
from wca.nodes import Node, Task
from wca.nodes.labels import TaskLabelRegexGenerator, TaskLabelResourceGenerator
from wca.nodes.static import StaticNode
from wca.runners import MeasurementRunner
from wca.runners.selection import default_collectors
from wca.storage import LogStorage, Storage
from wca.testing.clock import FakeClock
from wca.testing.kernel import KernelTree
from wca.testing.storage import RecordingStorage
from wca.version import __version__


def run(node, iterations=1, **options):
    """Run on a clock that stands still; the batches that were stored."""
    storage = options.pop("metrics_storage", None) or RecordingStorage()
    options.setdefault("clock", FakeClock())
    runner = MeasurementRunner(node=node, metrics_storage=storage, **options)
    runner.stop_after(iterations)
    assert runner.run() == 0
    return storage.batches


def named(batch, name):
    return [metric for metric in batch if metric.name == name]


def errors(batch):
    return [metric for metric in named(batch, "wca_error_count") if metric.value]


def value(batch, name, **labels):
    (metric,) = [m for m in named(batch, name) if labels.items() <= m.labels.items()]
    return metric.value


class Tasks(Node):
    """A node that says what the test says."""

    def __init__(self, *tasks):
        self.tasks, self.asked, self.error = list(tasks), 0, None

    def get_tasks(self):
        self.asked += 1
        if self.error:
            raise self.error
        return self.tasks


@pytest.fixture
def tree(tmp_path):
    return KernelTree(tmp_path / "root", layout="hybrid")


class Hook(Collector):
    """Calls back in every iteration."""

    scope = "node"

    def __init__(self, action):
        self.action = action

    def attach(self, target):
        return self

    def read(self, out):
        self.action()

    def close(self, timeout=0):
        pass


def test_components_work_from_plain_python(tmp_path):
    output = tmp_path / "logs.txt"
    runner = MeasurementRunner(
        node=StaticNode(tasks=[]), metrics_storage=LogStorage(output_filename=str(output))
    )
    runner.stop_after(1)
    assert runner.run() == 0
    assert "wca_tasks{" in output.read_text()


def test_every_metric_of_an_interval_has_its_one_timestamp_and_is_stored_in_it(tree):
    clock = FakeClock(now=1000.0)
    tree.add_task("/a")
    batches = run(StaticNode(tasks=["a"], kernel=tree.kernel), 3, kernel=tree.kernel, clock=clock)
    assert [{metric.timestamp for metric in batch} for batch in batches] == [
        {1000.0},
        {1001.0},
        {1002.0},
    ]
    assert [value(batch, "wca_up") for batch in batches] == [1000.0, 1001.0, 1002.0]


def test_every_metric_carries_the_labels_that_the_seed_lists(tree):
    tree.add_task("/a")
    node = StaticNode(tasks=["a"], kernel=tree.kernel)
    (batch,) = run(node, kernel=tree.kernel, extra_labels={"own_ip": "10.0.0.1"})
    expected = {
        "host": socket.gethostname(),
        "wca_version": __version__,
        "own_ip": "10.0.0.1",
        "sockets": "1",
        "cores": "2",
        "cpus": "2",
    }
    for metric in batch:
        assert expected.items() <= metric.labels.items(), metric.name
        assert metric.labels["cpu_model"]


def test_optional_labels_can_be_left_to_wca_information_alone(tree):
    (batch,) = run(Tasks(), kernel=tree.kernel, include_optional_labels=False)
    optional = {"wca_version", "cpu_model", "sockets", "cores", "cpus"}
    for metric in batch:
        assert bool(optional & metric.labels.keys()) == (metric.name == "wca_information")


def test_extra_labels_win_over_the_agents_and_the_tasks_own(tree):
    tree.add_task("/a")
    node = Tasks(Task("a", "a", "/a", labels={"zone": "task"}))
    (batch,) = run(node, kernel=tree.kernel, extra_labels={"host": "mine", "zone": "extra"})
    assert {metric.labels["host"] for metric in batch} == {"mine"}
    assert named(batch, "task_up")[0].labels["zone"] == "extra"


def test_a_task_has_its_own_labels(tree):
    tree.add_task("/a")
    task = Task("group/web.small", "id-1", "/a", labels={"app": "shop"}, resources={"cpus": 2})
    generators = {
        "workload": TaskLabelRegexGenerator(pattern=r".*/(.*)\..*", repl=r"\1"),
        "size": TaskLabelResourceGenerator(resource_name="cpus"),
        "app": TaskLabelResourceGenerator(resource_name="cpus"),
    }
    (batch,) = run(Tasks(task), kernel=tree.kernel, task_label_generators=generators)
    (metric,) = named(batch, "task_up")
    labels = metric.labels
    assert labels["task_id"] == "id-1"
    assert labels["task_name"] == "group/web.small"
    assert labels["workload"] == "web"
    assert labels["size"] == "2"
    assert labels["app"] == "shop"  # a label that the task has is kept


def test_the_numbers_of_a_task_come_from_its_cgroups(tree):
    tree.add_task("/a", cpu_seconds=12.5, memory=8 << 20, throttled=3)
    task = Task("a", "a", "/a", resources={"cpus": 1.5, "mem": 1 << 30})
    (batch,) = run(Tasks(task), kernel=tree.kernel)
    assert value(batch, "task_cpu_usage_seconds") == 12.5
    assert value(batch, "task_mem_usage_bytes") == 8 << 20
    assert value(batch, "task_cpu_throttled_periods") == 3
    assert value(batch, "task_psi_cpu_some_seconds") == 0.5
    assert value(batch, "task_requested_cpus") == 1.5
    assert value(batch, "task_requested_mem_bytes") == 1 << 30
    assert named(batch, "task_mem_limit_bytes") == []  # unlimited is absent
    assert value(batch, "wca_tasks") == 1


def test_no_tasks_means_the_platform_only(tree):
    (batch,) = run(StaticNode(tasks=[], kernel=tree.kernel), kernel=tree.kernel)
    assert value(batch, "wca_tasks") == 0
    assert {"memory_usage", "cpu_usage_per_cpu"} <= {metric.name for metric in batch}
    assert not [metric for metric in batch if metric.granularity == "task"]


def test_the_agent_reports_on_itself(tree):
    storage = RecordingStorage()
    node = Tasks()
    node.error = TaskSynchronizationException("kubelet away")
    batches = run(node, 2, metrics_storage=storage)
    batch = batches[-1]
    assert value(batch, "wca_healthy", component="node") == 0
    assert value(batch, "wca_failures", component="node") == 1
    assert value(batch, "wca_error_count", module="wca.telemetry") == 1
    assert 1 << 20 < value(batch, "wca_memory_usage_bytes") < 1 << 30
    assert value(batch, "wca_delivered_samples", storage="metrics_storage") == len(batches[0])
    assert value(batch, "wca_overruns") == 0
    durations = {metric.labels["function"] for metric in named(batch, "wca_duration_seconds")}
    assert {"discover", "collect", "export", "store"} <= durations
    assert value(batch, "wca_iteration_duration_seconds") >= 0


def test_the_node_is_asked_once_per_discovery_interval(tree):
    node = Tasks()
    run(node, 11, kernel=tree.kernel, interval=1.0, discovery_interval=5.0)
    assert node.asked == 3  # at 0, 5 and 10


@pytest.mark.parametrize("error", [TaskSynchronizationException("away"), KeyError("bug")])
def test_when_the_node_fails_the_last_known_tasks_stay(tree, error):
    tree.add_task("/a")
    node = Tasks(Task("a", "a", "/a"))

    def fail_from_now_on():
        node.error = error

    batches = run(
        node,
        3,
        kernel=tree.kernel,
        discovery_interval=1.0,
        collectors=[Hook(fail_from_now_on)],
    )
    assert node.asked == 3
    assert [value(batch, "wca_tasks") for batch in batches] == [1, 1, 1]


def test_labels_that_change_at_the_node_change_in_the_metrics(tree):
    tree.add_task("/a")
    node = Tasks(Task("a", "a", "/a", labels={"version": "1"}))

    def upgrade():
        node.tasks = [Task("a", "a", "/a", labels={"version": "2"})]

    batches = run(node, 2, kernel=tree.kernel, discovery_interval=1.0, collectors=[Hook(upgrade)])
    assert [named(batch, "task_up")[0].labels["version"] for batch in batches] == ["1", "2"]


def test_labels_are_shared_between_samples_and_never_mutated(tree):
    tree.add_task("/a")
    node = StaticNode(tasks=["a"], kernel=tree.kernel)
    first, second = run(node, 2, kernel=tree.kernel)
    key = lambda metric: (metric.name, tuple(sorted(metric.labels.items())))  # noqa: E731
    before = {key(metric): metric.labels for metric in first}
    same = [metric for metric in second if key(metric) in before]
    gone = before.keys() - {key(metric) for metric in second}
    assert not gone
    assert all(metric.labels is before[key(metric)] for metric in same)


def test_a_broken_collector_a_broken_storage_and_a_broken_label_never_stop_the_loop(tree):
    class Broken(Collector):
        def attach(self, target):
            raise RuntimeError("attach")

    class BrokenOnNode(Hook):
        pass

    class Generator(TaskLabelRegexGenerator):
        def generate(self, task):
            raise RuntimeError("generate")

    def raise_error():
        raise RuntimeError("read")

    tree.add_task("/a")
    storage = RecordingStorage(error=RuntimeError("store"))
    batches = run(
        Tasks(Task("a", "a", "/a")),
        3,
        kernel=tree.kernel,
        metrics_storage=storage,
        collectors=[Broken(), BrokenOnNode(raise_error)],
        task_label_generators={"x": Generator("a", "b")},
    )
    assert len(batches) == 3
    unhealthy = {m.labels["component"] for m in named(batches[-1], "wca_healthy") if not m.value}
    assert unhealthy == {"Broken", "BrokenOnNode", "label x", "metrics_storage"}
    assert value(batches[-1], "wca_dropped_samples", reason="failed") > 0


def test_a_task_that_vanishes_between_discovery_and_reading_costs_its_own_sample(real_cgroups):
    first, second = real_cgroups.make("first"), real_cgroups.make("second")
    node = Tasks(Task("first", "first", first), Task("second", "second", second))
    iterations = []

    def remove_in_the_second_iteration():
        iterations.append(1)
        if len(iterations) == 1:
            real_cgroups.remove(first)
            node.tasks = node.tasks[1:]

    collectors = MeasurementRunner(node=node).collectors
    batches = run(node, 3, collectors=[*collectors, Hook(remove_in_the_second_iteration)])
    seen = [sorted(m.labels["task_id"] for m in named(batch, "task_up")) for batch in batches]
    assert seen == [["first", "second"], ["second"], ["second"]]
    assert node.asked == 2  # at the start, and again because a task vanished
    assert errors(batches[-1]) == []


def test_whoever_stops_it_says_how_long_closing_may_take(tree):
    class Closed(RecordingStorage):
        timeouts: ClassVar[list[float]] = []

        def close(self, timeout=0.0):
            self.timeouts.append(timeout)

    clock = FakeClock()
    hook = Hook(lambda: runner.stop(within=3.0) or clock.advance(1.0))
    options = {"collectors": [hook], "kernel": tree.kernel, "clock": clock}
    runner = MeasurementRunner(StaticNode([]), Closed(), **options)
    runner.stop_after(2)
    assert runner.run() == 0
    assert Closed.timeouts == [pytest.approx(2.0)]


def test_a_replaced_cgroup_is_measured_again_from_its_own_beginning(real_cgroups):
    path = real_cgroups.make("task")
    worker = real_cgroups.worker(path)
    worker.burn(0.2)
    iterations = []

    def replace():
        iterations.append(1)
        if len(iterations) == 1:
            worker.stop()
            real_cgroups.remove(path)
            real_cgroups.make("task")

    node = Tasks(Task("task", "task", path))
    collectors = MeasurementRunner(node=node).collectors
    before, gone, after = run(node, 3, collectors=[*collectors, Hook(replace)])
    assert value(before, "task_cpu_usage_seconds") > 0.1
    assert named(gone, "task_up") == []
    assert value(after, "task_cpu_usage_seconds") < 0.1


def test_perf_events_of_a_task_are_stored_and_those_that_are_not_there_cost_nothing_else(
    real_cgroups,
):
    path = real_cgroups.make("task")
    worker = real_cgroups.worker(path)
    names = ["task_clock_seconds", "task_context_switches", "no_counter__rffff"]
    node = Tasks(Task("task", "task", path))
    spin = Hook(lambda: worker.burn(0.2))
    first, second = run(node, 2, event_names=names, collectors=[TaskCpuCollector(), spin])
    if not named(first, "task_clock_seconds"):
        pytest.skip("this machine has no perf")
    spent = value(second, "task_clock_seconds") - value(first, "task_clock_seconds")
    assert spent == pytest.approx(0.2, rel=0.3)
    (metric,) = named(second, "task_clock_seconds")
    assert (metric.type, metric.unit, metric.labels["task_id"]) == ("counter", "seconds", "task")
    assert value(second, "task_cpu_usage_seconds") > 0
    assert value(second, "wca_healthy", component="TaskPerfCollector") == 1
    assert errors(second) == []


@pytest.mark.parametrize("wanted", [True, False])
def test_derived_metrics_are_there_when_they_are_asked_for(tree, wanted):
    tree.add_task("/task")

    class Counting(Collector):
        cycles = 0

        def attach(self, target):
            return self

        def read(self, out):
            self.cycles += 100
            out.update(task_cycles=self.cycles, task_instructions=self.cycles * 2)

        def close(self, timeout=0):
            pass

    node = Tasks(Task("task", "task", "/task"))
    options = {"kernel": tree.kernel, "collectors": [Counting()]}
    first, second = run(node, 2, enable_derived_metrics=wanted, **options)
    assert named(first, "task_ipc") == []
    assert [metric.value for metric in named(second, "task_ipc")] == ([2.0] if wanted else [])


def test_a_task_measured_by_perf_alone_is_gone_with_its_cgroup_and_measured_anew(real_cgroups):
    path = real_cgroups.make("task")
    worker = real_cgroups.worker(path)
    iterations = []

    def replace():
        iterations.append(1)
        if len(iterations) == 1:
            worker.burn(0.1)
        if len(iterations) == 2:
            worker.stop()
            real_cgroups.remove(path)
            real_cgroups.make("task")

    node = Tasks(Task("task", "task", path))
    collectors = [Hook(replace), TaskPerfCollector(["task_clock_seconds"])]
    batches = run(node, 4, collectors=collectors)
    if not named(batches[0], "task_clock_seconds"):
        pytest.skip("this machine has no perf")
    before, busy, gone, after = batches
    assert value(busy, "task_clock_seconds") - value(before, "task_clock_seconds") > 0.09
    assert named(gone, "task_up") == []
    assert value(after, "task_clock_seconds") == 0


def test_in_steady_state_an_interval_makes_one_pread_per_file_and_nothing_else(real_cgroups):
    paths = [real_cgroups.make(f"task{number}") for number in range(5)]
    kernel, calls = Kernel(), []

    def note():
        now = kernel.calls
        calls.append((now.opens, now.reads, now.stats, now.listdirs))

    node = StaticNode(tasks=[path[1:] for path in paths])  # it is given the runner's kernel
    # What has a thread of its own reads when that thread comes to it.
    collectors = [*default_collectors(), Hook(note)]
    batches = run(node, 7, kernel=kernel, collectors=collectors)
    assert value(batches[-1], "wca_tasks") == 5
    steady = [
        tuple(after - before for before, after in zip(first, second, strict=True))
        for first, second in itertools.pairwise(calls)
    ]
    opens, reads, stats, listdirs = zip(*steady, strict=True)
    assert set(opens) == set(stats) == set(listdirs) == {0}
    # The fifth interval is that of a discovery: the node reads each task's cgroup.procs.
    usual = reads[0]
    assert list(reads) == [usual, usual, usual, usual, usual + 5, usual]
    open_now = {os.readlink(link) for link in open_descriptors()}
    assert not [path for path in open_now if real_cgroups.parent in path]  # all given back


def open_descriptors():
    links = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
    return [link for link in links if os.path.islink(link)]


@pytest.mark.parametrize("layout", ["v1_apart", "v1_together", "hybrid", "v2"])
def test_a_default_configuration_has_few_series(tmp_path, layout):
    # What grows with the machine is cpu_usage_per_cpu, which has one series for each CPU.
    tree = KernelTree(tmp_path, layout=layout, sockets=2, cores=16, threads=2, numa_nodes=4)
    tree.add_task("/a", memory_limit=1 << 30, io={"8:0": (4096, 8192), "8:16": (0, 0)})
    node = Tasks(Task("a", "a", "/a", resources={"cpus": 1, "mem": 2}))
    batch = run(node, 2, kernel=tree.kernel)[-1]
    count = Counter(metric.granularity for metric in batch)
    assert 20 < count["task"] <= 40
    assert count["platform"] + count["internal"] <= 200


def test_a_part_that_cannot_start_ends_the_run_and_what_had_started_is_closed():
    class Started(Tasks):
        closed = False

        def close(self, timeout):
            self.closed = True

    class Refusing(Storage):
        def start(self):
            raise OSError("no route")

        def store(self, metrics):
            pass

    node = Started()
    runner = MeasurementRunner(node=node, metrics_storage=Refusing())
    with pytest.raises(StartError, match="metrics_storage cannot start: no route"):
        runner.run()
    assert node.closed


def test_the_options_of_the_runner_are_not_shared_between_runners():
    labels = {"a": "b"}
    runner = MeasurementRunner(node=Tasks(), extra_labels=labels)
    labels["a"] = "changed"
    assert runner.extra_labels == {"a": "b"}
    assert MeasurementRunner(node=Tasks()).collectors is not runner.collectors


class Odd(Collector):
    """A task collector that gives what it is told."""

    def __init__(self, **values):
        self.values = values

    def attach(self, target):
        return self

    def read(self, out):
        out.update(self.values)

    def close(self, timeout=0):
        pass


def test_odd_entries_of_a_nodes_list_cost_themselves_only(tree):
    tree.add_task("/a")
    unhashable = Task("b", ["b"], "/a")
    unlabelled = Task("c", "c", "/a", labels=None)
    node = Tasks(None, "text", unhashable, unlabelled, Task("a", "a", "/a"))
    (batch,) = run(node, kernel=tree.kernel)
    assert [metric.labels["task_id"] for metric in named(batch, "task_up")] == ["a"]
    assert value(batch, "wca_healthy", component="node") == 0
    assert value(batch, "wca_failures", component="node") == 4


@pytest.mark.parametrize("answer", [None, 5])
def test_a_node_that_answers_nonsense_is_reported(tree, answer):
    class Nonsense(Tasks):
        def get_tasks(self):
            return answer

    (batch,) = run(Nonsense(), kernel=tree.kernel)
    assert value(batch, "wca_healthy", component="node") == 0


def test_a_measurement_that_makes_no_sense_costs_itself_only(tree):
    tree.add_task("/a")
    tree.add_task("/b")
    odd = Odd(nested={"x": {"y": 1}}, task_up={"x": 1}, fine=5)
    node = Tasks(Task("a", "a", "/a"), Task("b", "b", "/b"))
    (batch,) = run(node, kernel=tree.kernel, collectors=[odd])
    assert [metric.value for metric in named(batch, "fine")] == [5, 5]
    assert named(batch, "nested") == []
    assert len(named(batch, "task_last_seen")) == 2


def test_a_collector_that_failed_once_is_healthy_again(tree):
    class Flaky(Odd):
        reads = 0

        def read(self, out):
            self.reads += 1
            if self.reads == 1:
                raise RuntimeError("once")

    tree.add_task("/a")
    batches = run(Tasks(Task("a", "a", "/a")), 4, kernel=tree.kernel, collectors=[Flaky()])
    assert [value(batch, "wca_healthy", component="Flaky") for batch in batches] == [0, 0, 1, 1]


def test_two_collectors_of_one_class_are_both_read(tree):
    tree.add_task("/a")
    (batch,) = run(
        Tasks(Task("a", "a", "/a")), kernel=tree.kernel, collectors=[Odd(one=1), Odd(two=2)]
    )
    assert (value(batch, "one"), value(batch, "two")) == (1, 2)


def test_generators_of_labels_are_started_and_closed(tree):
    class Generator(TaskLabelRegexGenerator):
        journal: ClassVar = []

        def start(self):
            self.journal.append("start")

        def close(self, timeout):
            self.journal.append("close")

    run(Tasks(), kernel=tree.kernel, task_label_generators={"x": Generator("a", "b")})
    assert Generator.journal == ["start", "close"]


def test_tasks_that_come_and_go_leave_no_series_behind(tree):
    node, number = Tasks(), itertools.count()

    def replace():
        node.tasks = [Task("odd", f"id-{next(number)}", "/../x")]

    batches = run(node, 50, kernel=tree.kernel, discovery_interval=1.0, collectors=[Hook(replace)])
    assert len(batches[-1]) - len(batches[1]) <= 4
    assert value(batches[-1], "wca_failures", component="containers") > 40


def test_a_storage_of_a_plugin_gets_a_plain_list(tree):
    class Plugin(Storage):
        blocking = False
        batches: ClassVar = []

        def store(self, metrics):
            self.batches.append(metrics)

    storage = Plugin()
    run(Tasks(), metrics_storage=storage, kernel=tree.kernel)
    assert type(storage.batches[0]) is list


def test_samples_that_a_storage_refuses_are_counted_as_dropped(tree, tmp_path):
    tree.add_task("/a")
    task = Task("a", "a", "/a", labels={"bad-name": "x"})
    output = tmp_path / "out.txt"
    runner = MeasurementRunner(
        node=Tasks(task),
        metrics_storage=LogStorage(output_filename=str(output)),
        kernel=tree.kernel,
        interval=0.05,
    )
    runner.stop_after(10)
    runner.run()
    last = output.read_text().rpartition("\n\n# HELP cpu_usage_per_cpu")[2]
    dropped = [line for line in last.splitlines() if line.startswith("wca_dropped_samples{")]
    counts = {line.split('reason="')[1].split('"')[0]: line.split()[-2] for line in dropped}
    assert int(counts.pop("rejected")) > 0
    assert set(counts.values()) == {"0"}


def test_a_collector_of_the_machine_that_cannot_attach_stays_unhealthy(tree):
    class Broken(Hook):
        def attach(self, target):
            raise RuntimeError("attach")

    batches = run(Tasks(), 3, kernel=tree.kernel, collectors=[Broken(print)])
    assert [value(batch, "wca_healthy", component="Broken") for batch in batches] == [0, 0, 0]


def test_the_interval_of_discovery_is_checked_too():
    with pytest.raises(ValidationError, match="duration between"):
        MeasurementRunner(node=Tasks(), discovery_interval=0)


@pytest.mark.parametrize("interval", [0, -1, 0.001, float("nan"), 61, True])
def test_an_interval_out_of_range_is_refused_from_python_too(interval):
    with pytest.raises(ValidationError, match="duration between"):
        MeasurementRunner(node=Tasks(), interval=interval)


def test_a_collector_of_no_known_scope_is_refused():
    hook = Hook(print)
    hook.scope = "Node"
    with pytest.raises(ValidationError, match="write 'task' or 'node'"):
        MeasurementRunner(node=Tasks(), collectors=[hook])


def test_the_agent_says_which_it_is_and_by_which_configuration_it_runs(tree):
    storage = RecordingStorage()
    runner = MeasurementRunner(
        node=Tasks(), metrics_storage=storage, kernel=tree.kernel, clock=FakeClock()
    )
    runner.configured_by("0123456789abcdef")
    runner.stop_after(1)
    assert runner.run() == 0
    (batch,) = storage.batches
    assert value(batch, "wca_config_info", hash="0123456789abcdef") == 1
    python = platform.python_version()
    assert value(batch, "wca_build_info", version=__version__, python=python) == 1


def test_a_runner_that_is_built_in_python_names_no_configuration(tree):
    (batch,) = run(Tasks(), kernel=tree.kernel)
    assert named(batch, "wca_config_info") == []
    assert len(named(batch, "wca_build_info")) == 1
