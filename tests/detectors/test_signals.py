"""Rates from counters: over a window, after resets, between stale readings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.detectors.thresholds.signals import Course, Quotient, Signal

CPU = Signal("task_cpu_usage_seconds", rate=True, of_machine=False)
WORK = Signal("requests", rate=True, of_machine=False)
MEMORY = Signal("task_mem_usage_bytes", rate=False, of_machine=False)
LIMIT = Signal("task_mem_limit_bytes", rate=False, of_machine=False)


def course(*readings, window=0.0):
    made = Course(window)
    for reading in readings:
        made.add(*reading)
    return made.gain and (made.gain.time, made.gain.value)


def test_the_first_reading_has_no_rate():
    assert course((0, 5)) is None


def test_two_readings_have_one():
    assert course((0, 5), (2, 9)) == (2, 4)
    assert course((0, 5), (2, 9), (3, 9)) == (1, 0)


def test_a_reset_has_none_and_the_one_after_it_does():
    assert course((0, 50), (1, 60), (2, 3)) is None
    assert course((0, 50), (1, 60), (2, 3), (3, 5)) == (1, 2)


def test_a_reading_that_is_given_again_changes_nothing():
    assert course((0, 5), (2, 9), (2, 9), (2, 9)) == (2, 4)
    assert course((0, 5), (2, 9), (1, 7)) == (2, 4)


def test_a_window_has_to_be_seen_whole():
    readings = [(second, second * 2) for second in range(12)]
    assert course(*readings[:10], window=10) is None
    assert course(*readings[:11], window=10) == (10, 20)
    assert course(*readings, window=10) == (10, 20)


@given(
    st.lists(st.floats(0.001, 30), min_size=1, max_size=400),
    st.floats(0, 60),
    st.floats(0.1, 1000),
)
def test_a_steady_rate_is_found_whatever_the_window_and_the_distances(distances, window, rate):
    made, time = Course(window), 0.0
    for distance in distances:
        made.add(time, time * rate)
        time += distance
    made.add(time, time * rate)
    gain = made.gain
    if time < window:
        assert gain is None
    elif gain is not None:
        assert gain.value / gain.time == pytest.approx(rate, rel=1e-6)
        assert window <= gain.time <= window + 2 * max(distances) + window / 16


@given(st.lists(st.tuples(st.floats(-10, 10), st.floats(-10, 10)), max_size=200), st.floats(0, 20))
def test_a_gain_is_never_negative_and_takes_time(steps, window):
    made, time, value = Course(window), 0.0, 0.0
    for later, more in steps:
        time, value = time + later, value + more
        made.add(time, value)
        assert made.gain is None or (made.gain.time > 0 and made.gain.value >= 0)


def test_a_long_window_with_short_intervals_stays_small():
    made = Course(3600.0)
    for tick in range(100_000):
        made.add(tick / 10, tick)
    assert len(made._points) < 40
    assert made.gain.value / made.gain.time == pytest.approx(10)


def look(quotient, now, task, machine=None, read_at=None):
    return quotient.look(now, read_at or {}, task, machine or {})


def test_a_counter_is_taken_per_second():
    quotient = Quotient(CPU, None, 0)
    assert look(quotient, 10.0, {"task_cpu_usage_seconds": 100.0}) is None
    assert look(quotient, 12.0, {"task_cpu_usage_seconds": 101.0}) == 0.5


def test_the_time_is_that_of_the_reading():
    quotient = Quotient(CPU, None, 0)
    seconds = {"task_cpu_usage_seconds": 100.0}
    look(quotient, 10.0, seconds)
    later = {"task_cpu_usage_seconds": 104.0}
    assert look(quotient, 14.0, later) == 1.0
    for now in (15.0, 16.0):  # not read again: what it was is given again
        assert look(quotient, now, later, read_at={"task_cpu_usage_seconds": 14.0}) == 1.0
    assert look(quotient, 18.0, {"task_cpu_usage_seconds": 112.0}) == 2.0


def test_a_gauge_is_taken_as_it_is():
    assert look(Quotient(MEMORY, None, 0), 1.0, {"task_mem_usage_bytes": 7}) == 7


def test_one_counter_for_each_of_another():
    quotient = Quotient(CPU, WORK, 0)
    assert look(quotient, 1.0, {"task_cpu_usage_seconds": 1.0, "requests": 10}) is None
    assert look(quotient, 2.0, {"task_cpu_usage_seconds": 1.5, "requests": 20}) == 0.05


def test_nothing_to_divide_by_is_no_value():
    quotient = Quotient(CPU, WORK, 0)
    look(quotient, 1.0, {"task_cpu_usage_seconds": 1.0, "requests": 10})
    assert look(quotient, 2.0, {"task_cpu_usage_seconds": 1.5, "requests": 10}) is None


def test_gauges_and_counters_may_be_mixed():
    of_limit = Quotient(MEMORY, LIMIT, 0)
    assert look(of_limit, 1.0, {"task_mem_usage_bytes": 3, "task_mem_limit_bytes": 4}) == 0.75
    cpus = Signal("task_requested_cpus", rate=False, of_machine=False)
    of_request = Quotient(CPU, cpus, 0)
    look(of_request, 1.0, {"task_cpu_usage_seconds": 0.0, "task_requested_cpus": 2})
    seen = {"task_cpu_usage_seconds": 3.0, "task_requested_cpus": 2}
    assert look(of_request, 2.0, seen) == 1.5


def test_a_task_may_be_held_against_the_machine():
    total = Signal("platform_mem_total_bytes", rate=False, of_machine=True)
    quotient = Quotient(MEMORY, total, 0)
    machine = {"platform_mem_total_bytes": 8}
    assert look(quotient, 1.0, {"task_mem_usage_bytes": 2}, machine) == 0.25


def test_what_is_missing_for_a_while_is_taken_up_again():
    quotient = Quotient(CPU, None, 0)
    look(quotient, 1.0, {"task_cpu_usage_seconds": 1.0})
    assert look(quotient, 2.0, {}) is None
    assert look(quotient, 3.0, {"task_cpu_usage_seconds": 2.0}) == 0.5


@pytest.mark.parametrize(
    "value", [None, "7", True, float("nan"), float("inf"), 10**400, {"0": 1}, []]
)
def test_what_is_no_number_is_no_value(value):
    assert MEMORY.read({"task_mem_usage_bytes": value}) is None


def test_a_number_among_several_is_found_by_its_levels():
    signal = Signal("a", rate=False, of_machine=False, keys=("0", "free"))
    assert signal.read({"a": {"0": {"free": 3}}}) == 3
    for other in ({}, {"a": 3}, {"a": {"1": {"free": 3}}}, {"a": {"0": 3}}):
        assert signal.read(other) is None
