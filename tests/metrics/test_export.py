"""Measurements become metrics with the catalogue's meaning."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.metrics import CATALOGUE, Metric
from wca.metrics.batch import Batch
from wca.metrics.export import Exporter

LABELS = {"host": "h", "task_id": "t"}


def export(measurements, exporter=None):
    out = Batch(12.5)
    (exporter or Exporter(LABELS)).export(measurements, out)
    return list(out)


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


def test_while_the_measurements_are_the_same_so_are_the_series():
    exporter, first, second = Exporter(LABELS), Batch(1.0), Batch(2.0)
    exporter.export({"task_up": 1, "task_mem_numa_pages": {"0": 1, "1": 2}}, first)
    exporter.export({"task_up": 0, "task_mem_numa_pages": {"0": 3, "1": 4}}, second)
    assert first.blocks[0] is second.blocks[0]
    assert (first.values, second.values) == ([1, 1, 2], [0, 3, 4])


def test_labels_stay_the_same_objects_when_other_measurements_come_and_go():
    exporter = Exporter(LABELS)
    values = {"task_up": 1, "task_mem_numa_pages": {"0": 1, "1": 2}}
    first = export(values, exporter)
    export({"task_mem_limit_bytes": 5} | values, exporter)
    second = export(values, exporter)
    assert all(a.labels is b.labels for a, b in zip(first, second, strict=True))


def test_a_key_that_comes_and_goes_is_never_taken_for_another():
    exporter = Exporter(LABELS)
    for nodes in ({"0": 1, "1": 2}, {"0": 1, "2": 2}, {"0": 1, "1": 2}):
        values = {"task_mem_numa_pages": nodes, "task_up": 1}
        assert export(values, exporter) == export(values)


keys = st.sampled_from("012")
values = st.integers(0, 9)
measurements = st.fixed_dictionaries(
    {},
    optional={
        "task_up": values,
        "my_number": values,
        "task_mem_numa_pages": st.dictionaries(keys, values, max_size=3),
        "platform_cpu_seconds": st.dictionaries(keys, st.dictionaries(keys, values), max_size=3),
        "wca_failures": st.dictionaries(keys, values, max_size=3),
    },
).flatmap(lambda chosen: st.permutations(list(chosen.items())).map(dict))
refused = st.sampled_from(
    [
        {"task_up": {"0": 1}},
        {"task_up": 1, "task_mem_numa_pages": {"0": 1, "1": {}}},
        {"task_up": 1, "platform_cpu_seconds": {"0": 1}},
    ]
)


@given(st.lists(measurements | refused, min_size=2, max_size=6))
def test_an_exporter_that_is_kept_gives_what_a_new_one_gives(samples):
    kept = Exporter(LABELS)
    for sample in samples:
        try:
            expected = export(sample)
        except ValueError:
            with pytest.raises(ValueError, match="metric "):
                export(sample, kept)
        else:
            assert export(sample, kept) == expected


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
