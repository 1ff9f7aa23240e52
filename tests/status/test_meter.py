"""How fast counters grow, between readings that may be further apart than the intervals."""

from hypothesis import given
from hypothesis import strategies as st

from wca.status.meter import Meter


def rates(meter, now, read_at=None, **counters):
    told = dict.fromkeys(counters, now if read_at is None else read_at)
    return dict(meter.rates(counters, told, now))


def test_a_rate_needs_two_readings():
    meter = Meter()
    assert rates(meter, 10.0, a=5) == {}
    assert rates(meter, 12.0, a=6) == {"a": 0.5}
    assert rates(meter, 14.0, a=6) == {"a": 0.0}


def test_what_was_not_read_anew_keeps_its_rate():
    meter = Meter()
    rates(meter, 10.0, a=0)
    assert rates(meter, 15.0, a=10) == {"a": 2.0}
    for now in (16.0, 17.0, 18.0):
        assert rates(meter, now, read_at=15.0, a=10) == {"a": 2.0}
    assert rates(meter, 20.0, a=15) == {"a": 1.0}


def test_a_new_one_was_read_just_now_whatever_its_collector_was_read_at():
    meter = Meter()
    assert rates(meter, 18.0, read_at=15.0, a=0) == {}
    assert rates(meter, 20.0, a=4) == {"a": 2.0}


def test_a_counter_that_begins_anew_has_no_rate_until_it_is_read_again():
    meter = Meter()
    rates(meter, 10.0, a=100)
    assert rates(meter, 11.0, a=3) == {}
    assert rates(meter, 12.0, a=4) == {"a": 1.0}


def test_a_counter_that_is_not_measured_has_no_rate():
    meter = Meter()
    rates(meter, 10.0, a=0, b=0)
    assert rates(meter, 11.0, b=1) == {"b": 1.0}
    assert rates(meter, 12.0, a=4, b=1) == {"a": 2.0, "b": 0.0}


@given(st.lists(st.tuples(st.floats(0.001, 100), st.floats(-1e9, 1e9)), max_size=20))
def test_no_rate_is_negative(steps):
    meter, now, value = Meter(), 0.0, 0.0
    for seconds, growth in steps:
        now, value = now + seconds, value + growth
        assert all(rate >= 0 for rate in rates(meter, now, a=value).values())
