"""Statistics of many values, beside those of Python's own library."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.errors import ValidationError
from wca.storage.composing.statistics import Latest, StatisticName, Summary, parse_statistic

numbers = st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6)


def summary_of(values):
    summary = Summary(keep_values=True)
    for value in values:
        summary.add(value)
    return summary


def made(name, values):
    (number,) = parse_statistic(name).of(summary_of(values))
    return number


def test_every_statistic_of_a_few_values():
    values = [5, 1, 4, 2]
    expected = {"last": 2, "mean": 3, "median": 3, "min": 1, "max": 5, "sum": 12, "count": 4}
    assert {name: made(name, values) for name in expected} == expected
    assert made("p0", values) == 1
    assert made("p50", values) == 3
    assert made("p75", values) == 4.25
    assert made("p99.9", values) == pytest.approx(4.997)
    assert made("p100", values) == 5


@given(st.lists(numbers, min_size=1, max_size=40))
def test_each_is_all_of_them(values):
    assert list(parse_statistic("each").of(summary_of(values))) == values


@given(st.lists(numbers, min_size=1, max_size=40))
def test_they_agree_with_the_standard_library(values):
    assert made("median", values) == pytest.approx(statistics.median(map(float, values)))
    assert made("mean", values) == pytest.approx(statistics.fmean(values), abs=1e-6)
    assert made("min", values) == min(values)
    assert made("max", values) == max(values)
    assert made("last", values) == values[-1]
    assert made("count", values) == len(values)
    assert made("sum", values) == pytest.approx(math.fsum(values), abs=1e-6)


@given(st.lists(numbers, min_size=2, max_size=40))
def test_percentiles_are_those_of_the_standard_library(values):
    hundred = statistics.quantiles(map(float, values), n=100, method="inclusive")
    for percent in (1, 25, 50, 90, 95, 99):
        assert made(f"p{percent}", values) == pytest.approx(hundred[percent - 1], abs=1e-6)


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(finite, min_size=1, max_size=20), st.floats(0, 99).map(lambda p: f"p{p:.3f}"))
def test_a_percentile_lies_among_the_values_however_great_they_are(values, name):
    assert min(values) <= made(name, values) <= max(values)


@given(st.lists(numbers, min_size=1, max_size=200), st.integers(1, 4))
def test_thinning_keeps_every_so_many_values_and_all_else_exactly(values, times):
    summary = Summary(keep_values=True)
    for place, value in enumerate(values):
        summary.add(value)
        if (place + 1) % 50 == 0 and times:
            summary.thin()
            times -= 1
    stride = 2 ** min(len(values) // 50, 4) if times == 0 else 2 ** (len(values) // 50)
    assert list(summary.values) == [float(value) for value in values[::stride]]
    assert summary.count == len(values)
    assert summary.min == min(values)
    assert summary.max == max(values)


def test_a_great_counter_stays_exact():
    summary = Latest()
    summary.add(2**63 + 1)
    assert parse_statistic("last").of(summary) == (2**63 + 1,)
    assert made("last", [2**63 + 1]) == 2**63 + 1


def test_the_suffix_of_a_percentile_is_a_part_of_a_name():
    assert parse_statistic("p99.9").suffix == "p99_9"
    assert parse_statistic("median").suffix == "median"


@pytest.mark.parametrize(
    "name", ["", "average", "p101", "p-1", "p99.9999", "P50", "p", "p1e1", "p٣"]
)
def test_what_is_no_statistic_is_refused_and_told_what_there_is(name):
    with pytest.raises(ValidationError, match="write last, mean, median"):
        parse_statistic(name)
    with pytest.raises(ValidationError, match="write last, mean, median"):
        StatisticName().check(name)


def test_a_statistic_in_a_file_is_text():
    StatisticName().check("p99")
    with pytest.raises(ValidationError, match=r"expected a statistic .*, got int"):
        StatisticName().check(99)
