"""What an action did: before, after, control; and how sure that is."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.allocators.effects import Windows, compare, control_of

NUMBERS = st.lists(st.floats(0, 1e9), max_size=8)


def test_the_effect_is_after_divided_by_before():
    effect = compare("waits", Windows([4.0, 6.0], [1.0, 1.0], [0.5, 0.6, 0.7]))
    assert (effect.before, effect.after, effect.usual) == (5.0, 1.0, 0.6)
    assert effect.ratio == pytest.approx(0.2)
    assert effect.removed == pytest.approx(4.0 / 4.4)
    assert str(effect).startswith("waits went from 5 to 1")


def test_what_the_whole_machine_did_is_not_the_effect():
    halved = Windows([10.0, 10.1], [5.0, 5.1], [10.0, 10.1])
    control = control_of(Windows([5.0], [1.0]), [halved])
    assert control == pytest.approx(0.5, rel=0.02)
    assert compare("waits", Windows([4.0, 4.0], [2.0, 2.0]), control).ratio == pytest.approx(
        1.0, rel=0.02
    )


def test_a_task_that_suffered_as_well_is_no_control():
    suffered = Windows([10.0, 10.1], [1.0, 1.1], [1.0, 1.1])
    assert control_of(Windows([5.0], [1.0]), [suffered]) is None


def test_a_task_that_goes_up_and_down_is_no_control():
    restless = Windows([0.1, 9.0], [1.0, 1.1], [4.0, 5.0])
    assert control_of(Windows([5.0], [1.0]), [restless]) is None


def test_without_others_the_victim_before_it_suffered_is_the_control():
    usual = [1.0, 1.1, 1.0, 2.0, 2.1, 2.0]
    control = control_of(Windows([9.0, 9.0], [2.0], usual), [])
    assert control == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize(("before", "after"), [([], [1.0]), ([1.0], [])])
def test_without_a_window_there_is_no_effect(before, after):
    assert compare("waits", Windows(before, after)) is None


def test_confidence_is_what_it_says():
    """Of windows that differ by nothing but chance, five of a hundred reach 0.95."""
    chance = random.Random(1)

    def window():
        return [chance.gauss(1, 0.1) for _ in range(4)]

    found = [compare("x", Windows(window(), window())).confidence for _ in range(2000)]
    assert 60 <= sum(one >= 0.95 for one in found) <= 140


def test_confidence_is_high_for_what_is_plain_and_none_without_a_difference():
    assert compare("x", Windows([5.0, 5.1, 4.9], [1.0, 1.1, 0.9])).confidence > 0.999
    assert compare("x", Windows([1.0, 1.0], [1.0, 1.0])).confidence == 0
    assert compare("x", Windows([1.0], [9.0])).confidence == 0, "one reading tells no spread"


@given(before=NUMBERS, after=NUMBERS, usual=NUMBERS, other=NUMBERS)
def test_whatever_is_read_there_is_a_number_or_nothing(before, after, usual, other):
    windows = Windows(before, after, usual)
    control = control_of(windows, [Windows(other, before, other), windows])
    effect = compare("x", windows, control)
    assert (effect is None) == (not before or not after)
    if effect is not None:
        assert 0 <= effect.confidence <= 1
        assert effect.ratio >= 0
        assert effect.ratio == effect.ratio
