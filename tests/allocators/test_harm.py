"""What a victim suffers, and when it is bad again: by readings that go up and down."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.allocators.contending.harm import Harm, Outcome, harm_of
from wca.allocators.effects import Effect
from wca.detectors import ContendedResource, ContentionAnomaly, Evidence
from wca.detectors.interfering.sampling import COST, MEASURES, PSI_CPU, SLI


def a_harm(measure=PSI_CPU, limit=0.037):
    return Harm("shop", measure, [0.09, 0.09, 0.07], [0.03] * 5, limit, 0.0)


def an_effect(before, after):
    return Effect("CPU PSI some", before, after, 0.03, None, 0.9)


class Reads:
    """Readings of one task, all since the action."""

    def __init__(self, *values):
        self._values = list(values)

    def values(self, *_):
        return self._values


def test_what_goes_up_and_down_around_the_limit_is_not_bad_again_while_an_action_is_held():
    around = Reads(0.043, 0.038, 0.031)
    assert a_harm().is_bad(around, 0.0)
    kept = a_harm().kept(an_effect(0.088, 0.036))
    assert not kept.is_bad(around, 0.0)
    assert kept.is_bad(Reads(*[0.07, 0.08, 0.06] * 4), 0.0)


def test_it_is_not_bad_again_for_a_bad_moment_while_an_action_is_held():
    kept = a_harm().kept(an_effect(0.088, 0.036))
    moment = Reads(*[0.03] * 7, 0.07, 0.08, 0.09)
    assert not kept.is_bad(moment, 0.0)
    assert not kept.is_bad(Reads(0.07, 0.08, 0.09), 0.0)  # and only three were read since
    assert kept.is_bad(moment, 0.0, soon=True)  # when it is being given back


class Series:
    """Readings of one task, one in each second, the last one now."""

    def __init__(self, *values):
        self._values = dict(enumerate(values, 1))

    def values(self, _task, measure, since=-math.inf, until=math.inf):
        known = self._values if measure == COST else {}
        return [value for second, value in known.items() if since < second <= until]

    def last(self, task, measure, readings):
        return self.values(task, measure)[-readings:]


@pytest.mark.parametrize(("before", "harmed"), [(1.3, True), (1.8, False)])
def test_what_was_suffered_in_an_earlier_trouble_is_not_what_is_usual(before, harmed):
    """Forty seconds of a trouble, eleven as they are between two, and five of the next."""
    series = Series(*[1.9] * 40, *[before] * 11, *[1.9] * 5)
    limits = {MEASURES[COST].name: 1.6}
    anomaly = ContentionAnomaly(ContendedResource.MEMORY_BW, "shop", evidence=Evidence({}, limits))
    harm = harm_of(anomaly, (COST,), series, onset=51.0)
    assert (harm is not None) == harmed


@given(st.floats(0.1, 1), st.floats(0, 1))
def test_half_of_what_was_reached_has_to_be_lost(before, share):
    after = before * share
    kept = a_harm(limit=0.05).kept(an_effect(before, after))
    assert kept.limit == pytest.approx(max(0.05, (before + after) / 2))


def test_an_objective_that_was_met_is_missed_above_one():
    kept = a_harm(SLI, 1.0).kept(an_effect(1.6, 0.8))
    assert kept.judge(an_effect(1.6, 1.1)) is not Outcome.RECOVERED
