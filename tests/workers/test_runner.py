"""The runner as a whole: real schedule, rules, alerts, SQLite; only the cloud is a fake."""

import json
import logging
import os
import threading
import time
import urllib.request

import pytest

from tests.main.agent import wait_until
from tests.workers.monitoring.fleets import worker
from wca.errors import StartError, ValidationError
from wca.http import HttpServer
from wca.storage import Storage
from wca.supervisor import Supervisor
from wca.testing.fleet import FakeCloud, FakeLeases, FakeWorkers
from wca.version import __version__
from wca.workers.api import Notifier, TryLaterError
from wca.workers.history.sql import SqliteHistory
from wca.workers.job_stores.sqlite import SqliteJobStore
from wca.workers.leases.sqlite import SqliteLease
from wca.workers.model import Reading, Verdict
from wca.workers.rules.threshold import ThresholdRule
from wca.workers.runner import WorkerMonitoringRunner
from wca.workers.schedule.aps import ApsSchedule
from wca.workers.stores.sql import SqliteWorkerStore

ONE, TWO = worker(1, name="one"), worker(2, "us-east-1")
BUSY = {"cpu": Reading(Verdict.VALUE, 95.0, 0.0)}


class Bell(Notifier):
    """Notes what it is told; ``away``: it takes nothing."""

    def __init__(self, *, away=False):
        self.rung = []
        self.away = away

    def send(self, alerts):
        if self.away:
            raise TryLaterError("nobody is at home", 0.01)
        self.rung += [(alert.worker.id, alert.state.value) for alert in alerts]


class Kept(Storage):
    """The last batch of metrics."""

    blocking = False

    def __init__(self):
        self.metrics = []

    def store(self, metrics):
        self.metrics = list(metrics)

    def value(self, name, **labels):
        (one,) = [
            metric.value
            for metric in self.metrics
            if metric.name == name and labels.items() <= metric.labels.items()
        ]
        return one


class Site:
    """A folder with all that an agent keeps; ``runner`` makes another run of it."""

    def __init__(self, folder):
        self.folder = folder
        self.cloud = FakeCloud()
        self.workers = FakeWorkers([ONE, TWO])
        self.bell = Bell()
        self.metrics = Kept()
        self.server = None

    def runner(self, **options):
        self.server = HttpServer("127.0.0.1:0")
        path = lambda name: str(self.folder / name)  # noqa: E731
        fields = {
            "jitter": 0.0,
            "rules": [ThresholdRule("cpu", above=90.0)],
            "notifiers": [self.bell],
            "store": SqliteWorkerStore(path("workers.sqlite")),
            "history": SqliteHistory(path("history.sqlite")),
            "schedule": ApsSchedule(SqliteJobStore(path("jobs.sqlite"))),
            "metrics_storage": self.metrics,
            "metrics_interval": 1.0,
            "http": self.server,
            "shutdown_timeout": 4.0,
        }
        return WorkerMonitoringRunner(self.workers, self.cloud, **{**fields, **options})

    def run(self, iterations=1, **options):
        runner = self.runner(**options)
        runner.stop_after(iterations)
        return runner.run()

    def page(self, path):
        with urllib.request.urlopen(f"{self.server.url}{path}", timeout=10) as answer:
            return answer.read().decode()


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def during(runner, look):
    """Run until a look at it is over."""
    errors = []

    def observe():
        try:
            look()
        except BaseException as error:  # noqa: BLE001 - the test raises it again
            errors.append(error)
        finally:
            runner.stop()

    thread = threading.Thread(target=observe)
    thread.start()
    code = runner.run()
    thread.join(10)
    if errors:
        raise errors[0]
    return code


def test_one_iteration_polls_every_shard_once(site, caplog):
    caplog.set_level(logging.INFO, "wca")
    site.cloud.readings[ONE.instance_id] = BUSY
    assert site.run() == 0
    assert sorted(shard for what, shard, _ in site.cloud.asked if what == "status") == [
        "/eu-west-1",
        "/us-east-1",
    ]
    assert site.bell.rung == [("w1", "firing")]
    assert "Starting worker monitoring" in caplog.text
    assert "Started monitoring worker w1" in caplog.text


