"""The rules of Prometheus and OpenMetrics that a page of metrics must obey, one after the other.

Most look at the pages of a whole agent that measures two tasks, with more collectors than by
default, in all three vocabularies; those about names look at the whole catalogue.
"""

import os
import re
import time
import urllib.error
import urllib.request
import zlib
from collections import defaultdict
from types import SimpleNamespace

import pytest
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics

from tests.main.agent import wait_until
from tests.storage.push_parts import STALE, decode_v2
from tests.storage.scraped_agent import scraped_agent
from wca.collectors import Collector
from wca.http import Request
from wca.http.server import HttpServer
from wca.metrics import Metric
from wca.metrics.batch import Batch, Series
from wca.metrics.catalogue import CATALOGUE
from wca.metrics.metric import MetricGranularity
from wca.runners import MeasurementRunner
from wca.storage import PrometheusStorage
from wca.storage.encoding.protobuf.remote_write import RemoteWriteEncoder
from wca.testing import check_exposition, check_openmetrics

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
PATHS = {"prometheus": "/metrics", "wca": "/wca", "cadvisor": "/cadvisor"}
NAMES = {entry.prometheus.name: entry for entry in CATALOGUE.values()}
EVERYWHERE = pytest.mark.parametrize("names", PATHS)


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    """What the pages of an agent have shown, in both formats, before and after a task ended."""
    with scraped_agent(tmp_path_factory.mktemp("agent")) as running:
        seen = SimpleNamespace(ids=running.ids)
        running.workers["one"].burn(0.1)
        running.wait_until_shown("wca_iteration_duration_seconds{")
        seen.headers = running.get("/metrics")[1]
        seen.text = {names: running.get(path)[2] for names, path in PATHS.items()}
        answers = {
            names: running.get(path, Accept=OPENMETRICS)[1:] for names, path in PATHS.items()
        }
        seen.openmetrics = {names: text for names, (_, text) in answers.items()}
        seen.openmetrics_headers = answers["prometheus"][0]
        seen.landing = running.get("/")
        seen.healthz = running.get("/healthz")
        seen.ready = running.get("/-/ready")
        seen.missing = running.get("/nothing")
        running.remove("two")
        seen.after = _without(running, running.ids["two"])
        seen.later = {names: running.get(path)[2] for names, path in PATHS.items()}
        yield seen


def _without(running, task_id):
    wait_until(lambda: task_id not in running.get("/metrics")[2], "the end of the task")
    return running.get("/metrics")[2]


def families_of(text):
    return {family.name: family for family in parser.text_string_to_metric_families(text)}


def samples_of(text):
    families = parser.text_string_to_metric_families(text)
    return [sample for family in families for sample in family.samples]


@pytest.fixture
def families(agent):
    return families_of(agent.text["prometheus"])


@pytest.fixture
def samples(agent):
    return samples_of(agent.text["prometheus"])


def ask(storage, **headers):
    (route,) = storage.routes()
    return route.respond(Request("GET", route.path, {}, headers))


def showing(*metrics):
    storage = PrometheusStorage()
    storage.store(list(metrics))
    return storage


# Naming and units


#: What a metric is about; those of detection and allocation have the names of the first releases.
PREFIXES = (
    "wca|task|container|platform|ecs|anomaly|anomalies|threshold_rule|interference|cpi|detector"
    "|allocation|allocations|worker"
)


def test_rule_1_names_are_snake_case_with_a_prefix_and_without_colons(samples):
    for name in {sample.name for sample in samples} | NAMES.keys():
        assert re.fullmatch(rf"({PREFIXES})(_[a-z0-9]+)+", name), name


def test_rule_1_a_plugins_name_loses_its_colons():
    assert ask(showing(Metric("shop:orders:rate", 1))).body == b"shop_orders_rate 1\n"


def test_rule_2_units_are_base_units():
    derived = r"_(milli|micro|nano|kilo|mega|giga|kb|kib|mb|mib|ms|us|ns|percent|ticks|bits|minutes|jiffies)"
    for name in NAMES:
        # A ratio to a thousand instructions is what MPKI means; its parts are exported as well.
        # What resctrl calls MB is memory bandwidth, in the units of its schemata.
        plain = name.replace("_per_kilo_", "_").replace("_rdt_mb", "_rdt")
        assert not re.search(rf"{derived}(_|$)", plain), name


