"""What the last line says."""

from tests.top.parts import reading, snapshot, task
from wca.top.model import Model
from wca.top.order import Order
from wca.top.status import Trouble, status_text
from wca.top.view import View


def words(trouble, shown, seconds_later, interval=1.0):
    return trouble.words(shown, interval, shown.reading.time + seconds_later, 0.0)


def test_while_all_is_well_it_shows_the_keys():
    view = View(Order(), 1.0)
    assert words(Trouble(), snapshot(task("a")), 1.0) == ""
    assert "q end" in status_text(view, "")
    assert len(status_text(view, "")) <= 80


def test_a_failure_stands_until_a_look_succeeds():
    trouble = Trouble()
    trouble.failed("the agent is away")
    assert words(trouble, snapshot(), 7.2) == "seen 7 s ago, trying again: the agent is away"
    assert trouble.words(None, 1.0, 0.0, 0.0) == "the agent is away"
    trouble.over()
    assert words(trouble, snapshot(), 1.0) == ""


def test_a_measurement_that_is_old_is_said_to_be():
    assert words(Trouble(), snapshot(), 20.0) == "the last measurement is 20 s old"
    assert words(Trouble(), snapshot(), 20.0, interval=10.0) == ""


def test_an_agent_that_measures_seldom_is_not_old():
    model = Model()
    model.take(reading())
    assert words(Trouble(), model.take(reading(at=30.0)), 40.0) == ""


def test_a_message_passes_and_a_note_stays():
    trouble, shown = Trouble(), snapshot(notes=("x fails", "y fails"))
    trouble.say("something was logged", until=10.0)
    assert trouble.words(shown, 1.0, shown.reading.time, 9.0) == "something was logged"
    assert trouble.words(shown, 1.0, shown.reading.time, 11.0) == "x fails; y fails"


def test_a_filter_is_shown_while_it_is_written():
    view = View(Order(), 1.0)
    for key in "/ab":
        view.press(key)
    assert status_text(view, "trouble").startswith("/ab_")
