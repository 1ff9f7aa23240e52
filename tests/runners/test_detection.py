"""DetectionRunner: what a detector sees, where its answers go, and what it cannot break."""

import copy
import json
import logging
import socket
import threading
import time

import pytest

from wca.collectors import Collector
from wca.components import load_registry
from wca.config.loader import load_config, load_text
from wca.detectors import (
    Anomaly,
    AnomalyDetector,
    ContendedResource,
    ContentionAnomaly,
    NOPAnomalyDetector,
)
from wca.errors import ConfigLoadError, StartError, ValidationError
from wca.metrics import Metric
from wca.nodes import Node, Task
from wca.nodes.static import StaticNode
from wca.runners import DetectionRunner
from wca.runners.asking import AskAside, AskInTime
from wca.runners.views import View
from wca.storage import LogStorage
from wca.telemetry import Telemetry
from wca.testing.clock import FakeClock
from wca.testing.detectors import a_platform
from wca.testing.kernel import KernelTree
from wca.testing.storage import RecordingStorage


class Says(AnomalyDetector):
    """Gives one answer after the other, the last one again and again; keeps what it saw."""

    def __init__(self, *answers):
        self.answers = list(answers) or [([], [])]
        self.seen = []

    def detect(self, platform, tasks_data):
        self.seen.append((platform, tasks_data))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if callable(answer):
            return answer()
        if isinstance(answer, BaseException):
            raise answer
        return answer


class Tasks(Node):
    def __init__(self, *tasks):
        self.tasks = list(tasks)

    def get_tasks(self):
        return self.tasks


@pytest.fixture
def tree(tmp_path):
    return KernelTree(tmp_path / "root", layout="hybrid")


@pytest.fixture
def run(tree):
    """run(detector, iterations, **options): the batches of anomalies and of metrics."""

    def run(detector, iterations=1, **options):
        metrics, anomalies = RecordingStorage(), RecordingStorage()
        options.setdefault("node", Tasks())
        options.setdefault("clock", FakeClock())
        options.setdefault("metrics_storage", metrics)
        options.setdefault("anomalies_storage", anomalies)
        runner = DetectionRunner(detector=detector, kernel=tree.kernel, **options)
        runner.stop_after(iterations)
        assert runner.run() == 0
        return anomalies.batches, metrics.batches

    return run


def contention(contended="a", contending=("b",), **fields):
    return ContentionAnomaly(ContendedResource.CPUS, contended, contending, **fields)


def values(batch, name):
    return [metric.value for metric in batch if metric.name == name]


def value(batch, name, **labels):
    (found,) = [m.value for m in batch if m.name == name and labels.items() <= m.labels.items()]
    return found


def test_measurements_and_anomalies_go_to_storages_of_their_own(run):
    anomalies, metrics = run(Says(([contention()], [Metric("own", 7)])))
    assert {one.name for one in anomalies[0]} == {
        *("anomaly", "anomaly_count", "anomaly_last_occurrence", "own")
    }
    assert values(metrics[0], "wca_tasks") == [0]
    assert not {one.name for one in metrics[0]} & {one.name for one in anomalies[0]}


def test_one_storage_for_both_gets_one_batch_for_each_interval(run):
    shared = RecordingStorage()
    run(Says(([contention()], [])), 3, metrics_storage=shared, anomalies_storage=shared)
    assert len(shared.batches) == 3
    for batch in shared.batches:
        assert values(batch, "anomaly") == [1]
        assert values(batch, "wca_tasks") == [0]
    assert shared.started == shared.closed == 1


def test_what_is_left_out_goes_to_standard_output():
    node = StaticNode(tasks=[])
    both = DetectionRunner(detector=Says(), node=node)
    assert isinstance(both.anomalies_storage, LogStorage)
    assert both.anomalies_storage is both.metrics_storage
    one = DetectionRunner(detector=Says(), node=node, metrics_storage=RecordingStorage())
    assert isinstance(one.anomalies_storage, LogStorage)


def test_the_count_is_there_from_the_start_and_the_time_from_the_first_anomaly(run):
    clock = FakeClock(now=1000.0)
    answers = ([], []), ([contention(), contention("c")], []), ([], []), ([contention()], [])
    batches, _ = run(Says(*answers), 4, clock=clock)
    assert [value(batch, "anomaly_count") for batch in batches] == [0, 2, 2, 3]
    times = [values(batch, "anomaly_last_occurrence") for batch in batches]
    assert times == [[], [1001.0], [1001.0], [1003.0]]