def test_rule_2_what_has_a_unit_says_so_in_its_name():
    for name, entry in NAMES.items():
        unit = entry.prometheus.unit
        if unit not in (None, "numeric"):
            assert name.removesuffix("_total").endswith(f"_{unit}"), name


def test_rule_2_what_a_plugin_counts_in_ticks_or_percent_is_converted():
    hertz = os.sysconf("SC_CLK_TCK")
    ticks = Metric("busy", 2 * hertz, {}, "counter", unit="ticks")
    storage = showing(ticks, Metric("load", 50, {}, "gauge", unit="percent"))
    lines = [line for line in ask(storage).body.decode().splitlines() if line[:1] != "#"]
    assert lines == ["busy_seconds_total 2.0", "load_ratio 0.5"]


def test_rule_2_pressure_is_in_seconds_cache_in_bytes_and_quotients_have_their_parts():
    units = {name: entry.prometheus.unit for name, entry in NAMES.items()}
    assert {unit for name, unit in units.items() if "_psi_" in name} == {"seconds"}
    assert units["task_llc_occupancy_bytes"] == "bytes"
    quotients = {"task_ipc": ("task_instructions_total", "task_cycles_total")}
    for quotient, parts in quotients.items():
        assert {quotient, *parts} <= units.keys()


def test_rule_3_every_counter_ends_in_total_and_nothing_else_does(samples, families):
    for name, entry in NAMES.items():
        assert name.endswith("_total") == (entry.type == "counter"), name
        assert not name.endswith(("_sum", "_count", "_bucket", "_created")), name
        assert name.endswith("_info") == (name in ("wca_build_info", "wca_config_info")), name
    for family in families.values():
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter"), sample


def test_rule_3_facts_of_the_machine_stand_on_one_metric_only(samples):
    facts = {"sockets", "cores", "cpus", "cpu_model", "wca_version"}
    (information,) = [sample for sample in samples if facts <= sample.labels.keys()]
    assert (information.name, information.value) == ("wca_information", 1)
    for sample in samples:
        assert sample is information or not facts & sample.labels.keys(), sample


def test_rule_3_no_label_is_on_every_series_but_the_host_and_those_of_the_user(samples):
    assert set.intersection(*(set(sample.labels) for sample in samples)) == {"host", "env"}


#: Numbers of the kernel by its own names: different things, some of them sums of others. They are
#: measured where they are asked for, and nobody adds them up.
TABLES = {
    "task_sched_stat": "task_sched_stat_total",
    "platform_vmstat": "platform_vmstat",
    "platform_node_vmstat": "platform_node_vmstat",
    "platform_zoneinfo": "platform_zoneinfo",
}
WHOLES = {"total", "all", "sum", "whole", "overall", "iteration", ""}


def parts_by_label(samples):
    """The values of a label among series that have everything else in common."""
    for sample in samples:
        if sample.name not in {*TABLES, *TABLES.values()}:
            for label in sample.labels:
                others = {name: of for name, of in sample.labels.items() if name != label}
                yield (sample.name, label, *sorted(others.items())), sample


def wholes_beside_parts(samples):
    """Series that are the sum of others of their family: by what they are called, or in fact."""
    groups = defaultdict(dict)
    for group, sample in parts_by_label(samples):
        groups[group][sample.labels[group[1]]] = sample.value
    for (name, label, *_), values in groups.items():
        called = WHOLES & values.keys() if len(values) > 1 else set()
        counted = [value for value in values.values() if value]
        whole = max(counted, default=0)
        added = len(counted) > 2 and sum(counted) - whole == pytest.approx(whole, rel=1e-9)
        if called or added:
            yield name, label, sorted(values)


@EVERYWHERE
def test_rule_4_no_total_stands_beside_its_parts(agent, names):
    for text in (agent.text[names], agent.later[names]):
        assert list(wholes_beside_parts(samples_of(text))) == []


