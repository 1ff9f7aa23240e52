"""Rates and ratios of counters: the reference's worked example, and all that is undefined."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.metrics import CATALOGUE
from wca.metrics.derived import (
    COUNTERS,
    CPU_PER_WORK,
    SOURCES,
    WORK_COUNTERS,
    cpu_seconds_per_work,
    derived_measurements,
)


def counters(cycles, instructions, references, misses):
    return dict(zip(COUNTERS, (cycles, instructions, references, misses), strict=True))


BEFORE = counters(5, 1000, 50_000, 10_000)
AFTER = counters(15, 11_000, 100_000, 20_000)


def test_all_four_of_a_task_that_worked():
    assert derived_measurements(BEFORE, AFTER, 5.0) == {
        "task_ips": 2000,
        "task_ipc": 1000,
        "task_cache_misses_per_kilo_instructions": 1000,
        "task_cache_hit_ratio": 0.8,
    }


def test_an_idle_task_executes_nothing_per_second_and_has_no_ratio():
    assert derived_measurements(AFTER, AFTER, 5.0) == {"task_ips": 0}


@pytest.mark.parametrize(
    ("missing", "left"),
    [
        ("task_cycles", {"ips", "cache_misses_per_kilo_instructions", "cache_hit_ratio"}),
        ("task_instructions", {"cache_hit_ratio"}),
        ("task_cache_misses", {"ips", "ipc"}),
        ("task_cache_references", {"ips", "ipc", "cache_misses_per_kilo_instructions"}),
    ],
)
def test_what_lacks_a_counter_is_absent(missing, left):
    for before, after in ((without(BEFORE, missing), AFTER), (BEFORE, without(AFTER, missing))):
        assert derived_measurements(before, after, 1.0).keys() == {f"task_{name}" for name in left}


def without(counted, name):
    return {key: value for key, value in counted.items() if key != name}


def test_counters_that_began_anew_give_nothing():
    assert derived_measurements(AFTER, BEFORE, 5.0) == {}
    assert derived_measurements(BEFORE, AFTER, 0.0) == {}


def test_more_misses_than_references_are_no_ratio():
    derived = derived_measurements(counters(0, 0, 0, 0), counters(10, 10, 5, 6), 1.0)
    assert "task_cache_hit_ratio" not in derived


def by_cpu(**cpus):
    """Counters of several CPUs: from {cpu: {name: number}} to {name: {cpu: number}}."""
    names = {name for counted in cpus.values() for name in counted}
    return {
        name: {cpu[3:]: counted[name] for cpu, counted in cpus.items() if name in counted}
        for name in names
    }


def test_by_cpu_each_has_its_own():
    after = by_cpu(cpu0=AFTER, cpu1=counters(25, 1100, 50_010, 10_010))
    assert derived_measurements(by_cpu(cpu0=BEFORE, cpu1=BEFORE), after, 5.0) == {
        "task_ips": {"0": 2000, "1": 20},
        "task_ipc": {"0": 1000, "1": 5},
        "task_cache_misses_per_kilo_instructions": {"0": 1000, "1": 100},
        "task_cache_hit_ratio": {"0": 0.8, "1": 0.0},
    }


def test_by_cpu_a_key_is_absent_where_nothing_is_defined():
    """CPU 1 was idle, CPU 2 came later, CPU 3 went, CPU 4 began anew."""
    before = by_cpu(cpu0=BEFORE, cpu1=AFTER, cpu3=BEFORE, cpu4=AFTER)
    after = by_cpu(cpu0=AFTER, cpu1=AFTER, cpu2=AFTER, cpu4=BEFORE)
    derived = derived_measurements(before, after, 5.0)
    assert derived["task_ips"] == {"0": 2000, "1": 0}
    assert derived["task_ipc"] == {"0": 1000}
    assert derived["task_cache_hit_ratio"] == {"0": 0.8}


def test_numbers_and_numbers_by_cpu_are_not_compared():
    assert derived_measurements(BEFORE, by_cpu(cpu0=AFTER), 5.0) == {}
    assert derived_measurements(by_cpu(cpu0=BEFORE), AFTER, 5.0) == {}


def test_nothing_is_derived_from_what_is_not_announced():
    assert {name for names in SOURCES.values() for name in names} == {*COUNTERS, *WORK_COUNTERS}
    derived = derived_measurements(BEFORE, AFTER, 5.0)
    of_events = {name: one for name, one in SOURCES.items() if name != CPU_PER_WORK}
    assert derived.keys() == of_events.keys()
    for name, sources in of_events.items():
        alone = {source: AFTER[source] for source in sources}
        assert derived_measurements(BEFORE, alone, 5.0)[name] == derived[name]


COUNTED = st.dictionaries(st.sampled_from(COUNTERS), st.integers(0, 2**64))


@given(COUNTED, COUNTED, st.floats(0, 3600))
def test_whatever_was_counted_gives_numbers_of_the_catalogue_or_nothing(before, after, seconds):
    derived = derived_measurements(before, after, seconds)
    assert derived.keys() <= CATALOGUE.keys()
    assert all(value >= 0 and not math.isnan(value) for value in derived.values())
    assert derived.get("task_cache_hit_ratio", 0) <= 1


BY_CPU = st.dictionaries(
    st.sampled_from(COUNTERS),
    st.dictionaries(st.sampled_from("0123"), st.integers(0, 2**64)),
)


@given(BY_CPU, BY_CPU, st.floats(0, 3600))
def test_by_cpu_it_is_the_same_as_for_each_cpu_alone(before, after, seconds):
    derived = derived_measurements(before, after, seconds)
    for cpu in "0123":
        alone = derived_measurements(of(before, cpu), of(after, cpu), seconds)
        assert of(derived, cpu) == alone


def of(counted, cpu):
    return {name: numbers[cpu] for name, numbers in counted.items() if cpu in numbers}


@pytest.mark.parametrize(
    ("after", "cost"),
    [((12.0, 104), 0.5), ((12.0, 100), None), ((10.0, 104), None), ((9.0, 104), None)],
)
def test_work_costs_cpu_time_and_without_either_there_is_no_cost(after, cost):
    assert cpu_seconds_per_work((10.0, 100), after) == cost