def test_metrics_of_the_fleet_and_of_its_monitoring_are_exported(site):
    site.cloud.readings[ONE.instance_id] = BUSY
    site.run()
    value = site.metrics.value
    assert value("worker_cpu_utilization_ratio", worker_id="w1") == 0.95
    assert value("worker_mem_utilization_ratio", worker_id="w2") == 0.1
    assert value("worker_state", worker_id="w1", state="running") == 1
    assert value("worker_check_passed", worker_id="w1", check="system") == 1
    assert value("worker_information", worker_name="one", aws_region="eu-west-1") == 1
    assert value("wca_workers", shard="/eu-west-1", state="running") == 1
    assert value("wca_worker_polls", shard="/eu-west-1", result="polled") == 1
    assert value("wca_worker_alerts", severity="warning") == 1
    assert value("wca_worker_readings", shard="/us-east-1", metric="cpu", verdict="value") == 1
    assert value("wca_worker_leases", shard="/us-east-1") == 1
    assert value("wca_workers_listed") > 1e9
    assert value("wca_information") == 1
    assert value("wca_build_info", version=__version__) == 1


def test_a_restart_fires_no_alert_again_and_resolves_what_is_over(site):
    site.cloud.readings[ONE.instance_id] = BUSY
    site.run()
    site.run()
    assert site.bell.rung == [("w1", "firing")]
    site.cloud.readings.clear()
    site.run()
    assert site.bell.rung == [("w1", "firing"), ("w1", "resolved")]


def test_an_alert_that_could_not_be_told_is_told_by_the_next_run(site):
    site.cloud.readings[ONE.instance_id] = BUSY
    site.bell.away = True
    site.run(shutdown_timeout=1.0)
    assert site.bell.rung == []
    site.bell.away = False
    site.run()
    assert site.bell.rung == [("w1", "firing")]


def test_pages_are_shown_while_it_runs(site):
    runner = site.runner()
    seen = {}

    def look():
        wait_until(lambda: site.server.url is not None, "the server", 10)
        wait_until(lambda: len(json.loads(site.page("/api/workers"))["workers"]) == 2, "rows", 10)
        seen["page"] = site.page("/workers")
        seen["history"] = json.loads(site.page("/api/workers/history?worker=w1"))
        seen["health"] = site.page("/healthz")
        seen["ready"] = site.page("/-/ready")
        with urllib.request.urlopen(f"{site.server.url}/api/events", timeout=10) as events:
            seen["event"] = [events.readline() for _ in range(4)]

    assert during(runner, look) == 0
    assert "<title>Workers</title>" in seen["page"]
    assert seen["history"]["points"][0]["values"]["cpu"] == 10.0
    assert (seen["health"], seen["ready"]) == ("ok\n", "ready\n")
    assert b"event: shard\n" in seen["event"]


def test_a_live_view_does_not_hold_the_end(site):
    runner = site.runner()
    held = []

    def look():
        wait_until(lambda: site.server.url is not None, "the server", 10)
        held.append(urllib.request.urlopen(f"{site.server.url}/api/events", timeout=10))
        held[0].readline()
        held.append(time.monotonic())

    assert during(runner, look) == 0
    assert time.monotonic() - held[1] < 4.0
    held[0].close()


def test_a_cloud_that_hangs_does_not_hold_the_end(site):
    site.cloud.answering.clear()
    runner = site.runner(shutdown_timeout=1.0)
    begin = []

    def look():
        wait_until(lambda: site.cloud.asked, "a question", 10)
        begin.append(time.monotonic())

    assert during(runner, look) == 0
    assert time.monotonic() - begin[0] < 3.0
    site.cloud.answering.set()


def test_a_list_of_workers_that_cannot_be_had_ends_a_run_that_is_to_end(site, caplog):
    site.workers.failing = "the table workers does not exist"
    with pytest.raises(StartError, match="no worker could be listed"):
        site.run()
    assert "the table workers does not exist" in caplog.text


def test_without_workers_an_iteration_is_over_at_once(site):
    site.workers.listed = []
    assert site.run() == 0


def test_workers_that_come_are_watched_without_a_restart(site):
    site.workers.listed = []
    runner = site.runner(refresh_interval=1.0)

    def look():
        wait_until(lambda: site.server.url is not None, "the server", 10)
        site.workers.listed = [ONE]
        wait_until(lambda: json.loads(site.page("/api/workers"))["workers"], "the row", 10)

    assert during(runner, look) == 0


