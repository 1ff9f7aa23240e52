"""The status page of whole runs: when there is one, what it says, and what it keeps to itself."""

import json
import threading
import urllib.request

import pytest

from tests.http.talking import get
from tests.main.agent import wait_until
from tests.runners.test_detection import Says, Tasks, contention
from wca.allocations.files import KernelFiles
from wca.allocators import Allocator
from wca.http import HttpServer
from wca.nodes import Task
from wca.runners import AllocationRunner, DetectionRunner, MeasurementRunner
from wca.storage import PrometheusStorage
from wca.testing.kernel import KernelTree
from wca.testing.storage import RecordingStorage

WEB = Task("web", "web-1", "/web", {"app": "<b>shop</b>"})


class Site:
    """A runner on a thread, and its pages."""

    def __init__(self, folder):
        self.tree = KernelTree(folder, layout="v1_together")
        self.tree.add_task("/web", memory=1 << 20)
        self.server = HttpServer("127.0.0.1:0")
        self.runner = self.thread = None

    def run(self, kind=MeasurementRunner, **options):
        options = {
            "node": Tasks(WEB),
            "metrics_storage": RecordingStorage(),
            "http": self.server,
            "interval": 0.05,
            "kernel": self.tree.kernel,
            **options,
        }
        self.runner = kind(**options)
        self.thread = threading.Thread(target=self.runner.run, daemon=True)
        self.thread.start()
        wait_until(lambda: self.server.url and "at" in self.document(), "a measurement", 10)

    def document(self, query=""):
        status, headers, body = get(self.server, f"/status.json{query}")
        assert (status, headers["Content-Type"]) == (200, "application/json")
        return json.loads(body)

    def events(self, count):
        with urllib.request.urlopen(f"{self.server.url}/status/events", timeout=10) as answer:
            lines = (line.decode() for line in answer)
            data = (json.loads(line[6:]) for line in lines if line.startswith("data: "))
            return [next(data) for _ in range(count)]

    def end(self):
        self.runner.stop()
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path / "root")
    yield made
    if made.thread is not None:
        made.end()


def test_the_page_and_the_document_say_what_is_measured(site):
    site.run()
    site.runner.described_in("/etc/wca/config.yaml")
    _, headers, body = get(site.server, "/status")
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert b"<title>WCA status</title>" in body
    wait_until(lambda: "last_iteration_seconds" in site.document()["agent"], "a second", 10)
    told = site.document()
    assert told["version"] == 1
    assert told["now"] - told["at"] < 5
    agent = told["agent"]
    assert agent["runner"] == "MeasurementRunner"
    assert agent["interval_seconds"] == 0.05
    assert agent["configuration"] == "/etc/wca/config.yaml"
    assert agent["uptime_seconds"] > 0
    assert agent["last_iteration_seconds"] > 0
    assert "acts" not in agent
    assert told["node"]["cpus"] == len(site.tree.cpus)
    (task,) = told["tasks"]
    assert (task["id"], task["name"], task["labels"]) == ("web-1", "web", {"app": "<b>shop</b>"})
    assert task["memory_bytes"] > 0
    assert "ipc" not in task
    (storage,) = told["storages"]
    assert (storage["name"], storage["state"]) == ("metrics_storage", "working")
    assert storage["delivered"] > 0
    assert {"working"} == {
        one["state"] for one in told["collectors"] if one["name"] == "TaskCpuCollector"
    }
    assert told["anomalies"] == told["allocations"] == []


def test_the_landing_page_names_it(site):
    site.run()
    assert b'<a href="/status">Status</a>' in get(site.server, "/")[2]


def test_history_grows_second_by_second_and_can_be_left_out(site):
    site.run()
    wait_until(
        lambda: len(site.document()["tasks"][0]["history"]["memory_bytes"]) > 1, "points", 10
    )
    assert "history" not in site.document("?history=no")["tasks"][0]
    assert site.document()["tasks"][0]["cpu"] == 0.0


def test_who_looks_is_told_of_each_second_without_the_points_before(site):
    site.run()
    first, second = site.events(2)
    assert 0.5 < second["at"] - first["at"] < 5
    assert "history" not in second["tasks"][0]
    assert second["tasks"][0]["id"] == "web-1"


def test_a_live_view_does_not_hold_the_end(site):
    site.run()
    with urllib.request.urlopen(f"{site.server.url}/status/events", timeout=10) as answer:
        answer.readline()
        site.end()
        answer.read()
    site.thread = None


def test_an_agent_that_shows_nothing_remembers_nothing(site, tmp_path):
    storage = RecordingStorage()
    runner = MeasurementRunner(Tasks(WEB), storage, interval=0.01, kernel=site.tree.kernel)
    runner.stop_after(2)
    assert runner.run() == 0
    durations = {
        m.labels["function"] for m in storage.batches[-1] if m.name == "wca_duration_seconds"
    }
    assert "export" in durations
    assert "status" not in durations


