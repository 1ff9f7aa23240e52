"""Anomalies as metrics: the names, labels and ids of the first releases, and what is added."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import wca.detectors
from wca.detectors import (
    Anomaly,
    AnomalyDetector,
    ContendedResource,
    ContentionAnomaly,
    Detector,
    Evidence,
    Suspect,
)
from wca.detectors.encoding import describe, labelled, record_line, record_of
from wca.metrics import CATALOGUE, Metric
from wca.testing.detectors import a_task


def contention(contended="t1", contending=("t2",), **fields):
    return ContentionAnomaly(ContendedResource.LLC, contended, contending, **fields)


def metrics_of(anomaly, *tasks):
    problems = []
    metrics = labelled(describe([anomaly], problems), {one.task_id: one for one in tasks})
    assert problems == []
    return metrics


def test_the_public_names_are_there():
    assert Detector is AnomalyDetector
    for name in wca.detectors.__all__:
        assert getattr(wca.detectors, name) is not None
    assert {
        *("AnomalyDetector", "Detector", "Anomaly", "ContentionAnomaly", "ContendedResource"),
        *("TaskData", "TasksData", "TasksMeasurements", "TasksResources", "TasksLabels"),
    } <= set(wca.detectors.__all__)


@pytest.mark.parametrize(
    ("tasks", "uuid"),
    [
        (("t1", "t2"), "996d84f8-49ff-579f-1e98-7f2973b3ea04"),
        (("task1", "task2", "task3"), "4a0e6059-72ec-173c-cc80-3c5a0dba906a"),
    ],
)
def test_the_uuid_follows_from_the_tasks_in_any_order(tasks, uuid):
    for first, *others in itertools.permutations(tasks):
        assert contention(first, others).uuid == uuid


def test_each_task_that_takes_is_one_metric():
    first, second = metrics_of(contention("t1", ["t2", "t3"]))
    assert (first.name, first.value, first.type) == ("anomaly", 1, "counter")
    assert first.labels == {
        "contended_task_id": "t1",
        "contending_task_id": "t2",
        "contending_workload_instance": "workload not found",
        "resource": "cache",
        "type": "contention",
        "uuid": first.labels["uuid"],
    }
    assert second.labels == {**first.labels, "contending_task_id": "t3"}


def test_one_without_a_known_culprit_is_visible_too():
    (metric,) = metrics_of(contention(contending=()))
    assert metric.name == "anomaly"
    assert metric.labels["contended_task_id"] == "t1"
    assert "contending_task_id" not in metric.labels


def test_one_of_the_machine_names_no_task():
    (metric,) = metrics_of(contention("", ()))
    assert set(metric.labels) == {"resource", "type", "uuid"}


def test_the_context_has_the_uuid_of_the_anomaly():
    own = Metric("cpi", 2.5, {"cpu": "0"}, "gauge")
    anomaly, context = metrics_of(contention(metrics=[own]))
    assert context.name == "cpi"
    assert context.labels == {
        "cpu": "0",
        "contended_task_id": "t1",
        "type": "anomaly",
        "uuid": anomaly.labels["uuid"],
    }
    assert own.labels == {"cpu": "0"}


def test_the_labels_of_both_tasks_are_added_and_those_of_the_anomaly_win():
    victim = a_task("t1", labels={"app": "shop", "resource": "of the task", "type": "pod"})
    culprit = a_task("t2", labels={"workload_instance": "batch--7"})
    (metric,) = metrics_of(contention(), victim, culprit)
    assert metric.labels["app"] == "shop"
    assert (metric.labels["resource"], metric.labels["type"]) == ("cache", "contention")
    assert metric.labels["contending_workload_instance"] == "batch--7"


def test_a_verdict_is_a_label():
    (metric,) = metrics_of(contention(verdict="cpu neighbour"))
    assert metric.labels["verdict"] == "cpu neighbour"


def test_two_that_are_the_same_are_one_series():
    assert len(labelled(describe([contention(), contention()], []), {})) == 1


def test_every_label_of_an_anomaly_is_documented():
    anomaly = contention(verdict="x")
    (metric,) = metrics_of(anomaly)
    assert set(metric.labels) == set(CATALOGUE["anomaly"].levels)


class Odd(Anomaly):
    def __init__(self, given):
        self.given = given

    def generate_metrics(self):
        if isinstance(self.given, Exception):
            raise self.given
        return self.given


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (ValueError("no"), "Odd cannot be described: ValueError: no"),
        (None, "gave a NoneType, expected a list"),
        (iter([]), "expected a list"),
        (["x"], "Odd: a str is no Metric"),
        ([Metric("a", "1")], "the value of a is a str, expected a number"),
        ([Metric(None, 1)], "the name of a metric is None, expected text"),
        ([Metric("a", 1, {"b": 5})], "the labels of a are not text by text"),
        ([Metric("a", 1, {}, 7)], "type, help or unit of a is a int, expected text"),
    ],
)
def test_what_makes_no_sense_costs_itself(given, words):
    problems = []
    described = describe([Odd(given), contention()], problems)
    assert [metric.name for metric in labelled(described, {})] == ["anomaly"]
    (problem,) = problems
    assert words in problem


def test_ids_that_are_no_text_cost_the_anomaly():
    problems = []
    assert describe([contention(contended=5)], problems) == []
    assert "ContentionAnomaly cannot be described" in problems[0]


def record(anomaly, *tasks):
    (described,) = describe([anomaly], [])
    tasks = {one.task_id: one for one in tasks}
    return json.loads(record_line(record_of(described, tasks, 1e9, "Mine", {"host": "h"})))


def test_the_record_has_everything_that_speaks_for_it():
    anomaly = contention(
        verdict="cache neighbour",
        evidence=Evidence({"cpi": 2.0}, {"cpi": 1.5}, 10.0, {"own quota": "never throttled"}),
        suspects=[Suspect("t2", 0.9, 0.7), Suspect("t3", 0.1, 0.7)],
        metrics=[Metric("cpi", 2.0)],
    )
    found = record(anomaly, a_task("t1", labels={"app": "shop"}))
    assert found["version"] == 1
    assert (found["time"], found["detector"], found["labels"]) == (1e9, "Mine", {"host": "h"})
    assert (found["type"], found["resource"]) == ("contention", "cache")
    assert found["verdict"] == "cache neighbour"
    assert found["evidence"] == {"cpi": 2.0}
    assert found["thresholds"] == {"cpi": 1.5}
    assert found["window_seconds"] == 10.0
    assert found["ruled_out"] == {"own quota": "never throttled"}
    assert found["suspects"][0] == {"task_id": "t2", "score": 0.9, "confidence": 0.7}
    assert found["contended_task_id"] == "t1"
    assert found["contended_task_labels"]["app"] == "shop"
    assert found["contending_task_ids"] == ["t2"]
    assert [metric["name"] for metric in found["metrics"]] == ["anomaly", "cpi"]


def test_one_that_is_no_contention_has_its_metrics():
    found = record(Odd([Metric("odd", 1, {"a": "b"})]))
    assert found["type"] == "anomaly"
    assert found["metrics"] == [{"name": "odd", "value": 1, "labels": {"a": "b"}}]


class Unprintable:
    def __str__(self):
        raise ValueError("no")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
    | st.builds(Unprintable) | st.complex_numbers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner)
    | st.frozensets(st.text()),
)  # fmt: skip


@given(JSON)
def test_a_record_is_one_line_of_json_whatever_is_in_it(value):
    line = record_line({"value": value})
    assert "\n" not in line
    assert json.loads(line, parse_constant=pytest.fail).keys() == {"value"}


def test_a_record_that_contains_itself_ends():
    endless = {}
    endless["again"] = endless
    assert len(record_line(endless)) < 1000