def test_every_metric_has_the_time_and_the_labels_of_the_node(run, tree):
    tree.add_task("/a")
    task = Task("a", "a", "/a", labels={"zone": "task", "app": "shop"})
    options = {"node": Tasks(task), "extra_labels": {"zone": "extra"}}
    own = Metric("own", 7, {"zone": "detector"}, timestamp=5.0)
    (batch,), _ = run(Says(([contention()], [own])), clock=FakeClock(now=1000.0), **options)
    for metric in batch:
        assert metric.timestamp == 1000.0
        assert (metric.labels["zone"], metric.labels["host"]) == ("extra", socket.gethostname())
    (anomaly,) = [one for one in batch if one.name == "anomaly"]
    assert (anomaly.labels["app"], anomaly.labels["task_name"]) == ("shop", "a")


def test_a_detector_sees_the_machine_the_time_and_the_tasks(run, tree):
    tree.add_task("/a")
    detector, clock = Says(), FakeClock(monotonic=50.0, now=1000.0)
    task = Task("name", "id", "/a", labels={"app": "shop"}, resources={"cpus": 2})
    run(detector, 2, node=Tasks(task), clock=clock, rdt_enabled=False, gather_hw_mm_topology=False)
    (first, _), (platform, tasks) = detector.seen
    assert (first.timestamp, first.monotonic) == (1000.0, 50.0)
    assert (platform.timestamp, platform.monotonic) == (1001.0, 51.0)
    assert (platform.cpus, platform.rdt_information) == (2, None)
    assert platform.measurements["memory_usage"] > 0
    assert platform.read_at == {}
    (data,) = tasks.values()
    assert (data.name, data.task_id, data.cgroup_path) == ("name", "id", "/a")
    assert data.labels == {"app": "shop", "task_id": "id", "task_name": "name"}
    assert data.resources == {"cpus": 2}
    assert data.measurements["task_cpu_usage_seconds"] >= 0
    assert (data.allocations, data.containers, data.subcgroups_paths) == ({}, {}, [])


def test_what_a_detector_does_to_what_it_sees_disturbs_nobody(run, tree):
    class Spoils(Says):
        def detect(self, platform, tasks_data):
            super().detect(platform, copy.deepcopy(tasks_data))
            for task in tasks_data.values():
                for numbers in task.measurements.values():
                    if isinstance(numbers, dict):
                        numbers.clear()
                task.measurements.clear()
                task.labels.clear()
                task.resources.clear()
            platform.measurements.clear()
            tasks_data.clear()
            return [], []

    tree.add_task("/a")
    node = Tasks(Task("a", "a", "/a", labels={"app": "shop"}, resources={"cpus": 2}))
    slow = Pages(interval=10.0)
    detector = Spoils()
    _, batches = run(detector, 3, node=node, extra_collectors=[slow])
    for _, tasks in detector.seen:
        assert tasks["a"].labels["app"] == "shop"
        assert tasks["a"].resources == {"cpus": 2}
        assert tasks["a"].measurements["task_mem_numa_pages"] == {"7": 5}
    for batch in batches:
        assert value(batch, "task_requested_cpus", app="shop") == 2
        assert value(batch, "task_mem_numa_pages", numa_node="7") == 5


class Pages(Collector):
    """A nested number of a task, which is given again between two readings."""

    emits = ("task_mem_numa_pages",)

    def attach(self, target):
        return self

    def read(self, out):
        out["task_mem_numa_pages"] = {"7": 5}

    def close(self, timeout=0):
        pass


def test_a_detector_knows_when_what_it_sees_was_read(run, tree):
    tree.add_task("/a")
    detector = Says()
    node = Tasks(Task("a", "a", "/a"))
    run(detector, 3, node=node, collectors=[Pages(interval=10.0)], clock=FakeClock(monotonic=50.0))
    assert [platform.read_at for platform, _ in detector.seen] == [
        {"task_mem_numa_pages": 50.0}
    ] * 3