def test_two_agents_poll_each_shard_once(site, tmp_path):
    lease = str(tmp_path / "lease.sqlite")
    other = Site(tmp_path / "other")
    other.folder.mkdir()
    first = site.runner(lease=SqliteLease(lease))

    def look():
        wait_until(lambda: len(site.metrics.metrics) and site.cloud.asked, "the first agent", 10)
        wait_until(
            lambda: sum(what == "status" for what, *_ in site.cloud.asked) == 2, "its polls", 10
        )
        holder = threading.Thread(target=lambda: other.run(lease=SqliteLease(lease)))
        holder.start()
        holder.join(10)
        assert not holder.is_alive()

    assert during(first, look) == 0
    assert other.cloud.asked == []
    assert other.metrics.value("wca_worker_polls", shard="/eu-west-1", result="not ours") == 1
    assert other.metrics.value("wca_worker_leases", shard="/eu-west-1") == 0
    third = Site(tmp_path / "third")
    third.folder.mkdir()
    third.run(lease=SqliteLease(lease))  # the first one has given its shards back
    assert len(third.cloud.asked) == 4


def test_agents_that_run_side_by_side_share_the_fleet_and_each_shows_all_of_it(site, tmp_path):
    lease, store = str(tmp_path / "lease.sqlite"), str(tmp_path / "store.sqlite")
    other = Site(tmp_path / "other")
    other.folder.mkdir()

    def runner(of):
        return of.runner(lease=SqliteLease(lease, ttl=1.0), store=SqliteWorkerStore(store))

    def leases(of):
        names = ("/eu-west-1", "/us-east-1")
        return [of.metrics.value("wca_worker_leases", shard=name) for name in names]

    def polls(of):
        return [shard for what, shard, _ in of.cloud.asked if what == "status"]

    first, second = runner(site), runner(other)

    def look():
        wait_until(lambda: len(polls(site)) == 2, "the first agent", 10)
        running = threading.Thread(target=second.run)
        running.start()
        try:
            shared = lambda: site.metrics.metrics and other.metrics.metrics  # noqa: E731
            wait_until(
                lambda: shared() and leases(site) in ([1, 0], [0, 1]),
                "the first gives one away",
                15,
            )
            wait_until(lambda: len(polls(other)) == 1, "the second has it at once", 15)
            assert polls(other)[0] == ("/us-east-1" if leases(site) == [1, 0] else "/eu-west-1")
            wait_until(
                lambda: len(json.loads(other.page("/api/workers"))["workers"]) == 2, "both rows", 15
            )
            rows = json.loads(other.page("/api/workers"))["workers"]
            assert all(row["agent"].endswith(f"/{os.getpid()}") for row in rows)
        finally:
            second.stop()
            running.join(10)
        wait_until(lambda: leases(site) == [1, 1], "the first has both again", 15)

    assert during(first, look) == 0


class Heard(Supervisor):
    def __init__(self):
        super().__init__()
        self.said = []

    def ready(self, status):
        self.said.append(f"ready: {status}")

    def stopping(self):
        self.said.append("stopping")


def test_the_supervisor_hears_that_it_is_ready_and_that_it_ends(site):
    runner, heard = site.runner(), Heard()
    runner.report_to(heard)
    runner.stop_after(1)
    runner.run()
    assert heard.said == ["ready: watching", "stopping"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"jitter": 301.0}, "jitter is longer than interval"),
        ({"rules": [ThresholdRule("cpu", above=1.0, name="a")] * 2}, "another rule is called"),
        ({"rules": [ThresholdRule("disk", above=1.0)]}, "disk"),
        ({"metrics": [{"name": "CPU", "namespace": "a", "metric": "b"}]}, "lower case"),
        ({"metrics": [{"name": "a", "namespace": "a", "metric": "b", "period": 90}]}, "whole"),
        ({"metrics": [{"name": "a", "namespace": "a", "metric": "b"}] * 2}, "another metric"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(site, fields, words):
    with pytest.raises(ValidationError, match=words):
        site.runner(**fields)


def test_leases_that_nobody_can_tell_of_leave_the_fleet_alone(site):
    leases = FakeLeases()
    leases.failing = "redis does not answer"
    assert site.run(lease=leases) == 0
    assert site.cloud.asked == []
