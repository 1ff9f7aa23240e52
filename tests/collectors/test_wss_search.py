"""When the memory that a task has used counts as its working set."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.collectors.wss.search import WorkingSetSearch

MB = 1_000_000


def feed(search, referenced, traffic=MB):
    """Give readings with the same memory traffic between them; the readings that ended in a reset."""
    return [
        number
        for number, value in enumerate(referenced, 1)
        if search.observe(value, number * traffic)
    ]


def test_the_first_end_of_the_growth_is_not_believed_the_second_is():
    search = WorkingSetSearch(0, stable_cycles=2, threshold=0.1)
    steady = 15 * 1024 * 1024
    assert feed(search, [steady] * 5) == [3]
    assert search.working_set is None
    assert search.observe(steady, 6 * MB)
    assert search.working_set == steady


def test_the_working_set_lies_between_the_first_and_the_last_stable_reading():
    search = WorkingSetSearch(0, stable_cycles=3, threshold=0.1)
    feed(search, [0, 1, 2, 3, 10 * MB, 10 * MB + 10_000, 10 * MB + 20_000, 10 * MB + 30_000])
    assert search.working_set == 10 * MB + 20_000


def test_growth_that_is_large_beside_the_traffic_is_growth():
    search = WorkingSetSearch(0, stable_cycles=1, threshold=0.1)
    assert feed(search, [1 * MB, 2 * MB, 3 * MB, 4 * MB]) == []
    assert feed(WorkingSetSearch(0, stable_cycles=1, threshold=0.1), [MB] * 2, traffic=0) == []


@pytest.mark.parametrize(("drop", "resets"), [(0.01, [3]), (0.03, [])])
def test_a_small_loss_is_none_and_a_large_one_begins_anew(drop, resets):
    search = WorkingSetSearch(0, stable_cycles=2, threshold=0.1)
    assert feed(search, [100 * MB, 100 * MB, 100 * MB * (1 - drop)]) == resets


def test_periodic_resets_come_whatever_the_memory_does():
    assert feed(WorkingSetSearch(3), [5, 900, 1, 7, 8, 9, 3]) == [3, 6]


def test_with_neither_number_the_marks_are_left():
    assert feed(WorkingSetSearch(0), [MB] * 20) == []


def test_a_negative_number_searches_and_leaves_the_marks():
    search = WorkingSetSearch(0, stable_cycles=-2, threshold=0.1)
    growing_twice = [MB, MB, MB, 9 * MB, 9 * MB, 9 * MB, 9 * MB]
    assert feed(search, growing_twice) == []
    assert search.working_set == 9 * MB


def test_a_working_set_survives_the_resets():
    search = WorkingSetSearch(0, stable_cycles=1, threshold=0.1)
    feed(search, [MB] * 4)
    assert search.working_set == MB
    search.observe(50 * MB, 100 * MB)
    search.observe(90 * MB, 100 * MB)
    assert search.working_set == MB


def test_without_traffic_nothing_is_known_to_have_stopped():
    search = WorkingSetSearch(0, stable_cycles=1, threshold=0.1)
    assert not any(search.observe(MB, None) for _ in range(5))
    assert search.working_set is None


sizes = st.lists(st.tuples(st.integers(0, 100), st.none() | st.integers(0, 1000)), max_size=60)


@given(sizes, st.integers(0, 4), st.integers(-3, 3), st.sampled_from([0.1, 1.0, 10.0]))
def test_a_working_set_is_within_what_was_seen(readings, reset_cycles, stable_cycles, threshold):
    search = WorkingSetSearch(reset_cycles, stable_cycles, threshold)
    seen, resets = [], 0
    for number, (referenced, traffic) in enumerate(readings, 1):
        seen.append(referenced)
        reset = search.observe(referenced, traffic)
        resets += reset
        if reset_cycles:
            assert reset == (number % reset_cycles == 0)
        if search.working_set is not None:
            assert min(seen) <= search.working_set <= max(seen)
    if not reset_cycles and stable_cycles <= 0:
        assert not resets
    if not stable_cycles:
        assert search.working_set is None
