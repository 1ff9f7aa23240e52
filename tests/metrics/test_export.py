"""Measurements become metrics with the catalogue's meaning."""

import pytest

from wca.metrics import CATALOGUE, Metric
from wca.metrics.export import Exporter

LABELS = {"host": "h", "task_id": "t"}


def export(measurements, exporter=None):
    out = []
    (exporter or Exporter(LABELS)).export(measurements, 12.5, out)
    return out


def test_a_number_takes_type_help_unit_and_granularity_from_the_catalogue():
    entry = CATALOGUE["task_cpu_usage_seconds"]
    assert export({"task_cpu_usage_seconds": 1.5}) == [
        Metric(
            "task_cpu_usage_seconds",
            1.5,
            LABELS,
            "counter",
            entry.help,
            "seconds",
            "task",
            timestamp=12.5,
        )
    ]


def test_levels_become_labels():
    metrics = export({"platform_cpu_seconds": {"0": {"user": 1.0, "idle": 2.0}}})
    assert [(metric.value, metric.labels) for metric in metrics] == [
        (1.0, {**LABELS, "cpu": "0", "mode": "user"}),
        (2.0, {**LABELS, "cpu": "0", "mode": "idle"}),
    ]


def test_a_name_of_a_plugin_is_exported_without_type_and_help():
    assert export({"my_number": 3}) == [Metric("my_number", 3, LABELS, timestamp=12.5)]


def test_labels_are_the_same_object_from_sample_to_sample():
    exporter = Exporter(LABELS)
    values = {"task_up": 1, "task_mem_numa_pages": {"0": 1, "1": 2}}
    first, second = export(values, exporter), export(values, exporter)
    assert all(a.labels is b.labels for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(
    "measurements",
    [
        {"task_up": {"0": 1}},
        {"task_mem_numa_pages": 5},
        {"task_mem_numa_pages": {"0": {"x": 1}}},
        {"platform_cpu_seconds": {"0": 1}},
        {"my_number": {"0": 1}},
    ],
)
def test_a_value_whose_nesting_does_not_match_its_levels_is_refused(measurements):
    with pytest.raises(ValueError, match=f"metric {next(iter(measurements))}: "):
        export(measurements)