def test_rule_4_a_total_would_be_found():
    parts = 'a{cpu="0"} 1.5\na{cpu="1"} 2.25\n'
    for other, found in [('a{cpu="all"} 9\n', 1), ('a{cpu="x"} 3.75\n', 1), ('a{cpu="x"} 4\n', 0)]:
        assert len(list(wholes_beside_parts(samples_of(parts + other)))) == found


def test_rule_4_the_whole_of_an_iteration_is_a_metric_of_its_own(samples):
    durations = {sample.labels["function"] for sample in samples if "function" in sample.labels}
    stages = {"collect", "export", "store", "status"}
    assert stages | {"discover", "synchronise"} == durations
    whole = {"wca_iteration_duration_seconds", "wca_iteration_duration_avg_seconds"}
    assert whole <= {sample.name for sample in samples if not {"function"} & sample.labels.keys()}


def test_rule_4_what_mixes_units_is_a_table_of_the_kernels_that_has_to_be_asked_for():
    assert {name for name, entry in CATALOGUE.items() if "key" in entry.levels} == TABLES.keys()
    for name in TABLES:
        assert CATALOGUE[name].needs
        assert CATALOGUE[name].levels[-1] == "key"


@EVERYWHERE
def test_rule_4_reading_and_writing_are_metrics_of_their_own(agent, names):
    ways = {"read", "reads", "write", "writes", "rx", "tx", "receive", "transmit", "in", "out"}
    for sample in samples_of(agent.text[names]):
        assert not ways & set(sample.labels.values()), sample


def test_rule_4_labels_do_not_take_names_that_belong_to_the_scraper():
    # The label type of an anomaly has had this name since the first release.
    levels = {
        level
        for entry in CATALOGUE.values()
        for level in entry.levels
        if (entry.granularity, level) != (MetricGranularity.ANOMALY, "type")
    }
    taken = {"type", "service", "env", "environment", "region", "owner", "instance", "job", "le"}
    assert not levels & (taken | {"cluster", "zone_name", "quantile"})


def counters_of(text):
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families_of(text).values()
        for sample in family.samples
        if family.type == "counter"
    }


@EVERYWHERE
def test_rule_5_counters_never_go_down(agent, names):
    before, after = counters_of(agent.text[names]), counters_of(agent.later[names])
    assert len(before.keys() & after.keys()) > 50
    for series in before.keys() & after.keys():
        assert after[series] >= before[series] >= 0, series
    assert any(after[series] > before[series] for series in before.keys() & after.keys())


def test_rule_5_what_can_go_down_is_a_gauge():
    falling = (
        r"_(usage|available|free|used|working_set|waiting|state|healthy|limit)(_|$)|task_pids$"
    )
    found = {name for name in CATALOGUE if re.search(falling, name)} - {
        "task_cpu_usage_seconds",
        "cpu_usage_per_cpu",
        "task_mem_limit_hits",
        "task_mem_soft_limit_hits",
        "task_pids_limit_hits",
    }
    assert len(found) > 15
    assert {name for name in found if CATALOGUE[name].type != "gauge"} == set()


def test_rule_5_what_may_be_counted_is_0_before_it_is(samples):
    names = {sample.name for sample in samples}
    own = {name for name, entry in NAMES.items() if entry.granularity == "internal"}
    ended = {name for name in NAMES if name.startswith("platform_ended_tasks")}
    # There is none without a storage that has a spool, a recording, or workers that are monitored.
    of_others = {"wca_damaged_spools_total", "wca_recording_lost_total"}
    of_others |= {name for name in own if name.startswith("wca_aws_")}
    assert {name for name in own | ended if name.endswith("_total")} - of_others <= names
    failures = {
        sample.labels["component"] for sample in samples if sample.name == "wca_failures_total"
    }
    states = [sample for sample in samples if sample.name == "wca_collector_state"]
    assert {sample.labels["collector"] for sample in states} <= failures
    assert {"node", "metrics_storage", "collect", "export", "store", "loop"} <= failures
    reasons = {
        sample.labels["reason"] for sample in samples if sample.name == "wca_dropped_samples_total"
    }
    assert {"failed", "rejected"} <= reasons


