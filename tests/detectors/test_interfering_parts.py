"""The parts of InterferenceDetector: numbers of totals, what is usual, steps, the table."""

import json
import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.detectors.interfering import baselines, sampling
from wca.detectors.interfering.baselines import Baselines
from wca.detectors.interfering.changes import correlation, step_at
from wca.detectors.interfering.granted import Granted
from wca.detectors.interfering.histogram import Histogram
from wca.detectors.interfering.judged import JUDGED, Group, Judged, Strictness
from wca.detectors.interfering.norms import load_bin
from wca.detectors.interfering.pace import Pace
from wca.detectors.interfering.patients import Patient
from wca.detectors.interfering.sampling import Sampler
from wca.detectors.interfering.table import TABLE, Level
from wca.detectors.interfering.tracks import Timeline
from wca.detectors.interfering.verdicts import Verdict
from wca.detectors.interfering.watches import Confirmation

DAY = 86_400.0
STRICT = Strictness(3.0, 0.2)


def look(sampler, now, read_at=None, **totals):
    return sampler.look(now, read_at or {}, {f"task_{name}": one for name, one in totals.items()})


def test_totals_become_rates():
    sampler = Sampler()
    assert all(math.isnan(one) for one in look(sampler, 1.0, cpu_usage_seconds=5))
    assert look(sampler, 3.0, cpu_usage_seconds=6)[sampling.CPU] == 0.5


def test_a_total_that_was_not_read_anew_gives_no_rate():
    sampler = Sampler()
    for now, total, expected in ((1, 5, math.nan), (2, 5, math.nan), (11, 25, 2.0)):
        read_at = {"task_io_read_bytes": 1.0 if now < 11 else 11.0}
        numbers = look(sampler, float(now), read_at, io_read_bytes=total)
        assert numbers[sampling.READ] == pytest.approx(expected, nan_ok=True)


def test_a_ratio_is_of_what_both_grew_in_the_same_time():
    sampler = Sampler()
    found = []
    for now in range(11):
        read_at = {"task_work": now // 5 * 5.0}
        numbers = look(sampler, float(now), read_at, cpu_usage_seconds=now, work=now // 5 * 50)
        found.append(numbers[sampling.COST])
    assert [one for one in found if not math.isnan(one)] == [0.1]


def test_work_that_does_not_grow_keeps_the_cpu_for_the_next():
    sampler = Sampler()
    costs = [
        look(sampler, float(n), cpu_usage_seconds=n, work=work)[sampling.COST]
        for n, work in enumerate((0, 0, 0, 2))
    ]
    assert costs[-1] == 1.0  # of the two seconds since the first pair of readings


def test_a_task_without_a_quota_is_not_throttled():
    sampler = Sampler()
    for now in (1.0, 2.0):
        numbers = look(sampler, now, cpu_periods=0, cpu_throttled_periods=0)
    assert numbers[sampling.THROTTLED] == 0.0


def test_another_task_under_the_same_id_begins_anew():
    sampler = Sampler()
    for now, total in ((1.0, 50), (2.0, 51)):
        look(sampler, now, cpu_usage_seconds=total, work=100 * total)
    assert all(math.isnan(n) for n in look(sampler, 3.0, cpu_usage_seconds=1, work=9e9))


def test_every_number_has_its_place():
    names = [one.name for one in sampling.MEASURES]
    assert len(set(names)) == len(names)
    assert names[sampling.MPKI].startswith("cache misses")
    assert names[sampling.SHARES] == "CPU shares"
    assert len({one.name for one in JUDGED}) == len(JUDGED)


def test_the_application_that_was_learned_from_longest_ago_makes_room(monkeypatch):
    monkeypatch.setattr(baselines, "MOST_CELLS", 300)
    known = Baselines(2, Strictness(3.0, 0.2))

    def learn(name, times=20):
        for second in range(times):
            known.learn(name, 0, [1.1**second] * len(JUDGED), float(second))

    learn("first")
    learn("second")
    assert known.samples("first") == 0
    assert known.samples("second") == 20
    again = Baselines(2, Strictness(3.0, 0.2))
    again.load(known.dump())
    again.learn("third", 0, [1.0] * len(JUDGED), 0.0)
    assert (again.samples("second"), again.samples("third")) == (20, 1)
    again.forget("second", Group.COST)
    for name in ("third", "fourth"):
        for second in range(8):
            again.learn(name, 0, [1.2**second] * len(JUDGED), 1.0)
    assert (again.samples("second"), again.samples("fourth")) == (0, 8)


@given(st.lists(st.floats(1e-4, 1e6), min_size=1, max_size=60))
def test_a_histogram_knows_the_median_to_a_hundredth(values):
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    spread = histogram.spread()
    low = statistics.median_low(values)
    assert spread.median == pytest.approx(low, rel=0.021)
    assert spread.high >= spread.median
    assert Histogram.load(json.loads(json.dumps(histogram.dump()))).spread() == spread


def test_deviation_and_upper_end_are_those_of_the_readings():
    dice = random.Random(1)
    histogram = Histogram()
    for _ in range(5000):
        histogram.add(dice.gauss(100, 10))
    spread = histogram.spread()
    assert spread.deviation == pytest.approx(10, rel=0.1)
    assert spread.high == pytest.approx(116.4, rel=0.03)


def test_what_fades_counts_less_and_is_gone_at_last():
    histogram = Histogram()
    histogram.add(1.0)
    histogram.fade(0.9)
    assert histogram.weight == pytest.approx(0.9)
    histogram.fade(0.001)
    assert histogram.weight == 0


def learned(values, now=0.0, place=3, samples=10):
    baselines = Baselines(samples, STRICT)
    for value in values:
        baselines.learn("web", place, [value] * len(JUDGED), now)
    return baselines


def usual(baselines, place, measure=sampling.COST):
    at = next(n for n, one in enumerate(JUDGED) if one.measure == measure)
    return baselines.usual("web", place)[at]


def test_there_is_a_baseline_after_so_many_readings_and_not_before():
    assert usual(learned([1.0] * 9), 3) is None
    assert usual(learned([1.0] * 10), 3).median == pytest.approx(1.0, rel=0.02)


def test_readings_of_a_week_ago_count_less_than_half():
    baselines = learned([1.0] * 100)
    baselines.learn("web", 3, [1.0] * len(JUDGED), 7 * DAY)
    assert baselines.samples("web") == pytest.approx(100 * 0.9**7 + 1, rel=0.01)


def test_a_wall_clock_that_goes_back_makes_nothing_older():
    baselines = learned([1.0] * 100, now=7 * DAY)
    baselines.learn("web", 3, [1.0] * len(JUDGED), 0.0)
    assert baselines.samples("web") == 101


def test_a_load_near_by_borrows_and_is_judged_less_strictly():
    baselines = learned([1.0] * 20)
    own, near = usual(baselines, 3), usual(baselines, 4)
    assert near.median == own.median
    assert near.limit - near.median == pytest.approx(2 * (own.limit - own.median))
    assert usual(baselines, 8) is None
    waits = [usual(baselines, place, sampling.DELAY).median for place in (2, 3, 4)]
    assert waits[0] == waits[1] < waits[2]


def test_what_is_forgotten_is_one_group():
    baselines = learned([1.0] * 20)
    baselines.forget("web", Group.COST)
    assert usual(baselines, 3) is None
    assert usual(baselines, 3, sampling.PSI_CPU) is not None


@given(st.floats(1e-5, 1e9))
def test_a_load_and_one_half_as_large_again_are_in_neighbouring_bins(load):
    assert load_bin(load * 1.5) - load_bin(load) in (0, 1, 2)
    assert load_bin(0.0) is None


def test_the_limit_is_the_farthest_of_deviations_share_and_floor():
    one = Judged(sampling.DELAY, Group.WAIT, floor=0.1)
    histogram = Histogram()
    for value in [10.0] * 20:
        histogram.add(value)
    known = one.usual(histogram.spread(), STRICT)
    assert known.limit == pytest.approx(12.0, rel=0.02)


@given(
    st.lists(st.floats(0, 1), min_size=3, max_size=20),
    st.lists(st.floats(5, 6), min_size=3, max_size=20),
)
def test_a_step_is_found_where_it_is(low, high):
    assert step_at([*low, *high], 1) == len(low)


def test_unknown_values_hide_no_step():
    values = [0, math.nan, 0, 0, math.nan, 5, 5, math.nan, 5]
    assert step_at(values, 1) == 5
    assert step_at([math.nan, math.nan], 1) == 1


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), max_size=20))
def test_a_correlation_is_between_minus_one_and_one(pairs):
    ours, theirs = [one for one, _ in pairs], [other for _, other in pairs]
    assert -1 <= correlation(ours, theirs) <= 1
    assert correlation(ours, ours) in (pytest.approx(1), 0)