def test_a_storage_that_has_pages_brings_the_status_page(site):
    storage = PrometheusStorage()
    site.run(metrics_storage=storage)
    assert site.document()["storages"][0]["name"] == "metrics_storage"


def test_an_anomaly_is_shown_with_its_verdict(site):
    site.run(
        DetectionRunner,
        detector=Says(([contention("web-1", verdict="too much CPU")], [])),
        anomalies_storage=RecordingStorage(),
    )
    wait_until(lambda: site.document()["anomalies"], "the anomaly", 10)
    (row,) = site.document()["anomalies"]
    assert (row["task"], row["verdict"]) == ("web", "too much CPU")


def test_the_records_still_go_to_their_file(site, tmp_path):
    records = tmp_path / "records"
    site.run(
        DetectionRunner,
        detector=Says(([contention("web-1", verdict="too much CPU")], [])),
        anomalies_storage=RecordingStorage(),
        records=str(records),
    )
    wait_until(lambda: records.read_text(), "the record", 10)
    assert site.document()["anomalies"]


class Decides(Allocator):
    def allocate(self, platform, tasks_data):
        return {"web-1": {"cpu_quota": 0.5}}, [], []

    def reasons(self):
        return {("web-1", "cpu_quota"): "it disturbs others"}


def test_an_allocation_is_shown_with_its_reason_and_a_hold_is_told(site, tmp_path):
    hold = tmp_path / "hold"
    site.run(
        AllocationRunner,
        allocator=Decides(),
        allocations_storage=RecordingStorage(),
        anomalies_storage=RecordingStorage(),
        act=True,
        hold=str(hold),
        journal=str(tmp_path / "journal"),
        files=KernelFiles(site.tree.root),
    )
    wait_until(lambda: site.document()["allocations"], "the allocation", 10)
    row = site.document()["allocations"][-1]
    assert (row["task"], row["type"], row["to"]) == ("web", "cpu_quota", 0.5)
    assert row["why"] == ["it disturbs others"]
    assert site.document()["agent"]["acts"] is True
    hold.write_text("a rehearsal")
    assert site.document()["agent"]["hold"] == f"held by {hold}: a rehearsal"


class Away(RecordingStorage):
    """Keeps a secret, and fails without telling it."""

    def __init__(self):
        super().__init__(error=OSError("nobody answers"))
        self.password = "secret-of-the-storage"


def test_a_storage_that_fails_is_told_and_secrets_are_not(site):
    site.run(metrics_storage=Away())
    wait_until(lambda: site.document()["storages"][0]["state"] == "failing", "the failure", 10)
    wait_until(lambda: site.document()["storages"][0]["dropped"]["failed"], "the loss", 10)
    (storage,) = site.document()["storages"]
    assert storage["error"] == "OSError: nobody answers"
    assert "secret" not in json.dumps(site.document())


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed(site, method):
    site.run()
    for path in ("/status", "/status.json", "/status/events"):
        assert get(site.server, path, method)[0] == 405


def test_a_head_has_no_body(site):
    site.run()
    status, headers, body = get(site.server, "/status.json", "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) > 100


def test_it_is_shown_to_those_alone_who_may_see_pages(site, tmp_path):
    token = tmp_path / "token"
    token.write_text("0123456789abcdef")
    token.chmod(0o600)
    site.server = HttpServer("127.0.0.1:0", token_file=str(token))
    runner = MeasurementRunner(
        Tasks(WEB), RecordingStorage(), http=site.server, kernel=site.tree.kernel
    )
    site.runner, site.thread = runner, threading.Thread(target=runner.run, daemon=True)
    site.thread.start()
    wait_until(lambda: site.server.url, "the server", 10)
    for path in ("/status", "/status.json", "/status/events", "/web/web.js"):
        assert get(site.server, path)[0] == 401
    assert get(site.server, "/status.json", Authorization="Bearer 0123456789abcdef")[0] == 200
    assert get(site.server, "/status", Host="evil.example")[0] == 401


def test_another_site_that_a_browser_of_this_machine_shows_cannot_read_it(site):
    site.run()
    assert get(site.server, "/status.json", Host="evil.example")[0] == 421


def test_containers_have_rows_where_they_alone_are_measured(site):
    site.tree.add_task("/web/one")
    pod = Task("web", "web-1", "/web", {}, {}, ["/web/one"])
    site.run(node=Tasks(pod), granularity="container")
    assert [task["name"] for task in site.document()["tasks"]] == ["web/one"]