def test_containers_are_part_of_their_task(run, tree):
    for path in ("/pod", "/pod/one", "/pod/two"):
        tree.add_task(path)
    detector = Says()
    task = Task("pod", "pod", "/pod", subcgroups_paths=["/pod/one", "/pod/two"])
    run(detector, node=Tasks(task), granularity="both")
    ((_, tasks),) = detector.seen
    assert tasks.keys() == {"pod"}
    assert tasks["pod"].containers.keys() == {"one", "two"}
    assert "task_cpu_usage_seconds" in tasks["pod"].containers["one"]
    assert "task_cpu_usage_seconds" in tasks["pod"].measurements


def test_containers_alone_are_refused():
    with pytest.raises(ValidationError, match="write both"):
        DetectionRunner(detector=Says(), node=Tasks(), granularity="container")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (ValueError("no idea"), "Says fails: ValueError: no idea"),
        (SystemExit(3), "Says fails: SystemExit: 3"),
        (None, "Says fails: detect() gave None, expected (anomalies, metrics)"),
        ((["x"], []), "Says fails: detect() gave a str as an anomaly"),
        (([], ["x", "y"]), "Says fails: a str is no Metric (and 1 more)"),
        (([contention(5)], []), "Says fails: ContentionAnomaly cannot be described"),
    ],
)
def test_a_detector_that_fails_is_reported_and_counted_and_stops_nothing(
    run, caplog, answer, words
):
    good = ([contention()], [])
    with caplog.at_level(logging.INFO):
        anomalies, metrics = run(Says(answer, answer, good), 5)
    assert [values(batch, "anomaly") for batch in anomalies] == [[], [], [1], [1], [1]]
    assert value(metrics[-1], "wca_failures", component="Says") == 2
    assert value(metrics[2], "wca_healthy", component="Says") == 0
    assert value(metrics[-1], "wca_healthy", component="Says") == 1
    assert [one.message for one in caplog.records if "Says" in one.message] == [
        next(one.message for one in caplog.records if words in one.message),
        "Says works again",
    ]


def test_what_makes_sense_of_a_bad_answer_is_exported(run):
    (batch,), _ = run(Says(([contention(), "x"], [Metric("own", 1), Metric("bad", "1")])))
    assert values(batch, "anomaly") == [1]
    assert values(batch, "own") == [1]
    assert values(batch, "bad") == []


def test_a_slow_detector_is_reported_and_its_answer_counts(run, caplog):
    clock = FakeClock()

    def slow():
        clock.advance(0.6)
        return [contention()], []

    anomalies, metrics = run(Says(slow, slow, ([], [])), 3, clock=clock)
    assert values(anomalies[0], "anomaly") == [1]
    assert "detect() took 0.60 s of an interval of 1 s" in caplog.text
    assert value(metrics[-1], "wca_failures", component="Says") == 2


def test_the_duration_of_the_detector_is_a_metric(run):
    clock = FakeClock()

    def takes_its_time():
        clock.advance(0.25)
        return [], []

    _, metrics = run(Says(takes_its_time), 2, clock=clock)
    assert value(metrics[-1], "wca_duration_seconds", function="detect") == 0.25
    assert value(metrics[-1], "wca_failures", component="Says") == 0


def test_metrics_are_stored_before_the_detector_is_asked(run):
    metrics, seen = RecordingStorage(), []

    def look():
        seen.append(len(metrics.batches))
        return [], []

    run(Says(look), 2, metrics_storage=metrics)
    assert seen == [1, 2]


def test_a_detector_is_started_and_closed(run):
    class Lives(NOPAnomalyDetector):
        calls = ""

        def start(self):
            self.calls += "start "

        def close(self, timeout):
            self.calls += "close"

    detector = Lives()
    run(detector)
    assert detector.calls == "start close"


def test_a_detector_that_cannot_start_keeps_the_agent_from_starting(run):
    class Lacks(NOPAnomalyDetector):
        def start(self):
            raise StartError("there is no model: train one")

    with pytest.raises(StartError, match="train one"):
        run(Lacks())


def test_two_anomalies_that_are_the_same_are_one_series_and_count_twice(run):
    (batch,), _ = run(Says(([contention(), contention()], [])))
    assert values(batch, "anomaly") == [1]
    assert value(batch, "anomaly_count") == 2