def test_a_pause_and_a_clock_that_goes_back_break_the_course():
    pace = Pace()
    assert [pace.broken(now) for now in (1, 2, 3, 5.9, 60, 61, 60, 61)] == [
        *(False, False, False, False, True, False, True, False)
    ]


def test_every_verdict_has_a_row_and_every_row_a_condition():
    assert {row.verdict for row in TABLE} == set(Verdict) - {Verdict.OBJECTIVE_MISSED}
    assert all(row.when for row in TABLE)
    assert all(row.rival <= set() or row.where is not None for row in TABLE)


def test_a_row_says_which_of_its_conditions_are_not_met():
    row = next(row for row in TABLE if row.verdict is Verdict.SELF_INFLICTED)
    assert list(row.misfits({Group.THROTTLED: Level.HIGH}, None)) == []
    assert list(row.misfits({}, None)) == ["throttling: not known"]


def test_distances_that_take_turns_are_no_pauses():
    pace = Pace()
    broken = [pace.broken(now) for now in (0, 1, 5, 6, 10, 11, 15, 16, 20, 21, 25)]
    assert not any(broken[3:])  # before, one distance is all that is known


def test_a_histogram_that_faded_weighs_the_same_when_it_is_loaded():
    histogram = Histogram()
    for number in range(200):
        histogram.add(1.1**number)
        histogram.fade(0.987) if number % 7 == 0 else None
    assert Histogram.load(histogram.dump()).weight == histogram.weight


def test_what_a_task_has_for_an_hour_is_what_it_has():
    granted = Granted()
    assert granted.untouched({"cpu_quota": 1.0}, 0.0)
    assert not granted.untouched({"cpu_quota": 0.5}, 10.0)
    assert not granted.untouched({"cpu_quota": 0.4}, 2000.0)
    assert not granted.untouched({"cpu_quota": 0.4}, 5000.0)
    assert granted.untouched({"cpu_quota": 0.4}, 5600.0)
    assert not granted.untouched({"cpu_quota": 1.0}, 5601.0)


def test_what_is_over_already_calls_for_no_closer_look():
    patient = Patient("web", Timeline(8), Confirmation(outliers=3, of=10, cpu=0.05), quiet=10)
    (waits, *_) = patient.watch.places(Group.WAIT)
    for readings, asks in ((0b0111, True), (0b1110, False), (0b0011, False)):
        patient.watch.outliers[waits] = readings
        assert (patient.question({}) is not None) == asks
