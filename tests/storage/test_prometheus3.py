"""Remote write 2.0 and OTLP into a Prometheus 3, built from its Go module."""

import math
import time

import pytest

from tests import prometheus_server
from tests.storage.push_parts import settled, until
from wca.metrics import Metric
from wca.metrics.vocabulary import Names
from wca.storage.otlp import OTLPStorage
from wca.storage.remote_write import RemoteWriteStorage

#: The first run builds the server, which takes minutes where the CPUs are busy.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

FLAGS = (
    prometheus_server.REMOTE_WRITE,
    "--web.enable-otlp-receiver",
    # Starts of counters become samples of 0 at that time, which can be queried.
    "--enable-feature=created-timestamp-zero-ingestion,metadata-wal-records",
)
QUICK = {"first_retry": 0.05, "longest_retry": 0.2}


@pytest.fixture(scope="module")
def binary():
    return prometheus_server.prometheus3()


@pytest.fixture(scope="module")
def server(binary, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prometheus3")
    with prometheus_server.start(folder, flags=FLAGS, binary=binary) as started:
        yield started


def remote_write(server, **options):
    options = {"version": 2.0, "queue": QUICK, "names": Names.WCA, **options}
    return RemoteWriteStorage(f"{server.url}/api/v1/write", **options)


def otlp(server, host, **options):
    # One for each test: a target's facts have times too, which must not go back.
    options = {"queue": QUICK, "host": host, **options}
    return OTLPStorage(f"{server.url}/api/v1/otlp/v1/metrics", **options)


def gauge(name, value, time, **labels):
    return Metric(name, value, labels, "gauge", "Help.", timestamp=time)


def counter(name, value, time, start=None, **labels):
    return Metric(name, value, labels, "counter", "Help.", "seconds", None, time, start)


@pytest.mark.parametrize("version", [1.0, 2.0])
class TestRemoteWrite:
    def test_labels_values_and_times_are_those_of_the_batch(self, server, version):
        name = f"arrives_{version:.0f}"
        now = round(time.time(), 3)
        odd = {"host": "n", "zebra": 'é "\\\n', "Upper": "x", "empty": "", "_under": "y"}
        values = [0, 1, -1.5, 2**53, 1e-300, math.inf, -math.inf, math.nan]
        storage = remote_write(server, version=version)
        storage.store([gauge(name, value, now, **odd, i=str(i)) for i, value in enumerate(values)])
        assert settled(storage).delivered == len(values)
        found = {one["metric"]["i"]: one for one in server.query(f"{name}[1m]", now)}
        assert len(found) == len(values)
        for i, value in enumerate(values):
            ((when, text),) = found[str(i)]["values"]
            kept = {key: text for key, text in odd.items() if text}
            assert found[str(i)]["metric"] == {**kept, "__name__": name, "i": str(i)}
            assert when == now
            assert str(float(text)) == str(float(value))
        storage.close(5.0)

    def test_series_end_when_they_are_missing_and_when_the_agent_stops(self, server, version):
        name = f"gone_{version:.0f}"
        start = float(math.floor(time.time())) - 20
        storage = remote_write(server, version=version)
        for step in range(4):
            tasks = ["a", "b"] if step < 2 else ["a"]
            storage.store([gauge(name, step, start + step, task=task) for task in tasks])
        storage.close(10.0)
        found = {
            one["metric"]["task"]: [value for _, value in one["values"]]
            for one in server.query_range(name, start, start + 3)
        }
        assert found == {"a": list("0123"), "b": list("01")}
        assert server.query(name, time.time() + 0.01) == []

    def test_a_sample_that_is_too_old_is_refused(self, server, version):
        name = f"older_{version:.0f}"
        now = time.time()
        storage = remote_write(server, version=version)
        storage.store([gauge(name, 1, now)])
        settled(storage)
        storage.store([gauge(name, 2, now - 5), gauge(f"{name}_good", 3, now + 1)])
        account = settled(storage)
        # Version 2.0 tells that the other sample of the request was written.
        lost = 2 if version == 1 else 1
        assert (account.dropped, account.delivered) == ({"refused": lost}, 3 - lost)
        storage.close(5.0)


class TestRemoteWrite2:
    def test_the_start_of_a_counter_is_a_sample_of_zero(self, server):
        now = round(time.time(), 3)
        storage = remote_write(server)
        storage.store([counter("started_total", 7, now, start=now - 10)])
        assert settled(storage).delivered == 1
        ((one),) = server.query("started_total[1m]", now)
        assert one["values"] == [[now - 10, "0"], [now, "7"]]
        storage.close(5.0)

    def test_many_requests_arrive_as_a_whole(self, server):
        now = time.time()
        storage = remote_write(server, max_samples=500)
        storage.store([gauge("many2", i, now, i=str(i)) for i in range(5001)])
        assert settled(storage).delivered == 5001
        (count,) = server.query("count(many2)", now)
        assert count["value"][1] == "5001"
        storage.close(5.0)

    def test_a_server_that_knows_version_1_only_gets_nothing_and_that_is_said(
        self, tmp_path, caplog
    ):
        with prometheus_server.start(tmp_path) as old:
            storage = remote_write(old)
            storage.store([gauge("unknown", 1, time.time())])
            assert settled(storage).dropped == {"refused": 1}
            storage.close(5.0)
        assert "RemoteWriteStorage" in caplog.text


class TestOtlp:
    def test_values_labels_and_names_are_those_of_the_batch(self, server):
        now = round(time.time(), 3)
        storage = otlp(server, "node-1")
        batch = [
            counter("task_cpu_usage", 1.5, now, task_id="a"),
            Metric("task_mem", 2**40 + 1, {"task_id": "a"}, "gauge", "H", "bytes", None, now),
            Metric("task_ratio", 0.25, {"task_id": "a"}, "gauge", "H", "numeric", None, now),
            Metric("task_count", 3, {"task_id": "a"}, "gauge", "H", "numeric", None, now),
        ]
        storage.store(batch)
        assert settled(storage).delivered == 4
        found = {
            one["metric"]["__name__"]: one for one in server.query('{job="wca",task_id="a"}', now)
        }
        values = {name: one["value"] for name, one in found.items()}
        assert values == {
            "task_cpu_usage_seconds_total": [now, "1.5"],
            "task_mem_bytes": [now, str(2**40 + 1)],
            "task_ratio": [now, "0.25"],
            "task_count": [now, "3"],
        }
        assert {one["metric"]["instance"] for one in found.values()} == {"node-1"}
        storage.close(5.0)

    def test_the_facts_about_the_machine_are_in_target_info(self, server):
        now = time.time()
        storage = otlp(server, "node-2", resource_attributes={"rack": "7"})
        facts = {"host": "node-2", "cpu_model": "Xeon", "sockets": "2", "wca_version": "9"}
        storage.store([gauge("wca_information", 1, now, **facts)])
        settled(storage)
        (info,) = server.query('target_info{instance="node-2"}', now + 1)
        labels = info["metric"]
        assert labels["host_cpu_model_name"] == "Xeon"
        assert (labels["wca_sockets"], labels["rack"]) == ("2", "7")
        storage.close(5.0)

    def test_series_end_when_they_are_missing_and_when_the_agent_stops(self, server):
        start = float(math.floor(time.time())) - 20
        storage = otlp(server, "node-3")
        for step in range(4):
            tasks = ["a", "b"] if step < 2 else ["a"]
            storage.store([gauge("gone_otlp", step, start + step, task=task) for task in tasks])
        storage.close(10.0)
        found = {
            one["metric"]["task"]: [value for _, value in one["values"]]
            for one in server.query_range("gone_otlp", start, start + 3)
        }
        assert found == {"a": list("0123"), "b": list("01")}
        assert server.query("gone_otlp", time.time() + 0.01) == []

    def test_a_counter_that_begins_anew_counts_on(self, server):
        start = round(time.time(), 3) - 20
        storage = otlp(server, "node-4")
        for step, value in enumerate([10, 14, 20, 1, 5]):
            storage.store([counter("anew_seconds_total", value, start + step)])
        assert settled(storage).delivered == 5
        (one,) = server.query("resets(anew_seconds_total[1m])", start + 4)
        assert one["value"][1] == "1"
        storage.close(5.0)


def test_a_server_that_is_killed_and_started_again_has_everything_in_the_end(binary, tmp_path):
    with prometheus_server.start(tmp_path, flags=FLAGS, binary=binary) as server:
        start = float(math.floor(time.time())) - 60
        storages = [remote_write(server), otlp(server, "node-5")]
        for step in range(60):
            for name, storage in zip(("pushed", "exported"), storages, strict=True):
                storage.store([gauge(name, step, start + step, i=str(i)) for i in range(10)])
            if step == 20:
                for storage in storages:
                    settled(storage)
                server.kill()
            if step == 40:
                until(lambda: all(storage.failing for storage in storages))
                server.start()
        for name, storage in zip(("pushed", "exported"), storages, strict=True):
            account = settled(storage)
            assert (account.delivered, account.dropped) == (600, {})
            found = server.query(f"{name}[2m]", start + 60)
            assert len(found) == 10
            assert all([int(v) for _, v in one["values"]] == list(range(60)) for one in found)
            storage.close(5.0)
