"""The same amount in other words."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.metrics.conversions import divided, in_whole_units, moment

NO_NUMBERS = ["1", None, {}]


@given(st.integers(1000, 10**9))
def test_microseconds_that_went_through_seconds_are_the_same_number(microseconds):
    assert in_whole_units(1e6)(microseconds / 1e6, None) == microseconds


@given(st.floats(0, 1e9), st.integers(1, 10**6))
def test_a_larger_unit_makes_a_smaller_number(value, divisor):
    assert divided(divisor)(value, None) == value / divisor


@given(st.floats(1e9, 4e9), st.floats(0, 1e6))
def test_the_moment_is_as_long_before_the_sample_as_the_value_is_old(timestamp, age):
    assert math.isclose(moment(age, timestamp), timestamp - age, abs_tol=6e-4, rel_tol=0)


def test_without_a_time_there_is_no_moment():
    assert moment(5, None) == 5


@pytest.mark.parametrize("convert", [divided(2), in_whole_units(2), moment])
@pytest.mark.parametrize("odd", NO_NUMBERS, ids=repr)
def test_what_is_no_number_stays_for_the_encoder_to_refuse(convert, odd):
    assert convert(odd, 1.0) is odd


@pytest.mark.parametrize("odd", [math.inf, math.nan])
def test_whole_units_of_what_has_none_stay_as_they_are(odd):
    assert in_whole_units(1e6)(odd, None) is odd


@pytest.mark.parametrize("convert", [divided(2.5), moment])
def test_a_number_that_no_float_can_hold_stays(convert):
    assert convert(10**400, 1.0) == 10**400
