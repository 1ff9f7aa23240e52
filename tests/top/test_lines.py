"""The pages as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.docs.pages import ROOT
from tests.top.parts import after_a_second, reading, snapshot, task
from wca.top.columns import COLUMNS
from wca.top.lines import (
    Style,
    head_lines,
    help_lines,
    table_lines,
    task_lines,
    title_line,
)
from wca.top.model import Model
from wca.top.order import Order
from wca.top.text import width_of


def texts(lines):
    return [line.text for line in lines]


def test_a_row_in_80_columns():
    found = after_a_second(
        {"task_cpu_usage_seconds": 0.0},
        {"task_cpu_usage_seconds": 0.5, "task_mem_working_set_bytes": 5 << 20},
    )
    head, row = texts(table_lines(found.rows, 80, Order()))
    assert head.split() == [
        "TASK", "*CPU%", "THR%", "MEM", "P-CPU", "P-MEM", "P-IO", "IPC", "ANOM", "ALLOC",
    ]  # fmt: skip
    assert row.split() == ["a", "50.0", "-", "5.0M", "-", "-", "-", "-", "-", "-"]
    assert len(head) == len(row) == 80


@given(width=st.integers(1, 200), name=st.text(max_size=60))
def test_lines_are_as_wide_as_the_terminal(width, name):
    lines = texts(table_lines(snapshot(task(name)).rows, width, Order()))
    assert {width_of(line) for line in lines} == {width}


def test_without_a_width_names_are_whole_and_all_columns_are_there():
    name = "system.slice/" + "x" * 90
    head, row = texts(table_lines(snapshot(task(name)).rows, None))
    assert name in row
    assert head.split() == ["TASK", *(one.title for one in COLUMNS)]


def test_the_row_of_a_task_with_an_anomaly_stands_out():
    found = snapshot(task("a"), task("b"), anomalies={"a": {"1": "cache by b"}})
    styles = [line.style for line in table_lines(found.rows, 80, selected=found.rows[1])]
    assert styles == [Style.HEAD, Style.ALARM, Style.SELECTED]


def test_the_head_tells_of_the_machine_and_of_what_is_not_known():
    first, second = head_lines(snapshot(task("a")), Order(text="x"), 0)
    assert first == "CPU -% of CPUs  memory - of -  P-CPU -  P-MEM -  P-IO -"
    assert second == "tasks 1 (0 rows with 'x')  anomalies -  sorted by CPU%, falling"


def test_the_title_says_who_measures_how_often_and_where():
    assert title_line("me", 2.0, None, paused=False) == "wca top  every 2 s  me"
    assert title_line("me", 2.0, reading(), paused=True).endswith("paused  me on here")


def test_the_page_of_a_task_has_everything():
    model = Model()
    model.take(reading(task("web", {"task_cpu_usage_seconds": 1.0}), anomalies={}))
    found = model.take(
        reading(
            task(
                "web",
                {"task_cpu_usage_seconds": 1.5, "task_mem_numa_pages": {"0": 7}, "mine": 2},
                {"app": "shop", "task_name": "web"},
                task_id="42",
            ),
            at=1.0,
            anomalies={"42": {"1": "cache by b"}},
            allocations={"42": {"cpu_quota": "cpu_quota 0.5"}},
        )
    )
    page = texts(task_lines(found.rows[0], gone=False, story=["12:00 cpu_quota: because"]))
    assert page[:3] == ["web", "id 42", "label app = shop"]
    text = "\n".join(page)
    assert "anomalies now\n  cache by b" in text
    assert "allocations in force\n  cpu_quota 0.5" in text
    assert "records\n  12:00 cpu_quota: because" in text
    assert "  mine                    2" in text
    assert "  task_cpu_usage_seconds  1.5 seconds" in text
    assert "  task_mem_numa_pages{0}  7" in text


def test_a_counter_tells_what_it_gains_and_a_time_is_one():
    found = after_a_second(
        {"task_cpu_usage_seconds": 1.0},
        {"task_cpu_usage_seconds": 1.25, "task_started": 1_700_000_000},
    )
    text = "\n".join(texts(task_lines(found.rows[0], gone=True)))
    assert "1.25 seconds  (0.25 per second)" in text
    assert "task_started            2023-11-1" in text
    assert text.startswith("a (is gone)")


@pytest.mark.parametrize("one", COLUMNS, ids=lambda one: one.title)
def test_the_help_and_the_document_know_every_column(one):
    assert any(line.startswith(f"  {one.key} {one.title} ") for line in texts(help_lines()))
    rows = [line.split("|") for line in (ROOT / "docs/top.md").read_text().splitlines()]
    (row,) = [cells for cells in rows if len(cells) > 5 and cells[1].strip() == one.title]
    assert row[2].strip() == one.key
    assert row[5].replace("`", "").strip() == ", ".join(one.source)


def test_the_help_fits_into_80_columns():
    assert max(map(len, texts(help_lines()))) <= 80
