"""What a unit of work costs: compared with the last sample in which some was done."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.runners.derive_work import DeriveWork
from wca.runners.stages import Sample, TaskSample

COST = "task_cpu_seconds_per_work"


def costs(*readings, times=None):
    """The cost in each sample of one task; of readings of CPU seconds and work."""
    numbers = iter(times or range(len(readings)))
    stage, container, seen = DeriveWork(lambda: next(numbers)), object(), []
    for cpu, work in readings:
        values = {"task_cpu_usage_seconds": cpu, "task_work": work}
        values = {name: value for name, value in values.items() if value is not None}
        sample = Sample(0.0, [TaskSample(container, values)])
        stage.run(sample)
        seen.append(values.get(COST))
    return seen


def test_cpu_time_is_divided_by_the_work_that_was_done_with_it():
    assert costs((10.0, 100), (11.0, 104), (11.5, 105)) == [None, 0.25, 0.5]


def test_a_sample_without_work_has_none_and_its_time_belongs_to_the_next_work():
    assert costs((10.0, 100), (11.0, 100), (12.0, 104)) == [None, None, 0.5]


def test_so_has_one_whose_work_was_not_known():
    assert costs((10.0, 100), (11.0, None), (12.0, 104)) == [None, None, 0.5]


@pytest.mark.parametrize("later", [(1.0, 104), (11.0, 4)])
def test_after_a_counter_began_anew_it_is_compared_with_nothing_from_before(later):
    cpu, work = later
    assert costs((10.0, 100), later, (cpu + 1, work + 2)) == [None, None, 0.5]


def test_work_after_a_long_rest_does_not_cost_what_the_rest_did():
    rest = [(10.0 + n, 100) for n in range(70)]
    seen = costs(*rest, (80.0, 101), (81.0, 103))
    assert seen[:-2] == [None] * 70
    assert seen[-2] < 20
    assert seen[-1] == 0.5


def test_between_two_readings_the_last_cost_is_given_again():
    readings = [(10.0, 100), (11.0, 104), (11.1, 104), (11.2, 104), (13.0, 108)]
    assert costs(*readings, times=[0, 1, 1, 1, 2]) == [None, 0.25, 0.25, 0.25, 0.5]


def test_a_task_that_was_replaced_begins_anew():
    stage = DeriveWork(iter(range(5)).__next__)
    for work in (100, 200):
        values = {"task_cpu_usage_seconds": work / 10, "task_work": work}
        stage.run(Sample(0.0, [TaskSample(object(), values)]))
        assert COST not in values


def test_a_task_without_work_gets_nothing():
    assert costs((1.0, None), (2.0, None)) == [None, None]
    assert costs((None, 1), (None, 2)) == [None, None]


@given(st.lists(st.tuples(st.floats(0.001, 10), st.integers(0, 5)), max_size=40))
def test_all_cpu_time_between_the_first_and_the_last_work_is_paid_for(gains):
    cpu, work, readings = 0.0, 0, [(0.0, 0)]
    for seconds, units in gains:
        cpu, work = cpu + seconds, work + units
        readings.append((cpu, work))
    paid, done = 0.0, 0
    for (_, units), cost in zip(readings, costs(*readings), strict=True):
        if cost is not None:
            paid, done = paid + cost * (units - done), units
    last = max((n for n, (_, units) in enumerate(gains) if units), default=-1) + 1
    assert done == work
    assert paid == pytest.approx(readings[last][0])
