"""Every detector of WCA keeps the contract of detectors, and those that break it are found out."""

import random
import threading
import time
from dataclasses import replace

import pytest

from tests.detectors.test_model import a_model
from wca.detectors import (
    AnomalyDetector,
    ContendedResource,
    ContentionAnomaly,
    CPIDetector,
    InterferenceDetector,
    ModelDetector,
    MultiDetector,
    NOPAnomalyDetector,
    ThresholdDetector,
)
from wca.detectors.modelling.file import encode_model
from wca.errors import ValidationError
from wca.metrics import Metric
from wca.testing.detectors import DetectorContract


class TestNop(DetectorContract):
    def detector(self):
        return NOPAnomalyDetector()


class TestThreshold(DetectorContract):
    def detector(self):
        return ThresholdDetector(
            [
                {"metric": "task_cpu_usage_seconds", "above": 0.5, "for": 3, "resource": "cpus"},
                {
                    "metric": "task_psi_cpu_some_seconds",
                    "above": "10%",
                    "clear": "5%",
                    "window": 5,
                    "labels": {"task_id": "web"},
                },
                {"metric": "task_cpu_throttled_periods", "per": "task_cpu_periods", "above": 0.1},
                {"metric": "task_mem_usage_bytes", "below": "1MiB", "clear_for": 2},
                {
                    "metric": "platform_cpu_seconds",
                    "levels": {"cpu": "0", "mode": "0"},
                    "above": 0,
                },
            ]
        )

    def test_the_history_of_the_contract_makes_it_speak(self):
        assert '"verdict"' in self._answers(self.history())


class TestInterference(DetectorContract):
    def detector(self):
        return InterferenceDetector(samples=10)


class TestCPI(DetectorContract):
    def detector(self):
        return CPIDetector(period=2, samples=3, min_cpu=0, window=20)


class TestModel(DetectorContract):
    """With a model that knows the tasks of the history at all their loads, and calls all unusual."""

    @pytest.fixture(autouse=True)
    def _model(self, tmp_path):
        self.path = tmp_path / "model.json"
        model = a_model(range(-60, 61), limits=dict.fromkeys(range(10), 0.0), application="web")
        model = replace(
            model, applications={**model.applications, "batch": model.applications["web"]}
        )
        self.path.write_bytes(encode_model(model))

    def detector(self):
        return ModelDetector(str(self.path))

    def test_the_history_of_the_contract_makes_it_speak(self):
        assert '"verdict"' in self._answers(self.history())


class TestMulti(DetectorContract):
    def detector(self):
        return MultiDetector([InterferenceDetector(samples=10), NOPAnomalyDetector()])


class TestOlder(DetectorContract):
    """A detector as those of the first releases."""

    def detector(self):
        class Older(AnomalyDetector):
            def detect(self, platform, tasks_measurements, tasks_resources, tasks_labels):
                return [], [Metric("older_tasks", len(tasks_measurements))]

        return Older()


class Broken(AnomalyDetector):
    """Does something that it must not."""

    def __init__(self, action):
        self.action = action
        self.kept = []

    def detect(self, platform, tasks):
        return self.action(self, platform, tasks) or ([], [])


def metric(value):
    return [], [Metric("own", value)]


def accuse(_self, _platform, _tasks):
    return [ContentionAnomaly(ContendedResource.CPUS, "somebody")], []


def accuse_the_first(self, _platform, tasks):
    self.kept.extend(tasks)
    found = [ContentionAnomaly(ContendedResource.LLC, self.kept[0])] if self.kept else []
    return found, []


def label(_self, _platform, tasks):
    for task in tasks.values():
        task.labels["seen"] = "yes"


def count_on_the_clock(self, platform, _tasks):
    self.kept.append(platform.monotonic)
    assert self.kept == sorted(self.kept)


def add_up(_self, _platform, tasks):
    return metric(sum(int(one.measurements.get("task_up", 0)) for one in tasks.values()))


BROKEN = {
    "test_its_answers_make_sense": [
        lambda self, platform, tasks: "nothing",
        lambda self, platform, tasks: metric("five"),
        lambda self, platform, tasks: ([], [Metric("no name", 1)]),
        accuse,
    ],
    "test_the_same_input_has_the_same_answers": [
        lambda self, platform, tasks: metric(time.time()),
        lambda self, platform, tasks: metric(random.random()),
        lambda self, platform, tasks: metric(id(self)),
    ],
    "test_what_it_sees_stays_as_it_was": [
        label,
        lambda self, platform, tasks: tasks.clear(),
        lambda self, platform, tasks: platform.measurements.clear(),
    ],
    "test_any_measurement_may_be_missing": [
        lambda self, platform, tasks: metric(tasks["web"].measurements["task_up"]),
        lambda self, platform, tasks: metric(platform.measurements["memory_usage"]),
    ],
    "test_no_tasks_and_tasks_that_come_and_go": [
        lambda self, platform, tasks: metric(max(map(len, tasks))),
        accuse_the_first,
    ],
    "test_odd_numbers_cost_at_most_themselves": [add_up],
    "test_clocks_may_jump": [count_on_the_clock],
    "test_tasks_that_are_gone_are_forgotten": [
        lambda self, platform, tasks: self.kept.extend(tasks.values()),
    ],
}


@pytest.mark.parametrize(
    ("name", "action"), [(name, action) for name, actions in BROKEN.items() for action in actions]
)
def test_a_detector_that_breaks_the_contract_is_found_out(name, action):
    class Case(DetectorContract):
        def detector(self):
            return Broken(action)

    with pytest.raises((AssertionError, ArithmeticError, KeyError, TypeError, ValueError)):
        getattr(Case(), name)()


def test_a_thread_that_stays_is_found_out():
    class Stays(NOPAnomalyDetector):
        def start(self):
            self.stop = threading.Event()
            threading.Thread(target=self.stop.wait, daemon=True).start()
            stops.append(self.stop)

    class Case(DetectorContract):
        def detector(self):
            return Stays()

    stops = []
    try:
        with pytest.raises(AssertionError):
            Case().test_close_is_safe_without_start_and_twice_and_leaves_nothing()
    finally:
        for stop in stops:
            stop.set()


def test_a_constructor_that_opens_something_is_found_out(tmp_path):
    class Opens(NOPAnomalyDetector):
        def __init__(self):
            self.file = open(tmp_path / "a", "w")  # noqa: SIM115
            files.append(self.file)

    class Case(DetectorContract):
        def detector(self):
            return Opens()

    files = []
    try:
        with pytest.raises(AssertionError):
            Case().test_constructing_opens_nothing()
    finally:
        for file in files:
            file.close()


def test_a_detect_that_cannot_be_called_is_found_out():
    class Wrong(AnomalyDetector):
        def detect(self):
            return [], []

    class Case(DetectorContract):
        def detector(self):
            return Wrong()

    with pytest.raises(ValidationError, match=r"detect\(platform, tasks_data\)"):
        Case().test_it_is_a_detector_that_can_be_asked()