def test_an_anomaly_of_a_plugins_own_kind_is_exported(run):
    class Own(Anomaly):
        def generate_metrics(self):
            return [Metric("own_anomaly", 1, {"contended_task_id": "a"})]

    (batch,), _ = run(Says(([Own()], [])))
    assert values(batch, "own_anomaly") == [1]
    assert value(batch, "anomaly_count") == 1


# On a thread of its own.


class Slow(AnomalyDetector):
    """Answers when the test says so."""

    blocking = True

    def __init__(self):
        self.asked, self.go, self.threads = threading.Event(), threading.Event(), set()
        self.seen = []
        self.error = None

    def detect(self, platform, tasks_data):
        self.threads.add(threading.current_thread().name)
        self.seen.append(platform.monotonic)
        self.asked.set()
        assert self.go.wait(60)
        self.go.clear()
        if self.error:
            raise self.error
        return [contention()], [Metric("seen_at", platform.monotonic)]


@pytest.fixture
def aside():
    detector, telemetry = Slow(), Telemetry()
    asks = AskAside(detector, "Slow", 0.01, telemetry)
    asks.start()
    yield detector, asks, telemetry
    detector.go.set()
    asks.close(10.0)
    assert not any(thread.name == "Slow" for thread in threading.enumerate())


def until(condition, what):
    end = time.monotonic() + 60
    while not (result := condition()):
        assert time.monotonic() < end, f"{what} did not happen"
        time.sleep(0.005)
    return result


def view(seconds):
    return View(a_platform(seconds), {})


def test_the_loop_does_not_wait_and_has_the_last_answer(aside):
    detector, asks, _ = aside
    assert asks.ask(view(1.0)) is None
    assert detector.asked.wait(60)
    assert asks.ask(view(1.1)) is None
    assert asks.ask(view(1.2)) is None
    detector.go.set()
    said = until(lambda: asks.ask(view(1.2)), "the first answer")
    assert said.view.platform.monotonic == 1001.0
    assert asks.ask(view(1.3)) is said
    assert detector.threads == {"Slow"}


def test_the_thread_gets_the_newest_data(aside):
    detector, asks, _ = aside
    asks.ask(view(1.0))
    assert detector.asked.wait(60)
    for seconds in (1.1, 1.2, 1.3):
        asks.ask(view(seconds))
    detector.go.set()
    until(lambda: len(detector.seen) == 2, "the second question")
    assert detector.seen == [1001.0, 1001.3]


def test_an_answer_that_is_too_old_is_no_answer(aside):
    detector, asks, _ = aside
    asks.ask(view(1.0))
    detector.go.set()
    until(lambda: asks.ask(view(1.0)), "the answer")
    assert asks.ask(view(5.9)) is not None
    assert asks.ask(view(6.1)) is None


def test_a_failure_on_the_thread_is_reported_and_takes_the_answer_away(aside):
    detector, asks, telemetry = aside
    asks.ask(view(1.0))
    detector.go.set()
    until(lambda: asks.ask(view(1.0)), "the answer")
    detector.error = KeyboardInterrupt()
    detector.go.set()
    until(lambda: telemetry.failures("Slow"), "the failure")
    until(lambda: asks.ask(view(1.1)) is None or detector.go.set(), "the end of the answer")


def test_one_that_hangs_is_reported_once(caplog):
    detector, telemetry, now = Slow(), Telemetry(), [0.0]
    asks = AskAside(detector, "Slow", 1.0, telemetry)
    asks._monotonic = lambda: now[0]
    asks.start()
    try:
        asks.ask(view(1.0))
        assert detector.asked.wait(60)
        for now[0] in (4.0, 6.0, 7.0):
            assert asks.ask(view(1.0)) is None
        assert telemetry.failures("Slow") == 1
        assert "Slow fails: detect() has not returned for 6 s" in caplog.text
        asks.close(0.01)
        assert "Slow is still busy: it is left behind" in caplog.text
    finally:
        detector.go.set()
        asks.close(10.0)


