"""When a target that does not answer is tried again."""

from hypothesis import given
from hypothesis import strategies as st

from wca.storage.delivery.patience import Patience


def always(value):
    return lambda: value


def test_waits_grow_twofold_up_to_the_longest():
    patience, waits = Patience(1.0, 5.0, always(1.0)), []
    for _ in range(5):
        patience.fail("away", now=100.0)
        waits.append(patience.next_try - 100.0)
    assert waits == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_a_success_closes_the_circuit_and_makes_the_next_wait_the_first_again():
    patience = Patience(1.0, 60.0, always(1.0))
    patience.fail("away", 0.0)
    patience.fail("away", 0.0)
    assert (patience.open, patience.reason) == (True, "away")
    patience.succeed()
    assert (patience.open, patience.reason) == (False, None)
    patience.fail("away", 0.0)
    assert patience.next_try == 1.0


def test_the_target_may_ask_for_more_time_but_not_for_less():
    patience = Patience(4.0, 60.0, always(1.0))
    patience.fail("busy", 0.0, retry_after=30.0)
    assert patience.next_try == 30.0
    patience.fail("busy", 0.0, retry_after=0.1)
    assert patience.next_try == 8.0


def test_in_a_hurry_the_next_try_is_at_once():
    patience = Patience(10.0, 60.0, always(1.0))
    patience.fail("away", 100.0)
    patience.hurry(103.0)
    assert patience.next_try == 103.0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_a_wait_is_at_least_half_of_what_it_would_be_without_chance(chances):
    patience, plain = Patience(1.0, 60.0, iter(chances).__next__), 1.0
    for _ in chances:
        patience.fail("away", 0.0)
        assert plain / 2 <= patience.next_try <= plain
        plain = min(60.0, 2 * plain)


def test_a_first_wait_beyond_the_longest_is_the_longest_itself():
    patience, waits = Patience(120.0, 60.0, always(1.0)), []
    for _ in range(3):
        patience.fail("away", now=0.0)
        waits.append(patience.next_try)
    assert waits == [120.0, 120.0, 120.0]


def test_in_a_hurry_what_was_due_stays_due_and_waits_are_short_again():
    patience = Patience(1.0, 60.0, always(1.0))
    for _ in range(4):
        patience.fail("away", now=0.0)
    patience.hurry(100.0)
    assert patience.next_try == 8.0
    patience.fail("away", now=100.0)
    assert patience.next_try == 101.0
