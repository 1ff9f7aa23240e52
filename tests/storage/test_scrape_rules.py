"""The rules of Prometheus and OpenMetrics that a page of metrics must obey, one test for each.

Most look at the pages of a whole agent that measures two tasks, with more collectors than by
default; those about names look at the whole catalogue.
"""

import re
import subprocess
import urllib.request
import zlib
from collections import defaultdict
from types import SimpleNamespace

import pytest
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics

from tests.main.agent import wait_until
from tests.services import program
from tests.storage.scraped_agent import scraped_agent
from wca.http import Request
from wca.http.server import HttpServer
from wca.metrics import Metric
from wca.metrics.batch import Batch, Series
from wca.metrics.catalogue import CATALOGUE
from wca.storage import PrometheusStorage
from wca.testing import check_exposition, check_openmetrics

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
NAMES = {entry.prometheus.name: entry for entry in CATALOGUE.values()}


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    """What the pages of an agent have shown."""
    with scraped_agent(tmp_path_factory.mktemp("agent")) as running:
        seen = SimpleNamespace(ids=running.ids)
        running.workers["one"].burn(0.1)
        running.wait_until_shown('function="iteration"')
        seen.text_status, seen.text_headers, seen.text = running.get("/metrics")
        seen.openmetrics = running.get("/metrics", Accept=OPENMETRICS)[2]
        seen.openmetrics_headers = running.get("/metrics", Accept=OPENMETRICS)[1]
        seen.landing = running.get("/")
        seen.healthz = running.get("/healthz")
        seen.ready = running.get("/-/ready")
        seen.missing = running.get("/nothing")
        running.remove("two")
        seen.after = _without(running, running.ids["two"])
        yield seen


def _without(running, task_id):
    wait_until(lambda: task_id not in running.get("/metrics")[2], "the end of the task")
    return running.get("/metrics")[2]


@pytest.fixture
def families(agent):
    return {family.name: family for family in parser.text_string_to_metric_families(agent.text)}


@pytest.fixture
def samples(families):
    return [sample for family in families.values() for sample in family.samples]


def ask(storage, **headers):
    (route,) = storage.routes()
    return route.respond(Request("GET", route.path, {}, headers))


def showing(*metrics):
    storage = PrometheusStorage()
    storage.store(list(metrics))
    return storage


# Naming and units


def test_rule_1_names_are_snake_case_with_a_prefix_and_without_colons(samples):
    for name in {sample.name for sample in samples} | NAMES.keys():
        assert re.fullmatch(r"(wca|task|container|platform)(_[a-z0-9]+)+", name), name


def test_rule_2_units_are_base_units():
    derived = r"_(milli|micro|nano|kilo|mega|giga|kb|kib|mb|mib|ms|us|ns|percent|ticks|bits|minutes|jiffies)"
    for name in NAMES:
        # A ratio to a thousand instructions is what MPKI means; its parts are exported as well.
        assert not re.search(rf"{derived}(_|$)", name.replace("_per_kilo_", "_")), name


def test_rule_2_what_has_a_unit_says_so_in_its_name():
    for name, entry in NAMES.items():
        unit = entry.prometheus.unit
        if unit not in (None, "numeric"):
            assert name.removesuffix("_total").endswith(f"_{unit}"), name


def test_rule_3_every_counter_ends_in_total_and_nothing_else_does(samples, families):
    for name, entry in NAMES.items():
        assert name.endswith("_total") == (entry.type == "counter"), name
        assert not name.endswith(("_sum", "_count", "_bucket", "_created", "_info")), name
    for family in families.values():
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter"), sample


def test_rule_3_facts_of_the_machine_stand_on_one_metric_only(samples):
    facts = {"sockets", "cores", "cpus", "cpu_model", "wca_version"}
    (information,) = [sample for sample in samples if facts <= sample.labels.keys()]
    assert (information.name, information.value) == ("wca_information", 1)
    for sample in samples:
        assert sample is information or not facts & sample.labels.keys(), sample


#: The agent's own names of the first release; a sum over their label makes no sense for the mean.
#: ``platform_topology_*`` and the like have no label that could be summed over.
def test_rule_4_no_total_stands_beside_its_parts(samples):
    totals = {"total", "all", "sum", ""}
    values = defaultdict(set)
    for sample in samples:
        for label, value in sample.labels.items():
            values[sample.name, label].add(value)
    for (name, label), found in values.items():
        assert not found & totals or len(found) == 1, (name, label)