def test_one_for_which_the_loop_waits_is_not_waited_for_for_ever(caplog):
    go, telemetry = threading.Event(), Telemetry()

    def hangs():
        assert go.wait(60)
        return [], []

    asks = AskInTime(Says(hangs), "Slow", 0.01, telemetry, FakeClock().monotonic)
    asks.start()
    try:
        assert asks.ask(view(1.0)) is None
        assert asks.ask(view(2.0)) is None  # is not waited for again
        assert telemetry.failures("Slow") == 2
        assert "Slow fails: detect() has not returned for 1 s: the loop goes on" in caplog.text
        go.set()
        until(lambda: asks.ask(view(3.0)) is not None, "the next answer")
        failures = telemetry.failures("Slow")
        said = asks.ask(view(4.0))
        assert said is not None
        assert said.view.platform.monotonic == view(4.0).platform.monotonic
        assert telemetry.failures("Slow") == failures
    finally:
        go.set()
        asks.close(30.0)


def test_without_an_answer_what_lasts_is_not_new_again(run, tmp_path):
    path, here = tmp_path / "anomalies.jsonl", ([contention(verdict="x")], [])
    run(Says(here, ValueError("no idea"), here), 3, records=str(path))
    assert len(records(path)) == 1


def test_the_runner_gives_a_blocking_detector_its_thread(run):
    detector = Slow()
    detector.go.set()
    shared = RecordingStorage()
    run(detector, 100, anomalies_storage=shared, clock=None, interval=0.02)
    assert detector.threads == {"Slow"}
    answered = [batch for batch in shared.batches if values(batch, "anomaly")]
    assert answered
    for batch in answered:
        assert value(batch, "anomaly_count") == 1
        assert value(batch, "anomaly_answer_age_seconds") >= 0


# Records.