def test_rule_5_averages_and_extremes_of_the_source_are_not_passed_on():
    # The mark of the highest usage is kept by the kernel: no scrape could find it out. The others
    # are about this agent's own work, and on our own names since the first release. The budget of
    # a memory module's power is a setting, and so are limits of allocations.
    ours = {
        "allocation_memory_max_bytes",
        "allocation_io_max",
        "allocation_pids_max",
        "platform_avg_power_per_nvdimm_watts",
        "task_mem_max_usage_bytes",
        "task_scaling_factor_avg",
        "task_scaling_factor_max",
        "wca_duration_avg_seconds",
        "wca_iteration_duration_avg_seconds",
    }
    summaries = r"avg(10|60|300)|load(1|5|15)|_(avg|mean|median|min|max|stddev|p\d+)(_|$)"
    assert {name for name in NAMES if re.search(summaries, name)} == ours


def test_rule_5_times_are_told_and_not_ages(samples):
    assert [name for name in NAMES if re.search(r"_(age|uptime|elapsed|ago)(_|$)", name)] == []
    for name, entry in NAMES.items():
        if "timestamp" in name or entry.unit == "timestamp":
            assert name.endswith("_timestamp_seconds"), name
    now = time.time()
    times = [sample for sample in samples if sample.name.endswith("_timestamp_seconds")]
    assert "wca_collector_read_timestamp_seconds" in {sample.name for sample in times}
    for sample in times:
        assert now - 600 < sample.value <= now, sample


def test_rule_6_no_metric_of_the_agent_itself_has_more_than_a_hundred_series(samples):
    counts = defaultdict(int)
    for sample in samples:
        if "task_id" not in sample.labels:
            counts[sample.name] += 1
    assert max(counts.values()) <= 100
    assert sum(count == 1 for count in counts.values()) > len(counts) / 2


# Text 0.0.4


@EVERYWHERE
def test_rule_7_the_text_is_valid_throughout(agent, names):
    assert check_exposition(agent.text[names]) == []
    untyped = {"container_memory_failcnt"}  # cAdvisor's counters without _total
    for name, family in families_of(agent.text[names]).items():
        assert family.documentation, name
        assert family.type in ("counter", "gauge") or name in untyped, name


def test_rule_7_escapes_in_help_and_labels_are_read_back():
    metric = Metric("a", 1, {"x": '\\n"\n{}='}, "gauge", 'A\\n "b"\n')
    (family,) = parser.text_string_to_metric_families(ask(showing(metric)).body.decode())
    assert family.documentation == metric.help
    assert family.samples[0].labels == metric.labels


def test_rule_8_the_catalogue_has_counters_and_gauges_only():
    assert {entry.type for entry in CATALOGUE.values()} == {"counter", "gauge"}


@EVERYWHERE
def test_rule_8_there_are_no_histograms_that_could_be_wrong(agent, names):
    for text in (agent.text[names], agent.openmetrics[names]):
        types = set(re.findall(r"^# TYPE \S+ (\w+)$", text, re.MULTILINE))
        assert "gauge" in types
        assert types <= {"counter", "gauge", "info", "unknown"}
        assert not re.search(r'[{,](le|quantile)="', text)


@pytest.mark.parametrize("type_", ["histogram", "summary", "gaugehistogram"])
def test_rule_8_one_of_a_plugin_is_refused_and_not_written_by_halves(type_):
    storage = showing(Metric("a_bucket", 1, {"le": "+Inf"}, type_), Metric("b", 1))
    assert ask(storage).body == b"b 1\n"
    storage.store([Metric("b", 2)])
    assert storage.rejected == 1


# OpenMetrics 1.0


@EVERYWHERE
def test_rule_9_openmetrics_is_valid_throughout(agent, names):
    text = agent.openmetrics[names]
    assert check_openmetrics(text) == []
    assert text.endswith("\n# EOF\n")
    assert text.count("# EOF") == 1
    assert not re.search(r"\r|\ufeff|\n\n|\bNaN\b", text)
    assert len(list(openmetrics.text_string_to_metric_families(text))) > 50


