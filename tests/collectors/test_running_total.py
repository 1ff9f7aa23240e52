"""Sums of counters whose sources come and go."""

from hypothesis import given
from hypothesis import strategies as st

from wca.collectors.running_total import RunningTotal

readings = st.lists(
    st.dictionaries(
        st.sampled_from("abc"),
        st.dictionaries(st.sampled_from("xy"), st.integers(0, 9) | st.floats(0, 9), max_size=2),
        max_size=3,
    ),
    max_size=12,
)


def test_counters_of_all_sources_are_added_up():
    total = RunningTotal()
    assert total.update({1: {"x": 5, "y": 1}, 2: {"x": 7}}) == {"x": 12, "y": 1}
    assert total.update({1: {"x": 6, "y": 1}, 2: {"x": 7}}) == {"x": 13, "y": 1}


def test_a_source_that_has_ended_stays_in_the_sum():
    total = RunningTotal()
    total.update({1: {"x": 5}, 2: {"x": 7}})
    assert total.update({2: {"x": 8}}) == {"x": 13}
    assert total.update({}) == {"x": 13}
    assert total.update({3: {"x": 1}}) == {"x": 14}


def test_a_counter_that_began_anew_adds_to_what_it_had():
    total = RunningTotal()
    total.update({1: {"x": 5}})
    assert total.update({1: {"x": 2}}) == {"x": 7}


def test_a_source_that_is_older_counts_from_its_first_reading_on():
    total = RunningTotal()
    total.update({1: {"x": 5}})
    assert not total.knows(2)
    assert total.update({1: {"x": 5}, 2: {"x": 100}}, older=[2]) == {"x": 5}
    assert total.knows(2)
    assert total.update({1: {"x": 6}, 2: {"x": 101}}, older=[1, 2]) == {"x": 7}  # they are known


def test_a_source_that_was_overlooked_once_is_not_counted_twice():
    total = RunningTotal()
    total.update({1: {"x": 100}})
    assert total.update({}) == {"x": 100}
    assert total.update({1: {"x": 101}}) == {"x": 101}


def test_sources_that_ended_long_ago_are_forgotten():
    total = RunningTotal()
    for number in range(1000):
        total.update({number: {"x": 1}})
    assert total.update({0: {"x": 1}}) == {"x": 1001}  # taken for a new one


def test_nothing_gives_nothing():
    assert RunningTotal().update({}) == {}


@given(readings)
def test_no_sum_goes_back_whatever_comes(given_readings):
    total, before = RunningTotal(), {}
    for reading in given_readings:
        after = total.update(reading)
        assert all(after[name] >= value for name, value in before.items())
        before = after


@given(st.lists(st.lists(st.integers(0, 5), min_size=3, max_size=3), max_size=10))
def test_while_all_sources_live_the_sum_is_theirs(steps):
    total, counters = RunningTotal(), [0, 0, 0]
    for step in steps:
        counters = [value + more for value, more in zip(counters, step, strict=True)]
        sums = total.update({source: {"x": value} for source, value in enumerate(counters)})
        assert sums == {"x": sum(counters)}