def records(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_anomaly_is_recorded_when_it_begins(run, tmp_path):
    path = tmp_path / "anomalies.jsonl"
    here, gone = ([contention(verdict="x")], []), ([], [])
    run(Says(here, here, gone, here, here), 5, records=str(path), clock=FakeClock(now=1000.0))
    first, second = records(path)
    assert (first["time"], second["time"]) == (1000.0, 1003.0)
    assert first["labels"]["host"] == socket.gethostname()
    assert (first["detector"], first["verdict"]) == ("Says", "x")


def test_another_verdict_or_culprit_is_another_anomaly(run, tmp_path):
    path = tmp_path / "anomalies.jsonl"
    answers = [
        ([one], [])
        for one in (contention(), contention(verdict="x"), contention("a", ["c"], verdict="x"))
    ]
    run(Says(*answers), 3, records=str(path))
    assert [(one["verdict"], one["contending_task_ids"]) for one in records(path)] == [
        (None, ["b"]),
        ("x", ["b"]),
        ("x", ["c"]),
    ]


def test_a_file_of_records_does_not_grow_for_ever(run, tmp_path):
    path = tmp_path / "anomalies.jsonl"
    answers = [([contention(f"task-{n}", verdict="y" * 100)], []) for n in range(300)]
    run(Says(*answers), 300, records=str(path), records_size=4096, interval=0.01, clock=None)
    names = sorted(one.name for one in tmp_path.iterdir())
    assert names in (
        ["anomalies.jsonl", "anomalies.jsonl.1", "root"],
        ["anomalies.jsonl.1", "root"],
    )
    for name in names[:-1]:
        assert (tmp_path / name).stat().st_size < 3 * 4096 or name == "anomalies.jsonl.1"
        assert records(tmp_path / name)


def test_a_file_that_takes_no_records_is_reported_and_stops_nothing(run):
    answers = [([contention(f"task-{n}")], []) for n in range(3)]
    _, metrics = run(Says(*answers), 50, records="/dev/full", interval=0.02, clock=None)
    assert value(metrics[-1], "wca_failures", component="records") >= 1


def test_a_file_that_cannot_be_opened_is_said_before_and_at_the_start(run, tmp_path):
    path = tmp_path / "no" / "such.jsonl"
    runner = DetectionRunner(detector=Says(), node=Tasks(), records=str(path))
    (problem,) = [one for one in runner.check() if one.startswith("records: ")]
    assert str(tmp_path / "no") in problem
    with pytest.raises(StartError, match="records cannot be written"):
        run(Says(), records=str(path))


# In a file.

FLAT = """
runner: !DetectionRunner
  node: !StaticNode {tasks: []}
  interval: 2s
  metrics_storage: !LogStorage {output_filename: /tmp/metrics}
  detector: !NOPAnomalyDetector
  anomalies_storage: !LogStorage {output_filename: /tmp/anomalies}
"""

BELOW_CONFIG = """
runner: !DetectionRunner
  config: !DetectionRunnerConfig
    node: !StaticNode {tasks: []}
    interval: 2s
    metric_storage: !LogStorage {output_filename: /tmp/metrics}
    detector: !NOPAnomalyDetector
    anomalies_storage: !LogStorage {output_filename: /tmp/anomalies}
"""

NESTED = """
runner: !DetectionRunner
  measurement_runner: !MeasurementRunner
    node: !StaticNode {tasks: []}
    interval: 2s
    metrics_storage: !LogStorage {output_filename: /tmp/metrics}
  detector: !NOPAnomalyDetector {}
  anomalies_storage: !LogStorage {output_filename: /tmp/anomalies}
"""

DEEP = """
runner: !DetectionRunner
  config: !DetectionRunnerConfig
    measurement_runner: !MeasurementRunner
      config: !MeasurementRunnerConfig
        node: !StaticNode {tasks: []}
        action_delay: 2s
        metrics_storage: !LogStorage {output_filename: /tmp/metrics}
    detector: !NOPAnomalyDetector {}
    anomalies_storage: !LogStorage {output_filename: /tmp/anomalies}
"""


def load(text):
    return load_text(text, load_registry(), name="c.yaml")


@pytest.mark.parametrize("text", [FLAT, BELOW_CONFIG, NESTED, DEEP])
def test_all_spellings_of_a_configuration_are_the_same(text):
    loaded = load(text)
    runner = loaded.runner
    assert type(runner) is DetectionRunner
    assert runner.interval == 2.0
    assert runner.metrics_storage.output_filename == "/tmp/metrics"
    assert runner.anomalies_storage.output_filename == "/tmp/anomalies"
    assert isinstance(runner.detector, NOPAnomalyDetector)
    assert [type(one).__name__ for one in loaded.components].count("MeasurementRunner") == 0
    assert [type(one).__name__ for one in loaded.components].count("StaticNode") == 1


def problems(text):
    with pytest.raises(ConfigLoadError) as refused:
        load(text)
    return refused.value.problems


def test_what_is_wrong_below_measurement_runner_is_reported_where_it_stands():
    wrong = NESTED.replace("interval: 2s", "interval: 99s").replace("metrics_st", "metrix_st")
    first, second = problems(wrong)
    assert first.startswith("c.yaml:5:15: runner.interval: expected a duration")
    assert second.startswith("c.yaml:6:5: ")
    assert "has no field 'metrix_storage', did you mean metrics_storage?" in second


def test_another_runner_below_measurement_runner_is_refused():
    found = problems(NESTED.replace("!MeasurementRunner", "!LogStorage"))
    assert any("'measurement_runner' under !DetectionRunner takes the tag" in one for one in found)


def test_a_field_in_both_places_is_refused():
    (problem,) = problems(NESTED + "  interval: 3s\n")
    assert "the field 'interval' is given twice, first at c.yaml:5:5" in problem


def test_a_detector_is_needed_and_has_to_be_one():
    assert "needs the field 'detector'" in problems(FLAT.replace("  detector:", "  # "))[0]
    assert "expected a AnomalyDetector" in problems(FLAT.replace("!NOPAnoma", "!LogStorage #"))[0]


def test_a_detector_that_cannot_be_called_is_a_problem_of_the_configuration(tmp_path, monkeypatch):
    (tmp_path / "wrong_detector.py").write_text(
        "from wca.detectors import AnomalyDetector\n"
        "class Wrong(AnomalyDetector):\n    def detect(self):\n        pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    config = tmp_path / "c.yaml"
    config.write_text(FLAT.replace("NOPAnomalyDetector", "Wrong"))
    with pytest.raises(ConfigLoadError) as refused:
        load_config(str(config), load_registry(["wrong_detector:Wrong"]))
    (problem,) = refused.value.problems
    assert ":6:13: runner.detector: wrong_detector:Wrong.detect must be callable as" in problem


def test_from_python_a_wrong_option_is_an_ordinary_error():
    with pytest.raises(TypeError, match="unexpected keyword argument 'nodes'"):
        DetectionRunner(detector=Says(), nodes=Tasks())
