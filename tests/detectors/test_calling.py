"""Detectors are called as they are written, today or in the first releases."""

import pytest

from wca.detectors import AnomalyDetector, ContendedResource, ContentionAnomaly
from wca.detectors.answers import read_answer
from wca.detectors.calling import UsableDetector, call_detect
from wca.errors import ValidationError
from wca.metrics import Metric
from wca.testing.detectors import a_platform, a_task

PLATFORM = a_platform()
TASKS = {"a": a_task("a", {"task_up": 1}), "b": a_task("b")}


def made(function):
    return type("Made", (AnomalyDetector,), {"detect": function})()


def test_one_of_today_sees_the_tasks():
    detector = made(lambda self, platform, tasks_data: (platform, tasks_data))
    assert call_detect(detector, PLATFORM, TASKS) == (PLATFORM, TASKS)


def test_the_names_of_its_parameters_are_its_own():
    assert call_detect(made(lambda self, p, t: (p, t)), PLATFORM, TASKS) == (PLATFORM, TASKS)


def test_one_of_the_first_releases_is_recognised_by_its_parameters():
    def detect(self, platform, tasks_measurements, tasks_resources, tasks_labels):
        return platform, tasks_measurements, tasks_resources, tasks_labels

    platform, measurements, resources, labels = call_detect(made(detect), PLATFORM, TASKS)
    assert platform is PLATFORM
    assert measurements == {"a": {"task_up": 1}, "b": {}}
    assert resources == {name: task.resources for name, task in TASKS.items()}
    assert labels["a"] == {"task_id": "a", "task_name": "a"}


def test_their_order_does_not_matter():
    def detect(self, tasks_labels, platform, tasks_resources, tasks_measurements):
        return sorted(tasks_labels), platform, sorted(tasks_measurements)

    assert call_detect(made(detect), PLATFORM, TASKS) == (["a", "b"], PLATFORM, ["a", "b"])


async def never(self, platform, tasks):
    pass


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda self: None, "must be callable as detect(platform, tasks_data)"),
        (lambda self, platform: None, "must be callable as detect(platform, tasks_data)"),
        (lambda self, platform, tasks, more: None, "missing a required argument: 'more'"),
        (lambda self, tasks_labels: None, "got an unexpected keyword argument 'platform'"),
        (never, "must not be a coroutine"),
    ],
)
def test_one_that_cannot_be_called_is_refused_in_words(function, words):
    with pytest.raises(ValidationError) as refused:
        UsableDetector().check(made(function))
    assert words in str(refused.value)
    assert "Made.detect" in str(refused.value)


def test_those_that_can_be_called_are_not_refused():
    UsableDetector().check(made(lambda self, platform, tasks_data: None))
    UsableDetector().check(made(lambda self, *everything: None))
    UsableDetector().check(made(lambda self, platform, tasks_measurements: None))


ANOMALY, METRIC = ContentionAnomaly(ContendedResource.CPUS, "a"), Metric("m", 1)


@pytest.mark.parametrize("given", [([ANOMALY], [METRIC]), [(ANOMALY,), (METRIC,)]])
def test_an_answer_is_anomalies_and_metrics(given):
    answer = read_answer(given)
    assert (answer.anomalies, answer.metrics, answer.problems) == ([ANOMALY], [METRIC], [])


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (None, "detect() gave None, expected (anomalies, metrics)"),
        ([ANOMALY], "detect() gave a list of 1, expected (anomalies, metrics)"),
        ("ab", "detect() gave a str, expected (anomalies, metrics)"),
        (({}, []), "detect() gave a dict as anomalies, expected a list"),
        (([], None), "detect() gave None as metrics, expected a list"),
        (([METRIC], []), "detect() gave a Metric as an anomaly, expected an Anomaly"),
        (([], [ANOMALY]), "a ContentionAnomaly is no Metric"),
    ],
)
def test_nonsense_is_said_in_words(given, problem):
    answer = read_answer(given)
    assert answer.problems == [problem]
    assert (answer.anomalies, answer.metrics) == ([], [])


def test_what_makes_sense_of_a_bad_answer_is_kept():
    answer = read_answer(([ANOMALY, "x"], [METRIC, Metric("n", "1")]))
    assert (answer.anomalies, answer.metrics) == ([ANOMALY], [METRIC])
    assert len(answer.problems) == 2
