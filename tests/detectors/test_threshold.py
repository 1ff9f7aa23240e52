"""ThresholdDetector: rules as a user writes them, and what they report."""

import dataclasses

import pytest

from wca.components import load_registry
from wca.config.loader import load_text
from wca.detectors import ThresholdDetector
from wca.detectors.thresholds.rules import RuleFields
from wca.errors import ConfigLoadError, ValidationError
from wca.testing.detectors import a_platform, a_task

BUSY = {"metric": "task_cpu_usage_seconds", "above": 0.8, "resource": "cpus"}


def anomalies(detector, *intervals, distance=1.0):
    """What is reported of tasks, interval by interval: ids and verdicts."""
    said = []
    for place, tasks in enumerate(intervals):
        seen = {name: a_task(name, dict(numbers)) for name, numbers in tasks.items()}
        found, _ = detector.detect(a_platform(place * distance), seen)
        said.append([one.contended_task_id for one in found])
    return said


def cpu(**seconds):
    return {name: {"task_cpu_usage_seconds": one} for name, one in seconds.items()}


def test_a_task_that_uses_more_than_the_limit_is_reported():
    said = anomalies(ThresholdDetector([BUSY]), cpu(a=5, b=5), cpu(a=5.9, b=5.1), cpu(a=6, b=6))
    assert said == [[], ["a"], ["b"]]


def test_the_anomaly_says_what_was_measured_and_what_it_was_held_against():
    detector = ThresholdDetector([{**BUSY, "name": "busy", "clear": 0.5, "for": 1, "window": 2}])
    numbers = cpu(a=0), cpu(a=1), cpu(a=2), cpu(a=3)
    for place, tasks in enumerate(numbers):
        seen = {name: a_task(name, one) for name, one in tasks.items()}
        found, _ = detector.detect(a_platform(float(place)), seen)
    (anomaly,) = found
    assert (anomaly.resource, anomaly.verdict) == ("cpus", "busy")
    assert anomaly.contending_task_ids == ()
    assert anomaly.evidence.values == {"task_cpu_usage_seconds per second": 1.0}
    assert anomaly.evidence.thresholds == {"above": 0.8, "clear": 0.5, "for": 1.0, "clear_for": 0.0}
    assert anomaly.evidence.window == 2.0
    metrics = {one.name: one for one in anomaly.generate_metrics()}
    assert metrics["anomaly_value"].value == 1.0
    assert metrics["anomaly_threshold"].value == 0.8
    assert metrics["anomaly_value"].labels["rule"] == "busy"


def test_a_rule_says_how_many_tasks_it_is_about():
    labelled = {**BUSY, "name": "busy", "labels": {"task_name": "a|b"}}
    detector = ThresholdDetector([labelled])
    for seconds, known in ((0, 0), (1, 2)):
        tasks = {n: a_task(n, {"task_cpu_usage_seconds": 9 * seconds}) for n in ("a", "b", "c")}
        _, metrics = detector.detect(a_platform(float(seconds)), tasks)
        values = {one.name: one.value for one in metrics}
        assert values == {"threshold_rule_tasks": known, "threshold_rule_anomalies": known}
        assert {one.labels["rule"] for one in metrics} == {"busy"}


def test_labels_match_as_a_whole_and_all_of_them():
    rule = {**BUSY, "labels": {"app": "web.*", "zone": ""}}
    detector = ThresholdDetector([rule])
    labels = {"a": {"app": "web-1"}, "b": {"app": "my-web"}, "c": {"app": "web", "zone": "x"}}
    for seconds in (0, 1):
        tasks = {
            name: a_task(name, {"task_cpu_usage_seconds": seconds}, own)
            for name, own in labels.items()
        }
        found, _ = detector.detect(a_platform(float(seconds)), tasks)
    assert [one.contended_task_id for one in found] == ["a"]


def test_a_rule_about_the_machine_names_no_task():
    rule = {"metric": "memory_usage", "above": "1GiB", "name": "full"}
    platform = a_platform(0.0, {"memory_usage": 2 << 30})
    (anomaly,), _ = ThresholdDetector([rule]).detect(platform, {})
    assert (anomaly.contended_task_id, anomaly.verdict) == ("", "full")


def test_a_metric_of_a_plugin_is_a_counter_where_the_rule_says_so():
    rules = [
        {"metric": "requests", "rate": True, "below": 5},
        {"metric": "queue", "rate": False, "above": 5},
    ]
    tasks = [{"a": {"requests": n, "queue": n}} for n in (0, 9, 12)]
    assert anomalies(ThresholdDetector(rules), *tasks) == [[], ["a"], ["a", "a"]]


def test_cpu_seconds_for_each_unit_of_work():
    rule = {"metric": "task_cpu_usage_seconds", "per": "requests", "above": "20ms"}
    numbers = [(0, 0), (1, 100), (2, 130), (2, 130)]
    tasks = [{"a": {"task_cpu_usage_seconds": c, "requests": r}} for c, r in numbers]
    assert anomalies(ThresholdDetector([rule]), *tasks) == [[], [], ["a"], []]


def test_a_task_that_was_gone_begins_anew():
    detector = ThresholdDetector([{**BUSY, "for": 1}])
    said = anomalies(detector, cpu(a=0), cpu(a=1), cpu(a=2), {}, cpu(a=3), cpu(a=4), cpu(a=5))
    assert said == [[], [], ["a"], [], [], [], ["a"]]


def test_a_counter_that_begins_anew_ends_the_anomaly():
    said = anomalies(ThresholdDetector([BUSY]), cpu(a=7), cpu(a=8), cpu(a=0), cpu(a=1))
    assert said == [[], ["a"], [], ["a"]]


