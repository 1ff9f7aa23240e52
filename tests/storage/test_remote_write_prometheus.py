"""Remote write 1.0 into Debian's Prometheus: what is queried there is what was measured here."""

import math
import time

import pytest

from tests import prometheus_server
from tests.main.agent import Agent, write_config
from tests.storage.push_parts import settled, until
from wca.metrics import Metric
from wca.metrics.vocabulary import Names
from wca.storage.remote_write import RemoteWriteStorage


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with prometheus_server.start(tmp_path_factory.mktemp("prometheus")) as started:
        yield started


def storage_to(server, **options):
    options.setdefault("queue", {"first_retry": 0.05, "longest_retry": 0.2})
    options.setdefault("names", Names.WCA)
    return RemoteWriteStorage(f"{server.url}/api/v1/write", **options)


def at(time, name, **labels):
    return lambda value: Metric(name, value, labels, "gauge", "Help.", timestamp=time)


class TestWhatArrives:
    def test_labels_values_and_times_are_those_of_the_batch(self, server):
        now = round(time.time(), 3)
        odd = {"host": "n", "zebra": 'é "\\\n', "Upper": "x", "empty": "", "_under": "y"}
        values = [0, 1, -1.5, 2**53, 1e-300, math.inf, -math.inf, math.nan, True]
        batch = [
            Metric("arrives", value, {**odd, "i": str(i)}, "gauge", timestamp=now)
            for i, value in enumerate(values)
        ]
        storage = storage_to(server)
        storage.store(batch)
        assert settled(storage).delivered == len(batch)
        found = {one["metric"]["i"]: one for one in server.query("arrives[1m]", now)}
        assert len(found) == len(batch)
        for i, value in enumerate(values):
            metric, ((when, text),) = found[str(i)]["metric"], found[str(i)]["values"]
            kept = {key: text for key, text in odd.items() if text}
            assert metric == {**kept, "__name__": "arrives", "i": str(i)}
            assert when == now
            assert text == {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}.get(
                str(float(value)), text
            )
            assert math.isnan(float(value)) or float(text) == value
        storage.close(5.0)

    def test_a_batch_of_many_requests_arrives_as_a_whole(self, server):
        now = time.time()
        batch = [Metric("many", i, {"i": str(i)}, timestamp=now) for i in range(5001)]
        storage = storage_to(server, max_samples=500)
        storage.store(batch)
        assert settled(storage).delivered == 5001
        (count,) = server.query("count(many)", now)
        (total,) = server.query("sum(many)", now)
        assert (count["value"][1], total["value"][1]) == ("5001", str(5000 * 5001 // 2))
        storage.close(5.0)

    def test_names_are_those_of_prometheus_by_default(self, server):
        now = time.time()
        storage = storage_to(server, names=Names.PROMETHEUS)
        storage.store([Metric("default_names", 5, {}, "counter", unit="ticks", timestamp=now)])
        settled(storage)
        (one,) = server.query("default_names_seconds_total", now)
        assert float(one["value"][1]) == 0.05
        storage.close(5.0)


class TestStaleness:
    def test_a_series_is_gone_in_the_interval_in_which_it_is_missing(self, server):
        start = float(math.floor(time.time())) - 20
        storage = storage_to(server)
        for step in range(6):
            tasks = ["a", "b"] if step < 3 or step == 5 else ["a"]
            storage.store([at(start + step, "gone", task=task)(step) for task in tasks])
        settled(storage)
        found = {
            one["metric"]["task"]: [value for _, value in one["values"]]
            for one in server.query_range("gone", start, start + 5)
        }
        assert found == {"a": list("012345"), "b": list("0125")}
        storage.close(5.0)

    def test_every_series_is_gone_when_the_agent_stops(self, server):
        now = time.time()
        storage = storage_to(server)
        storage.store([at(now, "stopped", task=task)(1) for task in "abc"])
        storage.close(10.0)
        assert len(server.query("stopped", now)) == 3
        assert server.query("stopped", time.time() + 0.01) == []

    def test_batches_of_other_kinds_end_nothing(self, server):
        start = time.time() - 10
        storage = storage_to(server)
        for step in range(3):
            storage.store([at(start + step, "metrics_kind")(step)])
            storage.store([at(start + step + 0.1, "anomalies_kind")(step)])
        settled(storage)
        assert len(server.query('{__name__=~".*_kind"}', start + 5)) == 2
        storage.close(5.0)


class TestRefusal:
    def test_what_is_older_than_what_is_there_is_refused_counted_and_not_sent_again(self, server):
        now = time.time()
        storage = storage_to(server)
        storage.store([at(now, "older")(1)])
        settled(storage)
        storage.store([at(now - 5, "older")(2)])
        storage.store([at(now + 1, "older")(3)])
        account = settled(storage)
        assert account.dropped == {"refused": 1}
        assert account.delivered == 2
        assert storage.failing is None
        storage.close(5.0)

    def test_the_same_batch_twice_is_no_contradiction(self, server):
        """After an answer that was lost on its way back, a request is sent again."""
        now = time.time()
        for _ in range(2):
            storage = storage_to(server)
            storage.store([at(now, "again")(1)])
            assert settled(storage).delivered == 1
            storage._parting = True  # no markers in between
            storage._dispatch.close(5.0)
        assert len(server.query("again", now)) == 1


def test_a_server_that_is_killed_and_started_again_has_everything_in_the_end(tmp_path):
    with prometheus_server.start(tmp_path) as server:
        start = float(math.floor(time.time())) - 60
        storage = storage_to(server)
        for step in range(60):
            storage.store([at(start + step, "restarted", i=str(i))(step) for i in range(10)])
            if step == 20:
                settled(storage)
                server.kill()
            if step == 40:
                until(lambda: storage.failing is not None)
                server.start()
        account = settled(storage)
        assert (account.delivered, account.dropped) == (600, {})
        found = server.query("restarted[2m]", start + 60)
        assert len(found) == 10
        assert all([int(v) for _, v in one["values"]] == list(range(60)) for one in found)
        storage.close(5.0)


def test_an_agent_that_runs_is_seen_there_and_gone_when_it_has_stopped(server, tmp_path):
    config = write_config(
        tmp_path,
        "runner: !MeasurementRunner\n"
        "  node: !StaticNode\n"
        "    tasks: []\n"
        "  interval: 0.2s\n"
        "  extra_labels: {run: e2e}\n"
        "  metrics_storage: !RemoteWriteStorage\n"
        f"    url: {server.url}/api/v1/write\n",
    )
    uptime = 'wca_last_iteration_timestamp_seconds{run="e2e"}'
    with Agent("-c", config) as agent:
        until(lambda: len(server.query(f"{uptime}[1m]")[:1]) and len(server.query(uptime)))
        agent.end()
        assert agent.process.returncode == 0, agent.err
    (samples,) = server.query(f"{uptime}[1m]")
    assert all(abs(when - float(value)) < 1 for when, value in samples["values"])
    assert server.query('{run="e2e"}', time.time() + 0.01) == []
