"""When an anomaly begins and when it ends: periods, hysteresis, gaps."""

from hypothesis import given
from hypothesis import strategies as st

from wca.detectors.thresholds.alarms import Alarm, Limits


def course(values, **limits):
    """What an alarm says, second by second, as a text: ``!`` while there is an anomaly."""
    limits = {"threshold": 10, "above": True, "clear": 10, **limits}
    alarm = Alarm(Limits(**limits))
    return "".join(".!"[alarm.judge(float(at), value)] for at, value in enumerate(values))


def test_it_begins_above_the_threshold_and_not_at_it():
    assert course([9, 10, 11, 10, 9]) == "..!.."


def test_below_is_the_same_the_other_way_round():
    assert course([11, 10, 9, 10], above=False) == "..!."


def test_it_has_to_last_before_it_begins():
    assert course([11, 11, 11, 11, 9, 11, 11], for_seconds=2) == "..!!..."


def test_a_moment_below_begins_the_wait_anew():
    assert course([11, 11, 9, 11, 11, 11], for_seconds=2) == ".....!"


def test_it_ends_where_it_is_cleared_and_not_before():
    assert course([11, 9, 8, 7, 6, 9, 11], clear=7) == "!!!...!"


def test_it_has_to_stay_away_to_end():
    assert course([11, 7, 7, 11, 7, 7, 7, 7], clear=7, clear_seconds=3) == "!!!!!!!."


def test_a_value_that_is_missing_ends_it():
    assert course([11, None, 11, 11], for_seconds=0) == "!.!!"
    assert course([11, 11, 11, None, 11, 11, 11], for_seconds=2) == "..!...!"


def test_a_gap_says_nothing_of_the_time_in_it():
    alarm = Alarm(Limits(10, above=True, clear=10, for_seconds=30))
    assert not alarm.judge(0.0, 11)
    alarm.forget(60.0)
    assert not alarm.judge(60.0, 11)
    assert alarm.judge(90.0, 11)


def test_a_gap_shorter_than_the_wait_is_bridged():
    alarm = Alarm(Limits(10, above=True, clear=10, for_seconds=30))
    alarm.judge(0.0, 11)
    alarm.forget(20.0)
    assert alarm.judge(30.0, 11)


VALUES = st.lists(st.none() | st.integers(0, 20), max_size=60)


@given(VALUES, st.integers(5, 10), st.integers(0, 5), st.integers(0, 5))
def test_what_holds_of_every_course(values, clear, wait, calm):
    said = course(values, clear=clear, for_seconds=wait, clear_seconds=calm)
    for at, (value, now) in enumerate(zip(values, said, strict=True)):
        before = said[at - 1] if at else "."
        if value is None:
            assert now == "."
        elif (before, now) == (".", "!"):
            lasted = values[at - wait : at + 1]
            assert len(lasted) == wait + 1
            assert all(one is not None and one > 10 for one in lasted)
        elif (before, now) == ("!", "."):
            assert all(one is not None and one <= clear for one in values[at - calm : at + 1])


@given(VALUES, st.integers(0, 5))
def test_both_directions_are_mirror_images(values, wait):
    mirrored = [None if value is None else 20 - value for value in values]
    assert course(values, clear=8, for_seconds=wait) == course(
        mirrored, above=False, clear=12, for_seconds=wait
    )
