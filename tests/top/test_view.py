"""What keys do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.top.parts import snapshot, task
from wca.top.columns import COLUMNS
from wca.top.order import Order
from wca.top.view import INTERVALS, Action, Page, View

MEMORY = "task_mem_working_set_bytes"
KEYS = [
    "up", "down", "left", "right", "pageup", "pagedown", "home", "end", "enter", "escape",
    "backspace", " ", "/", "?", "h", "r", "<", ">", "+", "-", "j", "k", "q", "C", "M", "N", "x",
]  # fmt: skip


def tasks(**memory):
    return snapshot(*(task(name, {MEMORY: value}) for name, value in memory.items()))


@pytest.fixture
def view():
    view = View(Order(), 1.0)
    view.press("M")
    view.show(tasks(a=1, b=3, c=2))
    view.measure(2, 3, COLUMNS)
    return view


def names(view):
    return "".join(row.watched.name for row in view.rows)


def test_a_letter_sorts_by_its_column_and_once_more_the_other_way_round(view):
    assert names(view) == "bca"
    view.press("M")
    assert names(view) == "acb"
    view.press("N")
    assert names(view) == "abc"
    view.press("r")
    assert names(view) == "cba"


def test_arrows_lead_through_the_columns_that_are_shown(view):
    view.press(">")
    assert view.order.title == "P-CPU"
    view.press("<")
    view.press("<")
    assert view.order.title == "THR%"
    for _ in range(3):
        view.press("left")
    assert view.order.title == COLUMNS[-1].title


def test_the_cursor_follows_its_task(view):
    view.press("down")
    assert view.selected.watched.name == "c"
    view.show(tasks(a=1, b=3, c=9))
    assert view.selected.watched.name == "c"
    assert names(view) == "cba"


def test_a_cursor_that_was_never_moved_stays_on_the_first_row(view):
    view.show(tasks(a=9, b=3, c=2))
    assert view.selected.watched.name == "a"


def test_when_its_task_is_gone_the_cursor_stays_where_it_is(view):
    view.press("down")
    view.show(tasks(a=1, b=3))
    assert view.selected.watched.name == "a"
    view.show(tasks())
    assert view.selected is None


def test_the_page_follows_the_cursor(view):
    view.press("end")
    assert view.top == 1
    view.press("home")
    assert view.top == 0


def test_a_filter_works_while_it_is_written(view):
    for key in "/b":
        view.press(key)
    assert names(view) == "b"
    assert view.typing
    view.press("q")
    assert names(view) == ""
    view.press("backspace")
    view.press("enter")
    assert names(view) == "b"
    assert not view.typing
    view.press("escape")
    assert names(view) == "bca"


def test_while_paused_nothing_changes_and_then_the_newest_is_shown(view):
    view.press(" ")
    view.show(tasks(d=1))
    assert names(view) == "bca"
    view.press(" ")
    assert names(view) == "d"


def test_the_page_of_a_task_follows_it_and_says_when_it_is_gone(view):
    view.press("enter")
    assert view.page is Page.TASK
    assert view.opened.watched.name == "b"
    view.show(tasks(a=5, b=4))
    assert view.opened.watched.values[MEMORY] == 4
    assert not view.gone
    view.show(tasks(a=5))
    assert view.gone
    assert view.opened.watched.name == "b"
    view.press("escape")
    assert view.page is Page.TABLE


def test_the_task_of_the_page_needs_not_fit_the_filter(view):
    view.press("enter")
    view.order.text = "nothing"
    view.show(tasks(b=7))
    assert not view.gone


def test_without_a_row_no_page_opens():
    view = View(Order(), 1.0)
    view.press("enter")
    assert view.page is Page.TABLE


def test_intervals_go_up_and_down_to_their_ends(view):
    assert view.press("+") is Action.INTERVAL
    assert view.interval == 2.0
    for _ in range(20):
        view.press("+")
    assert view.interval == INTERVALS[-1]
    for _ in range(20):
        view.press("-")
    assert view.interval == INTERVALS[0]


def test_an_interval_of_the_command_line_goes_to_the_next_of_the_list():
    view = View(Order(), 3.0)
    view.press("-")
    assert view.interval == 2.0


def test_q_ends_unless_it_is_part_of_a_filter(view):
    assert view.press("q") is Action.QUIT
    view.press("/")
    assert view.press("q") is Action.NOTHING


def test_letters_of_columns_do_nothing_on_other_pages(view):
    view.press("?")
    view.press("C")
    assert view.order.title == "MEM"


@given(
    steps=st.lists(
        st.one_of(
            st.sampled_from(KEYS),
            st.characters(),
            st.integers(0, 6),  # so many tasks
            st.tuples(st.integers(0, 9), st.integers(0, 40)),  # height, lines of the page
        ),
        max_size=40,
    )
)
def test_whatever_happens_the_cursor_is_on_a_row_and_the_page_on_the_screen(steps):
    view = View(Order(), 1.0)
    height = 1
    for step in steps:
        if isinstance(step, str):
            assert view.press(step) in Action
        elif isinstance(step, int):
            view.show(tasks(**{f"t{i}": (i * 7) % 4 for i in range(step)}))
        else:
            height, lines = max(1, step[0]), step[1]
            view.measure(step[0], len(view.rows) if view.page is Page.TABLE else lines, COLUMNS[:3])
        assert (view.selected is None) == (not view.rows)
        assert view.top >= 0
        if view.page is Page.TABLE and view.rows:
            place = view.rows.index(view.selected)
            assert view.top <= place < view.top + height
        assert view.interval in INTERVALS