def test_rule_4_labels_do_not_take_names_that_belong_to_the_scraper():
    levels = {level for entry in CATALOGUE.values() for level in entry.levels}
    taken = {"type", "service", "env", "environment", "region", "owner", "instance", "job", "le"}
    assert not levels & (taken | {"cluster", "zone_name", "quantile"})


def test_rule_5_counters_never_go_down(agent):
    def counters(text):
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in parser.text_string_to_metric_families(text)
            for sample in family.samples
            if family.type == "counter"
        }

    before, after = counters(agent.text), counters(agent.after)
    assert len(before.keys() & after.keys()) > 50
    for series in before.keys() & after.keys():
        assert after[series] >= before[series] >= 0, series


def test_rule_5_averages_of_the_source_are_not_passed_on():
    assert not [name for name in NAMES if re.search(r"avg(10|60|300)|load(1|5|15)", name)]


def test_rule_5_times_are_told_and_not_ages():
    for name, entry in NAMES.items():
        if "timestamp" in name or entry.unit == "timestamp":
            assert name.endswith("_timestamp_seconds"), name


def test_rule_6_no_metric_of_the_agent_itself_has_more_than_a_hundred_series(samples):
    counts = defaultdict(int)
    for sample in samples:
        if "task_id" not in sample.labels:
            counts[sample.name] += 1
    assert max(counts.values()) <= 100
    assert sum(count == 1 for count in counts.values()) > len(counts) / 2


# Text 0.0.4


def test_rule_7_the_text_is_valid_throughout(agent, families):
    assert check_exposition(agent.text) == []
    for family in families.values():
        assert family.documentation, family.name
        assert family.type in ("counter", "gauge"), family.name


def test_rule_7_escapes_in_help_and_labels_are_read_back():
    metric = Metric("a", 1, {"x": '\\n"\n{}='}, "gauge", 'A\\n "b"\n')
    (family,) = parser.text_string_to_metric_families(ask(showing(metric)).body.decode())
    assert family.documentation == metric.help
    assert family.samples[0].labels == metric.labels


def test_rule_8_there_are_no_histograms_that_could_be_wrong():
    assert {entry.type for entry in CATALOGUE.values()} <= {"counter", "gauge"}


# OpenMetrics 1.0


def test_rule_9_openmetrics_is_valid_throughout(agent):
    assert agent.openmetrics_headers["Content-Type"] == (
        "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
    )
    assert check_openmetrics(agent.openmetrics) == []
    families = list(openmetrics.text_string_to_metric_families(agent.openmetrics))
    types = {family.name: family.type for family in families}
    assert set(types.values()) == {"counter", "gauge"}
    units = {family.name: family.unit for family in families}
    assert units["task_cpu_usage_seconds"] == "seconds"
    assert units["task_mem_usage_bytes"] == "bytes"


def test_rule_10_a_family_is_in_one_place_and_what_did_not_change_is_there_again():
    batch = Batch(1.0)
    names = ["b", "a", "b", "a"]
    block = tuple(Series(name, {"i": str(i)}, "gauge") for i, name in enumerate(names))
    batch.add(block, [1, 2, 3, 4])
    storage = PrometheusStorage()
    pages = []
    for _ in range(2):
        storage.store(batch)
        pages.append(ask(storage, accept=OPENMETRICS).body.decode())
    assert pages[0] == pages[1]
    lines = [line for line in pages[0].splitlines() if not line.startswith("#")]
    assert [line[0] for line in lines] == ["a", "a", "b", "b"]


def test_rule_11_there_are_no_exemplars_that_could_be_wrong(agent):
    assert not any(" # {" in line for line in agent.openmetrics.splitlines())


# Timestamps and scheduling


def test_rule_12_there_are_no_timestamps_and_the_page_says_when_it_was_measured(agent, samples):
    assert all(sample.timestamp is None for sample in samples)
    assert agent.openmetrics.count("\nwca_last_iteration_timestamp_seconds{") == 1
    durations = [sample for sample in samples if sample.name == "wca_duration_seconds"]
    assert "iteration" in {sample.labels["function"] for sample in durations}


def test_rule_12_a_task_that_is_gone_is_gone_from_the_next_page(agent):
    assert agent.ids["two"] in agent.text
    assert agent.ids["two"] not in agent.after
    assert agent.ids["one"] in agent.after