def at(detector, *looks):
    """What is reported of one busy task at these times."""
    said = ""
    for time in looks:
        task = a_task("a", {"task_cpu_usage_seconds": time + 1e6})
        found, _ = detector.detect(a_platform(time), {"a": task})
        said += ".!"[bool(found)]
    return said


def test_a_pause_is_not_taken_for_time_in_which_it_lasted():
    detector = ThresholdDetector([{**BUSY, "for": 10}])
    assert at(detector, 0, 1, 2, 60, 61, 69, 70) == "......!"


def test_intervals_longer_than_the_period_are_no_pauses():
    assert at(ThresholdDetector([{**BUSY, "for": 10}]), 0, 30, 60, 90) == "..!!"


def test_a_slower_interval_is_got_used_to():
    detector = ThresholdDetector([{**BUSY, "for": 10}])
    assert at(detector, 0, 1, 2, 60, 120, 180) == "....!!"


def test_a_clock_that_begins_anew_makes_all_begin_anew():
    detector = ThresholdDetector([{**BUSY, "for": 2}])
    assert at(detector, 100, 101, 102, 103, 5, 6, 7, 8) == "...!...!"


def test_from_python_a_rule_is_written_as_in_a_file():
    ThresholdDetector([{**BUSY, "above": "80%", "for": "10s"}])
    with pytest.raises(ValidationError, match=r"rules\[0\]\.for: expected a duration"):
        ThresholdDetector([{**BUSY, "for": "soon"}])


CONFIG = """\
runner: !DetectionRunner
  node: !StaticNode {{tasks: []}}
  detector: !ThresholdDetector
    rules:
      - {{metric: task_cpu_usage_seconds, above: 2}}
      - {rule}
"""


def problems(rule):
    with pytest.raises(ConfigLoadError) as refused:
        load_text(CONFIG.format(rule=rule), load_registry(), name="c.yaml")
    return refused.value.problems


@pytest.mark.parametrize(
    ("rule", "place", "words"),
    [
        ("{above: 1}", "6:9: runner.detector.rules[1]", "metric is missing"),
        ("{metric: a, rate: true}", "6:9: ", "has neither above nor below: write one of them"),
        ("{metric: task_up, above: 1, below: 0}", "6:9: ", "has both above and below"),
        ("{metric: task_upp, above: 1}", "6:9: ", "there is no metric 'task_upp', did you mean"),
        ("{metric: xyzzy, above: 1}", "6:9: ", "write rate: true or rate: false"),
        ("{metric: task_up, per: xyzy, rate: true, above: 1}", "6:9: ", "which has no rate"),
        ("{metric: task_up, rate: true, above: 1}", "6:9: ", "is a gauge, which has no rate"),
        ("{metric: task_up, above: 1, window: 5s}", "6:9: ", "window is for rates"),
        ("{metric: wca_up, above: 1}", "6:9: ", "is about neither tasks nor the machine"),
        ("{metric: memory_usage, above: 1, labels: {a: b}}", "6:9: ", "labels choose tasks"),
        ("{metric: task_mem_numa_pages, above: 1}", "6:9: ", "write levels: {numa_node: ...}"),
        ("{metric: task_up, above: 1, levels: {a: b}}", "6:9: ", "it has no levels"),
        ("{metric: task_up, above: 1, clear: 2}", "6:9: ", "wrong side of above: 1, write less"),
        ("{metric: task_up, below: 1, clear: 0}", "6:9: ", "wrong side of below: 1, write more"),
        ("{metric: task_up, above: 1, labels: {app: '['}}", "6:9: ", "labels.app: '[' is no regul"),
        ("{metric: task_up, above: lots}", "6:34: runner.detector.rules[1].above", "expected a nu"),
        ("{metric: task_up, above: .nan}", "6:34: ", "expected a number"),
        ("{metric: task_up, above: 1, for: -5}", "6:42: runner.detector.rules[1].for", "duration"),
        ("{metric: task_up, above: 1, fro: 5s}", "6:42: ", "unknown field, did you mean for?"),
        ("{metric: task_up, above: 1, resource: cpu}", "6:47: ", "did you mean 'cpus'?"),
        ("{metric: task_up, above: 1, labels: {1a: b}}", "6:", "the key: "),
        ("{metric: task_cpu_usage_seconds, above: 2}", "5:7: runner.detector.rules", "two rules"),
        ("task_up", "6:9: runner.detector.rules[1]", "expected a mapping"),
    ],
)
def test_a_wrong_rule_is_reported_where_it_stands(rule, place, words):
    (problem,) = problems(rule)
    assert problem.startswith(f"c.yaml:{place}")
    assert words in problem


def test_no_rules_are_refused():
    with pytest.raises(ValidationError, match="expected at least one rule"):
        ThresholdDetector([])


def test_every_field_of_a_rule_is_documented():
    words = ThresholdDetector.__doc__
    assert [name for name in RuleFields.__annotations__ if f"``{name}``" not in words] == []


def test_a_metric_that_was_read_earlier_has_the_time_of_its_reading():
    detector = ThresholdDetector([BUSY])
    said = ""
    for now, read, seconds in ((0, 0, 0), (1, 0, 0), (2, 2, 2), (3, 2, 2), (4, 4, 2)):
        platform = dataclasses.replace(
            a_platform(float(now)), read_at={"task_cpu_usage_seconds": 1000.0 + read}
        )
        task = a_task("a", {"task_cpu_usage_seconds": seconds})
        said += ".!"[bool(detector.detect(platform, {"a": task})[0])]
    assert said == "..!!."
