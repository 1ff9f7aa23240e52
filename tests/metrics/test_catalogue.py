"""The catalogue keeps the rules of metric names that hold for every entry."""

import re

import pytest

from wca.metrics import CATALOGUE, MetricName, MetricType, MetricUnit

ENTRIES = list(CATALOGUE.values())
SEED_NAMES = {
    "wca_up",
    "wca_tasks",
    "wca_memory_usage_bytes",
    "memory_usage",
    "cpu_usage_per_cpu",
    "wca_duration_seconds",
    "wca_duration_seconds_avg",
}


def test_the_names_that_the_seed_prints_are_there():
    assert CATALOGUE.keys() >= SEED_NAMES


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_entry_is_complete(entry):
    # Those of NUMAAllocator have been named as they are since the first releases.
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*|numa_(_[a-z0-9]+)+", entry.name)
    assert entry.help.endswith(".")
    assert "\n" not in entry.help
    assert entry.source
    assert all(re.fullmatch(r"[a-z][a-z_]*", level) for level in entry.levels)
    assert MetricName(entry.name) == entry.name


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_unit_agrees_with_the_name(entry):
    if entry.name.endswith("_bytes"):
        assert entry.unit is MetricUnit.BYTES
    if entry.name.endswith(("_seconds", "_seconds_avg")):
        assert entry.unit is MetricUnit.SECONDS


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_a_moment_in_time_is_a_gauge(entry):
    if entry.unit is MetricUnit.TIMESTAMP:
        assert entry.type is MetricType.GAUGE
