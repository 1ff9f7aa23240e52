"""The benchmark of the CloudWatch agent, in short; and in full, what it must show."""

import os

import pytest

from benchmarks import cloudwatch
from tests.chance import KILLS

#: Of the long run.
SECONDS = float(os.environ.get("WCA_WINDOWS_FOR", "600"))


def test_agents_that_are_told_to_end_flush_and_their_windows_are_whole():
    done = cloudwatch.flushes(2)
    assert (len(done.seconds), done.flushed) == (2, 2)
    assert done.row().startswith("| 2 | 2 | ")
    (course,) = cloudwatch.windows(3.0, 1)
    assert course.exit_code == 0
    assert len(course.times) >= 2
    assert (course.missing, course.double, course.unaligned) == (0, 0, 0)
    assert course.resident > 1 << 20
    assert course.row().count(" | ") == cloudwatch.WINDOW_HEADER.splitlines()[0].count(" | ")


def test_windows_that_are_not_as_they_should_be_are_counted():
    course = cloudwatch.Course(5, [10.0, 15.0, 15.0, 30.0, 31.0], [0.1], 0.0, 0, 0)
    assert (course.missing, course.double, course.unaligned) == (1, 1, 1)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_after_a_hundred_signals_all_is_flushed():
    done = cloudwatch.flushes(KILLS)
    print(done.row())
    assert done.flushed == KILLS


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_an_outage_costs_windows_without_a_spool_and_none_with_one():
    without, spooled = cloudwatch.outages()
    print(without.row(), spooled.row(), sep="\n")
    assert without.missing > 0
    assert (spooled.missing, spooled.double) == (0, 0)
    assert spooled.late >= cloudwatch.AWAY - 1


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_windows_keep_to_the_clock_for_ten_minutes():
    for course in cloudwatch.windows(SECONDS, 60, 5):
        print(course.row())
        assert (course.missing, course.double, course.unaligned) == (0, 0, 0)
        assert len(course.times) >= SECONDS // course.period
        assert course.exit_code == 0