def test_rule_9_types_units_and_the_content_type(agent):
    assert agent.openmetrics_headers["Content-Type"] == (
        "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
    )
    text = agent.openmetrics["prometheus"]
    families = list(openmetrics.text_string_to_metric_families(text))
    types = {family.name: family.type for family in families}
    assert set(types.values()) == {"counter", "gauge", "info"}
    assert {name for name, type_ in types.items() if type_ == "info"} == {
        "wca_build",
        "wca_config",
    }
    units = {family.name: family.unit for family in families}
    assert units["task_cpu_usage_seconds"] == "seconds"
    assert units["task_mem_usage_bytes"] == "bytes"


def test_rule_9_when_a_counter_began_is_told_in_seconds_where_it_is_known():
    metric = Metric("a", 1, {}, "counter", 'x "y"', start_time=1700000000.5, timestamp=1700000001.0)
    assert ask(showing(metric), accept=OPENMETRICS).body.decode() == (
        '# TYPE a counter\n# HELP a x \\"y\\"\na_total 1\na_created 1700000000.5\n# EOF\n'
    )


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


def exemplars_of(text):
    families = openmetrics.text_string_to_metric_families(text)
    return [sample.exemplar for family in families for sample in family.samples if sample.exemplar]


@EVERYWHERE
def test_rule_11_there_are_no_exemplars_that_could_be_wrong(agent, names):
    assert exemplars_of(agent.openmetrics[names]) == []


def test_rule_11_what_looks_like_an_exemplar_is_none():
    tempting = '1 # {trace_id="x"} 1'
    page = ask(
        showing(Metric("a", 1, {"x": tempting}, "counter", tempting)), accept=OPENMETRICS
    ).body.decode()
    assert exemplars_of(page) == []
    assert exemplars_of('# TYPE a counter\na_total 1 # {trace_id="x"} 1\n# EOF\n')
    assert check_openmetrics('# TYPE a counter\na_total 1 # {trace_id="x"} 1\n# EOF\n')


# Timestamps and scheduling


@EVERYWHERE
def test_rule_12_there_are_no_timestamps(agent, names):
    assert all(sample.timestamp is None for sample in samples_of(agent.text[names]))
    families = openmetrics.text_string_to_metric_families(agent.openmetrics[names])
    assert all(sample.timestamp is None for family in families for sample in family.samples)


def test_rule_12_the_page_says_when_it_was_measured_and_how_long_that_took(agent, samples):
    by_name = {sample.name: sample.value for sample in samples}
    assert time.time() - 600 < by_name["wca_last_iteration_timestamp_seconds"] < time.time()
    assert 0 < by_name["wca_iteration_duration_seconds"] < 60
    assert agent.openmetrics["prometheus"].count("\nwca_iteration_duration_seconds{") == 1


def test_rule_12_values_that_are_kept_for_more_than_a_minute_say_so_in_their_help(families):
    old = {
        name: family.documentation
        for name, family in families.items()
        if re.search(r"\bold\b|Read once", family.documentation)
    }
    kept = ("cores", "cpus", "sockets")  # a collector with an interval of five minutes
    assert old.keys() == {f"platform_topology_{name}" for name in kept}
    assert all(text.endswith(" Up to 300 s old.") for text in old.values())


def test_rule_12_a_task_that_is_gone_is_gone_from_the_next_page(agent):
    assert agent.ids["two"] in agent.text["prometheus"]
    assert agent.ids["two"] not in agent.after
    assert agent.ids["one"] in agent.after


class Counting(Collector):
    """Counts how often it is read."""

    scope = "node"

    def __init__(self):
        super().__init__()
        self.reads = 0

    def attach(self, _target):
        return self

    def read(self, out):
        self.reads += 1
        out["reads"] = self.reads

    def close(self, timeout=0.0):
        pass


class NoTasks:
    def get_tasks(self):
        return []


