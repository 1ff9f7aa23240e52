"""The page of a running agent as a reading."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.errors import UsageError, WcaError
from wca.http import Request
from wca.metrics.batch import Batch
from wca.metrics.export import Exporter
from wca.runners.columns import catalogued
from wca.storage import PrometheusStorage
from wca.top.agent import page_of
from wca.top.page import PageReader

LABELS = {"host": "node1", "task_id": "42", "task_name": "web", "app": "shop"}
AGENT = {"wca_up": 1_700_000_000.25, "wca_healthy": {"loop": 1, "TaskIoCollector": 0}}


def page(*measured, names="prometheus", metrics=()):
    """The text of a PrometheusStorage, of measurements by labels."""
    storage = PrometheusStorage(names=names)
    batch = Batch(AGENT["wca_up"], {"host": "node1"})
    for labels, values, *rename in ((LABELS | {}, {}), *measured):
        if values:
            Exporter(labels, **({"rename": rename[0]} if rename else {})).export(values, batch)
    everything = [*batch, *metrics]
    storage.store(everything)
    (route,) = storage.routes()
    return route.respond(Request("GET", route.path, {}, {"accept": "text/plain"})).body


def read(*measured, agent=None, **options):
    host = ({"host": "node1"}, AGENT if agent is None else agent)
    return PageReader().read(page(host, *measured, **options))


@pytest.mark.parametrize("names", ["prometheus", "wca"])
def test_numbers_come_back_under_the_names_of_the_catalogue(names):
    values = {
        "task_cpu_usage_seconds": 1.5,
        "task_mem_working_set_bytes": 1000,
        "task_mem_numa_pages": {"0": 7, "1": 8},
    }
    machine = {"cpu_usage_per_cpu": {"0": 250, "1": 100}, "memory_usage": 5}
    found = read((LABELS, values), ({"host": "node1"}, machine), names=names)
    (task,) = found.tasks
    assert task.values == values
    assert (task.key, task.task_id, task.name) == ("42", "42", "web")
    assert task.labels["app"] == "shop"
    assert found.machine == machine
    assert (found.host, found.time, found.at) == ("node1", AGENT["wca_up"], AGENT["wca_up"])


@pytest.mark.parametrize("names", ["prometheus", "wca"])
def test_a_container_is_a_row_of_its_own(names):
    from wca.runners.export import container_metric

    part = ({**LABELS, "container": "db"}, {"task_cpu_usage_seconds": 1.0}, container_metric)
    found = read((LABELS, {"task_cpu_usage_seconds": 3.0}), part, names=names)
    whole, one = sorted(found.tasks, key=lambda task: task.part)
    assert (whole.name, whole.part) == ("web", False)
    assert (one.name, one.part, one.task_id) == ("web db", True, "42")
    assert one.values == {"task_cpu_usage_seconds": 1.0}


def test_a_metric_of_a_plugin_is_kept_under_its_name():
    found = read((LABELS, {"mine": 3}))
    assert found.tasks[0].values == {"mine": 3}


def test_series_of_cpus_are_summed_where_the_catalogue_knows_no_cpus():
    series = [
        catalogued("task_cycles", value, {**LABELS, "cpu": str(cpu)})
        for cpu, value in enumerate((3, 4))
    ]
    assert read(metrics=series).tasks[0].values == {"task_cycles": 7}


def test_what_fails_is_noted():
    assert read().notes == ("TaskIoCollector fails",)


def anomaly(uuid="u1", **labels):
    return catalogued(
        "anomaly",
        1,
        {
            "contended_task_id": "42", "resource": "llc", "verdict": "cache", "type": "contention",
            "uuid": uuid, **labels,
        },
    )  # fmt: skip


def test_an_anomaly_is_told_once_with_all_who_take():
    takers = [
        anomaly(contending_task_id="7", contending_task_name="batch"),
        anomaly(contending_task_id="8"),
        anomaly(),
    ]
    found = read((LABELS, {"task_up": 1}), metrics=takers)
    assert found.anomalies == {"42": {"u1": "cache (llc) by batch, 8"}}


def test_nothing_is_said_of_anomalies_and_allocations_where_nobody_looks():
    found = read()
    assert found.anomalies is None
    assert found.allocations is None
    asked = read(agent={**AGENT, "anomaly_count": 0, "allocations_in_force": 0})
    assert asked.anomalies == asked.allocations == {}


def test_allocations_are_told_by_kind():
    granted = [
        catalogued("allocation_cpu_quota", 0.5, {**LABELS, "allocation_type": "cpu_quota"}),
        *(
            catalogued(
                "allocation_rdt_mb", mb,
                {**LABELS, "allocation_type": "rdt", "group_name": "be", "domain_id": str(domain)},
            )
            for domain, mb in enumerate((50, 60))
        ),
        catalogued(
            "allocation_requests", 1, {"allocation_type": "cpu_quota", "outcome": "applied"}
        ),
    ]  # fmt: skip
    assert read(metrics=granted).allocations == {
        "42": {"cpu_quota": "cpu_quota 0.5", "rdt": "rdt_mb be 0 50, rdt_mb be 1 60"}
    }


@pytest.mark.parametrize("names", ["prometheus", "wca"])
def test_a_collector_with_an_interval_of_its_own_says_when_it_has_read(names):
    agent = {**AGENT, "wca_collector_age_seconds": {"TaskIoCollector": 4.0, "Mine": 1.0}}
    found = read(agent=agent, names=names)
    assert found.read_at["task_io_read_bytes"] == pytest.approx(AGENT["wca_up"] - 4.0)
    assert "task_cpu_usage_seconds" not in found.read_at


def test_series_that_are_gone_are_gone_with_the_next_page():
    reader = PageReader()
    host = ({"host": "node1"}, AGENT)
    first = reader.read(page(host, (LABELS, {"task_up": 1})))
    again = reader.read(page(host))
    assert len(first.tasks) == 1
    assert again.tasks == ()


def test_names_of_cadvisor_are_refused_with_what_helps():
    values = {"task_cpu_usage_seconds": 1.5}
    with pytest.raises(WcaError, match=r"cAdvisor's names.*names: prometheus"):
        read((LABELS, values), names="cadvisor")


def test_the_page_of_another_program_is_refused():
    with pytest.raises(WcaError, match="not that of a WCA agent"):
        PageReader().read(b"# HELP up\nup 1\n")
    with pytest.raises(WcaError, match="something else than a page of metrics"):
        PageReader().read(b"<html><body>hello</body></html>")


@given(text=st.binary(max_size=300))
def test_no_page_makes_it_stumble(text):
    good = page(({"host": "node1"}, AGENT), (LABELS, {"task_up": 1}))
    assert PageReader().read(good + b"\n" + text).host == "node1"
    with contextlib.suppress(WcaError):
        PageReader().read(text)


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("http://127.0.0.1:19220", "http://127.0.0.1:19220/metrics"),
        ("http://node1:19220/", "http://node1:19220/metrics"),
        ("https://[::1]:1/a/b?c=d", "https://[::1]:1/a/b?c=d"),
    ],
)
def test_the_page_is_metrics_where_the_url_has_no_path(url, page):
    assert page_of(url) == page


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:19220", "ftp://a/", "http://", "http://a:x/", "http://[", "http://a:0"]
)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(UsageError, match="no address of an agent"):
        page_of(url)
