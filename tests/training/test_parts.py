"""Mixtures, fences, separation: on numbers of which the answer is known."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wca.detectors.interfering.judged import Group
from wca.detectors.interfering.verdicts import Verdict
from wca.training.mixtures import fence, mixture
from wca.training.readings import Thinned
from wca.training.separation import separate
from wca.training.truth import groups_of


def normal(mean, deviation, count, seed=1):
    chance = random.Random(seed)
    return [chance.gauss(mean, deviation) for _ in range(count)]


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e9])
def test_a_mixture_has_as_many_components_as_there_are(scale):
    values = [one * scale for one in normal(10, 1, 700) + normal(30, 2, 300)]
    low, high = mixture(values, 4)
    assert (low.weight, high.weight) == pytest.approx((0.7, 0.3), abs=0.01)
    assert (low.mean, high.mean) == pytest.approx((10 * scale, 30 * scale), rel=0.02)
    assert (low.deviation, high.deviation) == pytest.approx((scale, 2 * scale), rel=0.1)
    assert len(mixture(values, 1)) == 1


@pytest.mark.parametrize("values", [[5.0], [0.0] * 100, [1e30] * 3])
def test_numbers_that_do_not_spread_are_one_component(values):
    (one,) = mixture(values, 4)
    assert (one.weight, one.mean) == (1.0, pytest.approx(values[0]))
    assert fence(values, [one], 3, 0.05) == pytest.approx(values[0])


@given(st.lists(st.floats(0, 1e30), min_size=1, max_size=40), st.floats(0, 0.5))
@settings(deadline=None, max_examples=25)
def test_a_fence_is_the_end_of_a_component_whatever_the_numbers(values, budget):
    values.sort()
    components = mixture(values, 3)
    assert sum(one.weight for one in components) == pytest.approx(1)
    found = fence(values, components, 3, budget)
    ends = [one.mean + 3 * one.deviation for one in components]
    assert found in ends
    outside = sum(one > found for one in values) / len(values)
    assert outside <= budget or found == max(ends)


def test_the_order_of_numbers_means_nothing():
    values = normal(10, 1, 300) + normal(14, 2, 100)
    assert mixture(values, 4) == mixture(values[::-1], 4) == mixture(sorted(values), 4)


def test_what_can_be_told_apart_is_told_apart_in_the_middle():
    usual, disturbed = [float(one) for one in range(100)], [200.0 + one for one in range(50)]
    best = separate(usual, disturbed, 0.05, 500.0)
    assert best.limit == (99 + 200) / 2
    assert 0.9 < best.score < 1
    assert (
        separate(usual, disturbed, 0.05, 110.0).limit == 110
    )  # as good, and what is usual says so


def test_no_more_usual_readings_are_given_up_than_the_budget_has():
    usual = sorted(normal(10, 1, 200))
    disturbed = sorted(normal(11, 1, 2000))  # many: to call all of them disturbed would score best
    best = separate(usual, disturbed, 0.05, 0.0)
    assert best is None or sum(one > best.limit for one in usual) <= 10
    loose = separate(usual, disturbed, 0.5, 0.0)
    assert sum(one > loose.limit for one in usual) > 10


@pytest.mark.parametrize(("usual", "disturbed"), [(19, 50), (50, 19), (0, 50), (50, 0)])
def test_of_few_readings_nothing_is_concluded(usual, disturbed):
    assert separate([1.0] * usual, [2.0] * disturbed, 0.05, 1.0) is None
    assert separate([1.0] * 20, [2.0] * 20, 0.05, 0.0).limit == 1.5
    assert separate([2.0] * 20, [1.0] * 20, 0.05, 0.0) is None


@given(
    st.lists(st.floats(0, 100), min_size=20, max_size=60),
    st.lists(st.floats(0, 100), min_size=20, max_size=60),
    st.floats(0, 0.9),
    st.floats(0, 100),
)
@settings(deadline=None)
def test_a_limit_keeps_the_budget_whatever_the_numbers(usual, disturbed, budget, fence):
    best = separate(sorted(usual), sorted(disturbed), budget, fence)
    if best is not None:
        assert sum(one > best.limit for one in usual) <= budget * len(usual)
        assert 0.6 <= best.score <= 1
        assert sum(one > best.limit for one in disturbed) >= 0.6 * len(disturbed)


def test_of_very_many_readings_some_are_kept_evenly():
    thinned = Thinned()
    for value in range(100_000):
        thinned.add(float(value))
    kept = thinned.values()
    assert thinned.seen == 100_000
    assert 5000 <= len(kept) <= 10_000
    steps = {after - before for before, after in pairwise(kept)}
    assert len(steps) == 1
    assert kept[0] == 0


def test_every_trouble_has_numbers_by_which_it_is_seen():
    assert groups_of(Verdict.CPU_NEIGHBOUR) == {Group.WAIT}
    assert groups_of(Verdict.SELF_INFLICTED) == {Group.THROTTLED}
    assert groups_of(Verdict.MEMORY_NEIGHBOUR) == {Group.COST, Group.MISSES}
    assert groups_of(Verdict.CACHE_THRASH) == {Group.IO, Group.REFAULTS, Group.OWN_IO}
    assert groups_of("something else") == frozenset()
    for verdict in set(Verdict) - {Verdict.OBJECTIVE_MISSED}:
        assert groups_of(verdict)
    assert groups_of(Verdict.OBJECTIVE_MISSED) == frozenset()  # the application says so itself
