"""Deadlines lie on one grid, whatever happens in between."""

import math

from hypothesis import given
from hypothesis import strategies as st

from wca.runners.schedule import Schedule

periods = st.floats(0.01, 3600)
starts = st.floats(0, 1e9)


@given(period=periods, start=starts, delays=st.lists(st.floats(0, 100), max_size=30))
def test_deadlines_stay_on_the_grid_and_lie_in_the_future(period, start, delays):
    schedule = Schedule(period, start)
    now = start
    for delay in delays:
        now += delay * period
        if schedule.due(now):
            schedule.advance(now)
        ticks = (schedule.deadline - start) / period
        assert schedule.deadline > now
        assert schedule.deadline <= now + period * 1.001 + math.ulp(now) * 4
        assert abs(ticks - round(ticks)) < 1e-3


def test_an_iteration_in_time_misses_nothing():
    schedule = Schedule(1.0, 10.0)
    assert schedule.due(10.0)
    assert schedule.advance(10.3) == 0
    assert schedule.deadline == 11.0
    assert not schedule.due(10.9)


def test_an_overrun_skips_to_the_next_deadline_and_is_counted():
    schedule = Schedule(1.0, 10.0)
    schedule.advance(10.0)
    assert schedule.advance(13.4) == 2  # 12 and 13 have passed
    assert schedule.deadline == 14.0


@given(period=periods, start=starts, rounds=st.integers(1, 50))
def test_missed_and_kept_deadlines_add_up(period, start, rounds):
    schedule = Schedule(period, start)
    missed = sum(schedule.advance(schedule.deadline + (n % 4) * period) for n in range(rounds))
    passed = round((schedule.deadline - start) / period)
    assert passed == rounds + missed
