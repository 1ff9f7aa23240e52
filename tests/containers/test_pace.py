"""Collectors may be read less often than the loop goes round."""

from hypothesis import given
from hypothesis import strategies as st

from wca.containers import Paces


def due(paces, pace, times):
    """The times of iterations in which the pace was due."""
    found = []
    for now in times:
        paces.begin(now)
        if pace.due:
            found.append(now)
    return found


def test_without_an_interval_of_its_own_a_collector_is_read_in_every_iteration():
    paces = Paces(1.0)
    assert due(paces, paces.of(None), range(5)) == [0, 1, 2, 3, 4]


def test_an_interval_below_the_runners_is_that_of_the_runner():
    paces = Paces(1.0)
    assert paces.of(0.1) is paces.of(None)


def test_an_interval_of_three_seconds_is_every_third_iteration():
    paces = Paces(1.0)
    assert due(paces, paces.of(3.0), range(8)) == [0, 3, 6]


def test_iterations_that_begin_a_little_early_or_late_do_not_move_the_pace():
    paces = Paces(1.0)
    times = [0.0, 1.001, 1.999, 2.998, 4.003, 5.0, 5.999, 7.001]
    assert due(paces, paces.of(3.0), times) == [0.0, 2.998, 5.999]


def test_stretching_makes_every_interval_longer_and_can_be_taken_back():
    paces = Paces(1.0)
    each, third = paces.of(None), paces.of(3.0)
    paces.stretch = 2
    both = {"each": [], "third": []}
    for now in range(12):
        paces.begin(now)
        both["each"] += [now] if each.due else []
        both["third"] += [now] if third.due else []
    assert both == {"each": [0, 2, 4, 6, 8, 10], "third": [0, 6]}
    paces.stretch = 1
    assert due(paces, each, range(12, 16)) == [12, 13, 14, 15]


def test_collectors_of_one_interval_share_their_pace():
    paces = Paces(1.0)
    assert paces.of(5.0) is paces.of(5.0)
    assert paces.of(5.0) is not paces.of(6.0)


@given(
    interval=st.floats(1.0, 100.0),
    steps=st.lists(st.floats(0.6, 50.0), min_size=1, max_size=60),
)
def test_a_pace_is_never_faster_than_its_interval_by_more_than_half_an_iteration(interval, steps):
    paces = Paces(1.0)
    pace = paces.of(interval)
    now, read, times = 0.0, 0, []
    for step in steps:
        paces.begin(now)
        if pace.due:
            read += 1
            times.append(now)
        now += step
    whole = times[-1] - times[0]
    assert read - 1 <= (whole + 0.5 * read) / interval + 1
