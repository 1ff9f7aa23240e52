"""The bounds that the agent keeps by itself: the token bucket and the circuit breaker."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from wca.testing.clock import FakeClock
from wca.workers.aws.breaker import CircuitBreaker
from wca.workers.aws.rates import TokenBucket

PAUSES = st.lists(st.floats(0, 3), max_size=60)


@given(PAUSES, st.floats(0.5, 20), st.integers(1, 10))
def test_no_span_of_time_has_more_calls_than_rate_and_burst_allow(pauses, rate, burst):
    clock = FakeClock(monotonic=0.0)
    bucket = TokenBucket(rate, burst, clock.monotonic)
    times = []
    for pause in pauses:
        clock.advance(pause)
        wait = bucket.reserve(1e9)
        times.append(clock.monotonic() + wait)
    for first in range(len(times)):
        for last in range(first, len(times)):
            span = times[last] - times[first]
            assert last - first + 1 <= burst + rate * span + 1e-6


@given(PAUSES, st.floats(0.5, 20), st.integers(1, 10))
def test_nobody_waits_longer_than_the_rate_demands(pauses, rate, burst):
    clock = FakeClock(monotonic=0.0)
    bucket = TokenBucket(rate, burst, clock.monotonic)
    for taken, pause in enumerate(pauses, 1):
        clock.advance(pause)
        wait = bucket.reserve(1e9)
        assert wait <= taken / rate + 1e-6
        assert wait == 0 or taken > burst or wait < 1e-9


@given(st.floats(0, 2), st.integers(1, 30))
def test_who_has_no_patience_takes_nothing(patience, tries):
    clock = FakeClock(monotonic=0.0)
    bucket = TokenBucket(2.0, 1, clock.monotonic)
    waits = [bucket.reserve(patience) for _ in range(tries)]
    granted = [wait for wait in waits if wait is not None]
    assert all(wait <= patience for wait in granted)
    assert granted == [0.5 * number for number in range(len(granted))]
    clock.advance(100)
    assert bucket.reserve(0) == 0


def test_threads_share_a_bucket():
    clock = FakeClock()
    bucket = TokenBucket(1.0, 100, clock.monotonic)
    waits = []
    threads = [
        threading.Thread(target=lambda: waits.extend(bucket.reserve(1e9) for _ in range(50)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == [0.0] * 100 + [float(second) for second in range(1, 101)]


def breaker():
    clock = FakeClock(monotonic=0.0)
    return clock, CircuitBreaker(clock.monotonic, threshold=3, pause=30, longest=100)


def fail(made, times=1):
    for _ in range(times):
        assert made.admit() == 0
        made.failure()


def test_failures_in_a_row_open_it():
    _, made = breaker()
    fail(made, 2)
    made.admit()
    made.success()
    fail(made, 2)
    assert not made.is_open
    fail(made)
    assert made.is_open
    assert made.admit() == 30


def test_after_the_pause_one_call_passes_and_closes_it():
    clock, made = breaker()
    fail(made, 3)
    clock.advance(30)
    assert made.admit() == 0
    assert made.admit() > 0, "only one is let through"
    made.success()
    assert not made.is_open
    assert made.admit() == 0


def test_pauses_grow_to_the_longest_and_begin_anew():
    clock, made = breaker()
    fail(made, 3)
    pauses = []
    for _ in range(4):
        pauses.append(made.admit())
        clock.advance(pauses[-1])
        fail(made)
    assert pauses == [30, 60, 100, 100]
    clock.advance(100)
    made.admit()
    made.success()
    fail(made, 3)
    assert made.admit() == 30


def test_failures_that_were_on_their_way_change_nothing():
    clock, made = breaker()
    fail(made, 3)
    clock.advance(10)
    made.failure()
    assert made.admit() == 20


@given(st.lists(st.sampled_from(["good", "bad", "time"]), max_size=80))
def test_it_never_stays_open_for_longer_than_the_longest_pause(steps):
    clock, made = breaker()
    for step in steps:
        if step == "time":
            clock.advance(25)
        elif made.admit() == 0:
            (made.success if step == "good" else made.failure)()
        assert made.admit() <= 100 if made.is_open else True
    clock.advance(100)
    if made.is_open:
        made.failure()  # what the admission above has let through
        clock.advance(100)
    assert made.admit() == 0
