"""Scaling of events that shared their counters, as a machine that goes from reading to reading."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from wca.linux.perf.counting import GroupReading
from wca.linux.perf.scaling import ScaledGroup


def scaled(*readings):
    """The group after these readings, and the factor of the last one."""
    group, factor = ScaledGroup(1), None
    for enabled, running, value in readings:
        factor = group.take(GroupReading(enabled, running, (value,)))
    return group, factor


@pytest.mark.parametrize(
    ("reading", "total", "factor"),
    [
        ((200, 100, 300), 600, 2.0),
        ((200, 200, 300), 300, 1.0),
        ((0, 0, 0), 0, None),
        ((100, 0, 0), 0, None),
        ((100, 0, 200), 0, None),
    ],
)
def test_one_reading_is_scaled_by_the_time_it_was_not_counted(reading, total, factor):
    group, said = scaled(reading)
    assert group.totals == [total]
    assert said == factor


def test_a_part_is_scaled_by_its_own_time_not_by_all_time():
    group, factor = scaled((100, 100, 1000), (200, 150, 1100))
    assert group.totals == [1000 + 100 * 2]
    assert factor == 2.0


def test_a_part_without_counting_waits_for_the_next_one():
    group, factor = scaled((100, 100, 1000), (200, 100, 1000))
    assert (group.totals, factor, group.pending) == ([1000], None, True)
    factor = group.take(GroupReading(300, 200, (2000,)))
    assert (group.totals, factor, group.pending) == ([1000 + 2000], 2.0, False)


def test_large_numbers_stay_exact():
    large = 2**63 + 1
    assert scaled((10, 10, large))[0].totals == [large]


@given(st.lists(st.tuples(*[st.integers(0, 2**40)] * 3), max_size=20))
def test_without_sharing_the_total_is_what_was_counted(parts):
    group, time, value = ScaledGroup(1), 0, 0
    for ran, _, counted in parts:
        time, value = time + ran + 1, value + counted
        group.take(GroupReading(time, time, (value,)))
    assert group.totals == [value]


class Multiplexing(RuleBasedStateMachine):
    """A kernel that lets two events at a steady rate count for part of the time."""

    def __init__(self):
        super().__init__()
        self.group = ScaledGroup(2)
        self.enabled = self.running = 0
        self.seen = [0, 0]
        self.reads = 0

    @rule(enabled=st.integers(0, 10**9), share=st.floats(0, 1))
    def the_task_runs(self, enabled, share):
        running = int(enabled * share)
        self.enabled += enabled
        self.running += running
        self.seen = [self.running * 8, self.running * 10]

    @rule()
    def the_group_is_read(self):
        before = list(self.group.totals)
        factor = self.group.take(GroupReading(self.enabled, self.running, tuple(self.seen)))
        assert all(now >= then for now, then in zip(self.group.totals, before, strict=True))
        assert factor is None or factor >= 1
        self.reads += 1
        if not self.group.pending:  # a steady rate is estimated exactly, but for the rounding
            assert self.group.totals[0] == pytest.approx(self.enabled * 8, abs=self.reads)
            assert self.group.totals[1] == pytest.approx(self.enabled * 10, abs=self.reads)

    @invariant()
    def before_anything_was_counted_there_is_no_total(self):
        assert self.group.started or self.group.totals == [0, 0]


TestMultiplexing = Multiplexing.TestCase
