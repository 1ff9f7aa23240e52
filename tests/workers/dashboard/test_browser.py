"""The page in a real browser, without a screen: what people see, live."""

import pytest

from tests.browser import a_phone, errors, fits, text
from tests.http.talking import served
from tests.main.agent import wait_until
from tests.workers.dashboard.test_board import THERE, found, state
from tests.workers.monitoring.fleets import alert_of, worker
from wca.testing.clock import FakeClock
from wca.testing.fleet import FakeHistory, running
from wca.workers.dashboard.pages import Dashboard
from wca.workers.model import Checks, InstanceState, Reading, Sample, Verdict, WorkerState
from wca.workers.monitoring.lanes import Lane

EVIL = '<img src=x onerror="document.title=1">'
ONE = worker(1, name=EVIL)
TWO = worker(2, "us-east-1", name="two")


@pytest.fixture
def dashboard():
    lane = Lane("history")
    history = FakeHistory()
    clock = FakeClock()
    for minute in range(10):
        readings = {"cpu": Reading(Verdict.VALUE, minute * 10.0, 0.0)}
        sample = Sample(ONE, clock.now() - minute, running(ONE.instance_id), readings)
        history.append([sample])
    made = Dashboard(history, lane, clock)
    checks = Checks("ok", "impaired")
    first = WorkerState(
        ONE,
        InstanceState.RUNNING,
        checks,
        polled_at=clock.now(),
        readings={
            "cpu": Reading(Verdict.VALUE, 95.5, 0.0),
            "memory": Reading(Verdict.NO_DATA),
        },
    )
    made.board.observe(found(first, firing=[alert_of(ONE, clock.now())]))
    made.board.observe(found(state(TWO, 20.0), shard=THERE))
    yield made
    made.close()
    lane.close(5)


@pytest.fixture
def shown(browser, dashboard):
    browser.get_log("browser")
    with served(*dashboard.routes()) as server:
        browser.set_window_size(1200, 800)
        browser.get(f"{server.url}/workers")
        wait_until(lambda: len(rows(browser)) == 2, "the rows", 15)
        yield browser
        browser.get("about:blank")
        dashboard.close()


def rows(browser):
    return browser.find_elements("css selector", "#rows tr")


def test_the_fleet_is_shown_with_its_alerts_first(shown):
    first, second = (row.text for row in rows(shown))
    for words in (EVIL, ONE.instance_id, "eu-west-1", "running", "instance impaired", "95.5 %"):
        assert words in first
    assert "no data" in first
    assert "busy" in first
    assert "two" in second
    assert "is busy" in text(shown, "#firing")
    assert "2 running" in text(shown, "#counts")
    assert text(shown, "#link") == "live"


def test_what_comes_from_outside_is_text_and_the_policy_is_kept(shown):
    assert shown.title == "Workers"
    assert shown.find_elements("css selector", "img") == []
    assert errors(shown) == []


def test_what_changes_is_shown_without_asking(shown, dashboard):
    dashboard.board.observe(found(state(TWO, 77.0), shard=THERE))
    wait_until(lambda: "77.0 %" in text(shown, "#rows"), "the new value", 10)
    line = shown.find_element("css selector", 'tr[data-key="w2"] svg path.cpu')
    assert line.get_attribute("d") == "M0.0 19.2L100.0 5.5"
    dashboard.board.observe(found(ended=[TWO], shard=THERE))
    wait_until(lambda: len(rows(shown)) == 1, "the end of the row", 10)


def test_a_filter_leaves_what_it_says(shown):
    shown.find_element("id", "filter").send_keys("us-east two")
    wait_until(lambda: len(rows(shown)) == 1, "the filter", 10)
    assert "two" in text(shown, "#rows")


def test_a_name_opens_its_history(shown):
    shown.find_element("css selector", 'tr[data-key="w1"] .name').click()
    wait_until(lambda: text(shown, "#detail-note") == "10 polls", "the history", 10)
    line = shown.find_element("css selector", "#detail-charts path")
    assert line.get_attribute("d").count("L") == 9


def test_the_page_fits_a_phone(shown):
    with a_phone(shown):
        assert fits(shown)
        assert not shown.find_element("css selector", "thead").is_displayed()
        shown.find_element("css selector", 'tr[data-key="w1"] .name').click()
        wait_until(lambda: text(shown, "#detail-note") == "10 polls", "the history", 10)
        assert fits(shown)


def test_the_keyboard_stays_where_it_is_when_a_row_changes(shown, dashboard):
    shown.execute_script("""document.querySelector('tr[data-key="w2"] .name').focus()""")
    dashboard.board.observe(found(state(TWO, 77.0), shard=THERE))
    wait_until(lambda: "77.0 %" in text(shown, "#rows"), "the new value", 10)
    assert shown.switch_to.active_element.text == "two"


def test_where_no_stream_can_be_had_the_page_asks_again_and_again(browser, dashboard):
    full = [one for one in dashboard.routes() if one.path != "/api/events"]
    with served(*full) as server:
        browser.get(f"{server.url}/workers")
        wait_until(lambda: len(rows(browser)) == 2, "the rows", 15)
        assert text(browser, "#link") == "live, every 5 s"
        browser.get("about:blank")


def test_a_page_that_was_left_holds_no_connection(shown, dashboard):
    for _ in range(8):  # a browser has six for one server, and the server eight for streams
        shown.execute_script("location.href = location.pathname + '?' + Math.random()")
        wait_until(lambda: len(rows(shown)) == 2, "the rows", 5)
    wait_until(lambda: text(shown, "#link") == "live", "the stream", 5)


def test_an_agent_that_is_gone_is_said(shown, dashboard):
    dashboard.close()
    wait_until(lambda: "does not answer" in text(shown, "#link"), "the sentence", 10)
