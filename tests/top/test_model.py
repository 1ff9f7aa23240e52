"""Rates, totals, events, and the order of rows."""

import os

from hypothesis import given
from hypothesis import strategies as st

from tests.top.parts import after_a_second, reading, snapshot, task
from wca.top.columns import COLUMNS, column_named, fitting
from wca.top.model import Model
from wca.top.order import Order

CPU, PERIODS, THROTTLED = (
    "task_cpu_usage_seconds",
    "task_cpu_periods",
    "task_cpu_throttled_periods",
)


def numbers(before, after):
    return after_a_second(before, after).rows[0].numbers


def test_the_cpu_is_what_its_counter_gains_per_second():
    assert numbers({CPU: 10.0}, {CPU: 11.5})["CPU%"] == 1.5


def test_nothing_is_known_of_a_counter_that_was_read_once():
    assert snapshot(task("a", {CPU: 10.0})).rows[0].numbers["CPU%"] is None


def test_nothing_is_known_of_a_counter_that_began_anew():
    assert numbers({CPU: 10.0}, {CPU: 1.0})["CPU%"] is None


def test_a_counter_that_was_not_read_anew_keeps_its_rate():
    model = Model()
    for at, value, read_at in ((0.0, 0.0, 0.0), (5.0, 10.0, 5.0), (6.0, 10.0, 5.0)):
        found = model.take(reading(task("a", {CPU: value}), at=at, read_at={CPU: read_at}))
    assert found.rows[0].numbers["CPU%"] == 2.0


def test_a_reading_that_is_the_same_as_before_keeps_its_rates():
    model = Model()
    model.take(reading(task("a", {CPU: 0.0})))
    for _ in range(2):
        found = model.take(reading(task("a", {CPU: 1.0}), at=1.0))
    assert found.rows[0].numbers["CPU%"] == 1.0


def test_a_task_that_comes_back_has_no_rate_from_the_time_before():
    model = Model()
    model.take(reading(task("a", {CPU: 0.0})))
    model.take(reading(at=1.0))
    found = model.take(reading(task("a", {CPU: 9.0}), at=2.0))
    assert found.rows[0].numbers["CPU%"] is None


def test_throttling_is_a_share_of_the_periods_and_unknown_without_a_quota():
    before, after = {PERIODS: 10, THROTTLED: 0}, {PERIODS: 20, THROTTLED: 4}
    assert numbers(before, after)["THR%"] == 0.4
    assert numbers({PERIODS: 0, THROTTLED: 0}, {PERIODS: 0, THROTTLED: 0})["THR%"] is None


def test_numbers_of_cpus_are_summed_before_they_are_compared():
    cycles = {"task_cycles": {"0": 100, "1": 100}, "task_instructions": {"0": 0, "1": 0}}
    later = {"task_cycles": {"0": 300, "1": 100}, "task_instructions": {"0": 100, "1": 200}}
    assert numbers(cycles, later)["IPC"] == 1.5


def test_what_was_not_measured_is_none_in_every_column():
    assert set(numbers({}, {}).values()) == {None}


def test_without_a_detector_nothing_is_said_of_anomalies_and_with_one_there_are_none():
    unknown = snapshot(task("a"))
    assert unknown.rows[0].numbers["ANOM"] is None
    assert unknown.totals.anomalies is None
    known = snapshot(task("a"), anomalies={}, allocations={})
    assert known.rows[0].numbers["ANOM"] == known.totals.anomalies == 0
    assert known.rows[0].numbers["ALLOC"] == 0


def test_the_machine_is_a_share_of_all_its_cpus():
    ticks = os.sysconf("SC_CLK_TCK")
    found = after_a_second(
        {},
        {},
        machine_before={"cpu_usage_per_cpu": {"0": 0, "1": 0}},
        machine={"cpu_usage_per_cpu": {"0": ticks, "1": 0}, "memory_usage": 5},
    )
    assert found.totals.cpu == 0.5
    assert found.totals.cpus == 2
    assert found.totals.memory == 5
    assert found.totals.memory_total is None


def test_what_begins_changes_and_ends_is_remembered():
    model = Model()
    model.take(reading(task("a"), anomalies={}, allocations={"a": {"cpu_quota": "cpu_quota 1"}}))
    model.take(
        reading(
            task("a"),
            at=1.0,
            anomalies={"a": {"1": "cache by b"}},
            allocations={"a": {"cpu_quota": "cpu_quota 0.5"}},
        )
    )
    found = model.take(reading(task("a"), at=2.0, anomalies={}, allocations={}))
    assert [event.words for event in found.rows[0].events] == [
        "anomaly: cache by b",
        "allocation: cpu_quota 0.5",
        "anomaly ended: cache by b",
        "allocation ended: cpu_quota 0.5",
    ]


def test_an_agent_that_was_away_has_ended_nothing():
    model = Model()
    model.take(reading(task("a"), anomalies={"a": {"1": "cache"}}))
    found = model.take(reading(task("a"), at=1.0, anomalies=None))
    assert found.rows[0].events == ()


values = st.one_of(st.none(), st.floats(0, 100), st.just(float("nan")))


@given(values=st.lists(values, max_size=8), falling=st.booleans())
def test_rows_are_in_order_and_those_without_a_number_are_last(values, falling):
    memory = "task_mem_working_set_bytes"
    rows = snapshot(
        *(task(str(i), {} if v is None else {memory: v}) for i, v in enumerate(values))
    ).rows
    found = Order(column_named("MEM"), falling).apply(rows)
    assert {id(row) for row in found} == {id(row) for row in rows}
    order = [row.numbers["MEM"] for row in found]
    known = [value for value in order if value is not None and value == value]
    assert known == sorted(known, reverse=falling)
    assert order[: len(known)] == known


def test_names_are_sorted_from_a_and_the_other_way_round():
    rows = snapshot(task("b"), task("a")).rows
    order = Order()
    order.choose(None)
    assert [row.watched.name for row in order.apply(rows)] == ["a", "b"]
    order.falling = True
    assert [row.watched.name for row in order.apply(rows)] == ["b", "a"]


def test_a_filter_looks_into_names_ids_and_labels_in_any_case():
    rows = snapshot(task("web"), task("db", labels={"app": "Web"}), task("x", task_id="9")).rows
    assert [r.watched.name for r in Order(text="WEB").apply(rows)] == ["db", "web"]
    assert [r.watched.name for r in Order(text="9").apply(rows)] == ["x"]
    assert Order(text="nothing").apply(rows) == []


@given(width=st.integers(0, 300))
def test_the_columns_that_are_shown_fit_the_line(width):
    name, columns = fitting(width)
    assert name + sum(one.width + 1 for one in columns) == max(width, 1)
    assert list(columns) == list(COLUMNS[: len(columns)])
    assert name >= min(12, width)


def test_80_columns_show_all_that_an_operator_asks_first():
    name, columns = fitting(80)
    titles = [one.title for one in columns]
    assert titles == ["CPU%", "THR%", "MEM", "P-CPU", "P-MEM", "P-IO", "IPC", "ANOM", "ALLOC"]
    assert name == 27


def test_each_letter_sorts_by_one_column():
    keys = [one.key for one in COLUMNS]
    assert len(set(keys)) == len(keys)
    assert "N" not in keys
    assert all(key.isupper() for key in keys)