def test_rule_13_a_scrape_measures_nothing():
    batch = Batch(1.0)
    batch.add((Series("a", {}, "gauge"),), [1])
    storage = PrometheusStorage()
    storage.store(batch)
    assert ask(storage).body == ask(storage).body  # the same measurement, however often


# Negotiation; the whole table of Accept headers is in test_prometheus_storage.py


def test_rule_14_every_answer_says_what_it_is(agent):
    assert agent.text_headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    for _, headers, _ in (agent.landing, agent.healthz, agent.ready, agent.missing):
        assert headers["Content-Type"]
    assert ask(PrometheusStorage()).content_type  # the page before the first measurement


def test_rule_15_the_weights_decide_and_the_last_resort_is_text():
    storage = showing(Metric("a", 1))
    for accept, expected in [
        (f"{OPENMETRICS};q=0.1, text/plain;version=0.0.4;q=0.9", "text/plain; version=0.0.4"),
        (f"{OPENMETRICS};q=0.9, text/plain;version=0.0.4;q=0.1", "application/openmetrics-text"),
        ("application/openmetrics-text;version=2.0.0", "text/plain; version=0.0.4"),
        ("image/png", "text/plain; version=0.0.4"),
    ]:
        assert ask(storage, accept=accept).content_type.startswith(expected)


def test_rule_16_names_that_need_escaping_are_refused_and_the_scheme_is_named():
    storage = showing(Metric("a", 1), Metric("my.metric", 1), Metric("b", 1, {"my.label": "x"}))
    response = ask(storage, accept=f"{OPENMETRICS};escaping=allow-utf-8")
    assert response.content_type.endswith("escaping=allow-utf-8")
    assert response.body == b"# TYPE a unknown\na 1\n# EOF\n"


def test_rule_17_gzip_where_offered():
    storage, server = (
        showing(*[Metric("a", i, {"i": str(i)}) for i in range(200)]),
        HttpServer("127.0.0.1:0"),
    )
    server.show(storage.routes())
    server.start()
    try:
        request = urllib.request.Request(
            f"{server.url}/metrics", headers={"Accept-Encoding": "gzip"}
        )
        with urllib.request.urlopen(request) as answer:
            assert answer.headers["Content-Encoding"] == "gzip"
            assert zlib.decompress(answer.read(), wbits=31) == ask(storage).body
    finally:
        server.close(5.0)


def test_rule_17_an_empty_label_is_no_label_and_reserved_ones_are_refused():
    storage = showing(Metric("a", 1, {"x": ""}), Metric("a", 2), Metric("b", 1, {"__x": "y"}))
    assert ask(storage).body == b'a{x=""} 1\n'


# Manners


def test_rule_18_every_source_has_its_state_and_duration_and_errors_are_counted(samples):
    names = {sample.name for sample in samples}
    assert {
        "wca_collector_state",
        "wca_collector_duration_seconds",
        "wca_healthy",
        "wca_failures_total",
    } <= names


def test_rule_18_the_landing_page_links_the_metrics(agent):
    assert agent.landing[0] == 200
    assert '<a href="/metrics">' in agent.landing[2]
    assert agent.healthz[::2] == (200, "ok\n")
    assert agent.ready[::2] == (200, "ready\n")


def test_rule_18_the_port_belongs_to_no_other_exporter():
    port = int(HttpServer().address.rpartition(":")[2])
    assert port > 9999  # from 9100 to 9999 every port is taken in Prometheus' list
    assert port < 32768  # the kernel gives those from there on to clients


# Rule 19, remote write, is in test_remote_write*.py.


#: What promtool finds to say, of all metrics that there are; docs/prometheus.md explains it.
LINT = []


def lint(text):
    promtool = program("promtool", package="prometheus")
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 3), done.stderr
    return done.stderr.splitlines()


def test_promtool_has_nothing_to_say_about_the_page_of_an_agent(agent):
    assert lint(agent.text) == []


def test_promtool_says_of_all_metrics_what_the_documentation_says():
    batch = Batch(1.0)
    for entry in CATALOGUE.values():
        labels = dict.fromkeys(entry.levels, "x")
        texts = entry.type, entry.help, entry.unit, entry.granularity
        batch.add((Series(entry.name, labels, *texts),), [1])
    storage = PrometheusStorage()
    storage.store(batch)
    text = ask(storage).body.decode()
    assert text.count("# TYPE") == len(CATALOGUE)
    assert check_exposition(text) == []
    assert check_openmetrics(ask(storage, accept=OPENMETRICS).body.decode()) == []
    assert lint(text) == LINT
