"""The status page of a real agent, with real cgroups, in a real browser: what an operator sees."""

import re

import pytest

from tests.browser import a_phone, errors, fits, text
from tests.cgroup_fixtures import RealCgroups, need_root
from tests.main.agent import Agent, wait_until, write_config
from tests.services import free_port

EVIL = "<script>document.title='taken'</script><img src=x onerror=document.title='taken'>"
PLUGIN = """
from wca.allocators import Allocator
from wca.detectors import ContendedResource, ContentionAnomaly, Evidence, Suspect

class Decides(Allocator):
    seen = ()

    def allocate(self, platform, tasks_data):
        self.seen = sorted(tasks_data)
        if len(self.seen) < 2:
            return {}, [], []
        batch, web = self.seen
        found = ContentionAnomaly(
            ContendedResource.CPUS, web, [batch], verdict="waits for CPU",
            evidence=Evidence({"waits": 0.4}, {"waits": 0.1}), suspects=[Suspect(batch, 0.9, 1.0)],
        )
        return {batch: {"cpu_shares": 0.4, "cpu_quota": 0.0001}}, [found], []

    def reasons(self):
        return {(one, "cpu_shares"): "<b>others wait for it</b>" for one in self.seen}
"""
CONFIG = """
runner: !AllocationRunner
  node: !StaticNode
    tasks: [{batch}, {web}]
    tasks_labels:
      {web}: {{app: "{evil}"}}
  interval: 200ms
  act: true
  hold: {folder}/hold
  journal: {folder}/journal
  allocator: !Decides {{}}
  metrics_storage: !LogStorage {{output_filename: {folder}/metrics}}
  anomalies_storage: !LogStorage {{output_filename: {folder}/anomalies}}
  allocations_storage: !HTTPStorage
    http_endpoint: http://127.0.0.1:{closed}/
    headers: {{X-Key: the-key-of-the-service}}
  http: !HttpServer {{address: "127.0.0.1:{port}"}}
"""


class Node:
    """An agent that measures two tasks and holds one of them back, and the page that shows it."""

    def __init__(self, cgroups, folder):
        self.folder, self.port = folder, free_port()
        self.batch, self.web = cgroups.make("batch")[1:], cgroups.make("web")[1:]
        self.worker = cgroups.worker(f"/{self.web}")
        (folder / "parts.py").write_text(PLUGIN)
        self.config = write_config(
            folder,
            CONFIG.format(
                batch=self.batch,
                web=self.web,
                evil=EVIL,
                folder=folder,
                closed=free_port(),
                port=self.port,
            ),
        )
        self.url = f"http://127.0.0.1:{self.port}/status"

        self.agent = None

    def start(self):
        self.agent = Agent("-c", self.config, "-r", "parts:Decides", plugins=self.folder)

    def end(self):
        with self.agent:
            self.agent.end()


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    need_root()
    cgroups = RealCgroups()
    made = Node(cgroups, tmp_path_factory.mktemp("node"))
    made.start()
    yield made
    made.end()
    cgroups.close()


def rows(browser, table):
    return [row.text for row in browser.find_elements("css selector", f"#{table} tr")]


@pytest.fixture
def shown(browser, node):
    """The page, once it shows both tasks."""
    browser.set_window_size(1200, 800)
    wait_until(lambda: _opened(browser, node.url), "the page", 30)
    errors(browser)  # those of other pages
    wait_until(lambda: len(rows(browser, "tasks")) == 2, "the tasks", 20)
    yield browser
    browser.get("about:blank")


def _opened(browser, url):
    from selenium.common.exceptions import WebDriverException

    try:
        browser.get(url)
    except WebDriverException:  # nobody listens yet
        return False
    return browser.title == "WCA status"


def test_tasks_appear_with_their_lines_and_what_comes_from_outside_is_text(shown, node):
    node.worker.burn(1.0)
    wait_until(
        lambda: any(re.search(r"\b0\.[1-9]", one) for one in rows(shown, "tasks")), "its use", 20
    )
    first, _ = rows(shown, "tasks")
    assert node.web in first, "the task that uses most is first"
    assert f"app={EVIL}" in first
    line = "#tasks tr svg path.cpu"
    wait_until(
        lambda: "L" in shown.find_element("css selector", line).get_attribute("d"), "a line", 10
    )
    assert shown.find_elements("css selector", "main img, main script") == []
    assert shown.title == "WCA status"
    assert str(node.config) in text(shown, "#agent")
    assert errors(shown) == []


def test_an_anomaly_and_allocations_are_shown_with_their_reasons(shown, node):
    wait_until(lambda: len(rows(shown, "allocations")) >= 2, "the allocations", 20)
    (anomaly,) = rows(shown, "anomalies")
    for words in (node.web, "waits for CPU", f"{node.batch} (0.9)", "waits: 0.4 (threshold 0.1)"):
        assert words in anomaly
    told = "\n".join(rows(shown, "allocations"))
    assert "applied" in told
    assert "<b>others wait for it</b>" in told
    assert "rejected by" in told
    assert "cpu_quota" in told


def test_a_storage_that_fails_is_said_at_the_top_without_its_secret(shown, node):
    wait_until(lambda: "allocations_storage fails: " in text(shown, "#wrong"), "the failure", 20)
    (failing,) = [one for one in rows(shown, "storages") if "allocations_storage" in one]
    assert "failing" in failing
    assert all("working" in one for one in rows(shown, "storages") if one != failing)
    assert "the-key-of-the-service" not in shown.page_source


def test_the_page_fits_a_phone(shown):
    wait_until(lambda: rows(shown, "allocations"), "the allocations", 20)
    with a_phone(shown):
        assert fits(shown)
        assert not shown.find_element("css selector", "thead").is_displayed()
        assert shown.find_element("id", "allocations").is_displayed()


def test_a_reader_keeps_the_place_while_numbers_change(shown):
    wait_until(lambda: rows(shown, "allocations"), "the allocations", 20)
    shown.find_element("id", "filter").send_keys("nobody")
    wait_until(lambda: rows(shown, "tasks") == [], "the filter", 10)
    before = text(shown, "#agent")
    wait_until(lambda: text(shown, "#agent") != before, "the next second", 10)
    assert shown.switch_to.active_element.get_attribute("id") == "filter"


def test_a_hold_is_said_at_the_top(shown, node):
    (node.folder / "hold").write_text("a rehearsal")
    wait_until(lambda: "a rehearsal" in text(shown, "#wrong"), "the hold", 20)
    (node.folder / "hold").unlink()


def test_an_agent_that_is_started_again_is_shown_again(shown, node):
    node.end()
    wait_until(lambda: "does not answer" in text(shown, "#link"), "the sentence", 20)
    node.start()
    process = f"process {node.agent.process.pid})"
    wait_until(lambda: process in text(shown, "#agent"), "the new agent", 30)
    wait_until(lambda: text(shown, "#link") == "live", "the sentence", 20)
    wait_until(lambda: len(rows(shown, "tasks")) == 2, "the tasks", 20)