def test_rule_13_a_scrape_measures_nothing():
    counting, server, seen = Counting(), HttpServer("127.0.0.1:0"), []

    class Scraped(PrometheusStorage):
        """Looks at its page of the measurement before, again and again."""

        def store(self, metrics):
            before = counting.reads
            pages = {self.page() for _ in range(5)}
            seen.append((counting.reads - before, pages))
            super().store(metrics)

        def page(self):
            try:
                with urllib.request.urlopen(f"{server.url}/metrics") as answer:
                    return int(re.search(rb"\nreads\{.*\} (\d+)\n", answer.read())[1])
            except urllib.error.HTTPError as error:
                with error:
                    return error.status

    runner = MeasurementRunner(
        NoTasks(), Scraped(), collectors=[counting], http=server, interval=0.02
    )
    runner.stop_after(4)
    assert runner.run() == 0
    assert seen == [(0, {503}), (0, {1}), (0, {2}), (0, {3})]


# Negotiation; the whole table of Accept headers is in test_prometheus_storage.py


def test_rule_14_every_answer_says_what_it_is(agent):
    assert agent.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
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
        (";;q=,", "text/plain; version=0.0.4"),
    ]:
        assert ask(storage, accept=accept).content_type.startswith(expected)


@pytest.mark.parametrize("scheme", ["underscores", "dots", "values", "allow-utf-8"])
def test_rule_16_names_that_need_escaping_are_refused_and_the_scheme_is_named(scheme):
    storage = showing(Metric("a", 1), Metric("my.metric", 1), Metric("b", 1, {"my.label": "x"}))
    response = ask(storage, accept=f"{OPENMETRICS};escaping={scheme}")
    named = "underscores" if scheme == "dots" else scheme  # which would change the names
    assert response.content_type.endswith(f"escaping={named}")
    assert response.body == b"# TYPE a unknown\na 1\n# EOF\n"


@pytest.mark.parametrize("offered", ["gzip", "identity"])
def test_rule_17_gzip_where_offered(offered):
    storage = showing(*[Metric("a", i, {"i": str(i)}) for i in range(200)])
    server = HttpServer("127.0.0.1:0")
    server.show(storage.routes())
    server.start()
    try:
        request = urllib.request.Request(
            f"{server.url}/metrics", headers={"Accept-Encoding": offered}
        )
        with urllib.request.urlopen(request) as answer:
            packed = answer.headers["Content-Encoding"] == "gzip"
            body = answer.read()
    finally:
        server.close(5.0)
    assert packed == (offered == "gzip")
    assert (zlib.decompress(body, wbits=31) if packed else body) == ask(storage).body


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
        "wca_warnings_total",
        "wca_errors_total",
    } <= names


def test_rule_18_the_landing_page_links_the_metrics(agent):
    assert agent.landing[0] == 200
    for path in PATHS.values():
        assert f'<a href="{path}">' in agent.landing[2]
    assert agent.healthz[::2] == (200, "ok\n")
    assert agent.ready[::2] == (200, "ready\n")


def test_rule_18_the_port_belongs_to_no_other_exporter():
    port = int(HttpServer().address.rpartition(":")[2])
    assert port > 9999  # from 9100 to 9999 every port is taken in Prometheus' list
    assert port < 32768  # the kernel gives those from there on to clients


# Remote write; what is retried, and the counts of version 2, are in test_remote_write_storage.py


def test_rule_19_labels_are_sorted_none_is_empty_and_a_series_that_ends_is_marked():
    encoder = RemoteWriteEncoder(2)
    batches = [Batch(1.0), Batch(2.0)]
    batches[0].add((Series("b", {"z": "1", "y": "2", "A": "3", "none": ""}),), [5])
    batches[0].add((Series("a", {}),), [6])
    batches[1].add((Series("a", {}),), [7])
    decoded = []
    for batch in batches:
        parcels, rejected = encoder.encode(batch, 0.0)
        assert rejected == []
        decoded += [series for parcel in parcels for series in decode_v2(parcel.body)[0]]
    names = [[name for name, _ in labels] for labels, *_ in decoded]
    assert ["A", "__name__", "y", "z"] in names
    assert all(of == sorted(of) for of in names)
    ended = [dict(labels)["__name__"] for labels, bits, *_ in decoded if bits == STALE]
    assert ended == ["b"]
