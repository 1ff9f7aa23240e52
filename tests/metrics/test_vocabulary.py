"""The same metrics under the names of Prometheus and cAdvisor."""

import os

import pytest

from wca.errors import ValidationError
from wca.metrics import CATALOGUE, Metric
from wca.metrics.batch import Batch
from wca.metrics.cached import with_ages
from wca.metrics.export import Exporter
from wca.metrics.vocabulary import Names, Vocabulary

TICKS = os.sysconf("SC_CLK_TCK")
FACTS = {"wca_version": "1", "cpu_model": "x", "sockets": "1", "cores": "2", "cpus": "4"}
COMMON = {"host": "h", "rack": "r7", **FACTS}
POD = {
    "task_id": "uid-1",
    "task_name": "shop/web-0",
    "app": "web",
    "namespace": "shop",
    "pod_name": "web-0",
    "pod_template_hash": "58f9",
    "image": "registry/web:1",
}


def batch(*targets, timestamp=9.0, common=COMMON):
    filled = Batch(timestamp, common)
    for exporter, measurements in targets:
        exporter.export(measurements, filled)
    return filled


def agent(**labels):
    return Exporter({**COMMON, **labels})


def task(rename=str, **labels):
    return Exporter({**POD, **labels, **COMMON}, rename=rename)


def twin(name):
    return f"container_{name.removeprefix('task_')}"


def prometheus(**options):
    return Vocabulary(Names.PROMETHEUS, **options)


def cadvisor(**options):
    return Vocabulary(Names.CADVISOR, **options)


def only(metrics):
    (metric,) = metrics
    return metric


def by_name(metrics):
    return {metric.name: metric for metric in metrics}


# The vocabulary of ours


def test_with_our_own_names_metrics_are_the_same_object():
    filled = batch((agent(), {"wca_tasks": 1}))
    assert Vocabulary(Names.WCA).translate(filled) is filled
    metrics = [Metric("a", 1)]
    assert Vocabulary("wca").translate(metrics) is metrics


def test_an_unknown_vocabulary_is_refused():
    with pytest.raises(ValidationError, match="'nagios' are no names: write wca, prometheus or"):
        Vocabulary("nagios")


def test_labels_to_keep_are_refused_where_all_are_kept():
    with pytest.raises(ValidationError, match="with names: wca every label stays"):
        Vocabulary(Names.WCA, ["app"])


# Names and values in the style of Prometheus


@pytest.mark.parametrize(
    ("name", "type_", "unit", "expected"),
    [
        ("task_cpu_usage_seconds", "counter", "seconds", "task_cpu_usage_seconds_total"),
        ("task_mem_usage_bytes", "gauge", "bytes", "task_mem_usage_bytes"),
        ("wca_duration_seconds_avg", "gauge", "seconds", "wca_duration_avg_seconds"),
        ("task_last_seen", "gauge", "timestamp", "task_last_seen_timestamp_seconds"),
        ("wca_up", "gauge", "timestamp", "wca_last_iteration_timestamp_seconds"),
        ("memory_usage", "gauge", "bytes", "platform_mem_usage_bytes"),
        ("wca_error_count", "counter", "numeric", "wca_errors_total"),
        ("hits", "counter", None, "hits_total"),
        ("hits_total", "counter", None, "hits_total"),
        ("job:hits:rate5m", "gauge", None, "job_hits_rate5m"),
        ("busy", "counter", "seconds", "busy_seconds_total"),
        ("busy_ticks", "counter", "ticks", "busy_seconds_total"),
        ("load_percent", "gauge", "percent", "load_ratio"),
        ("started_timestamp", "gauge", "timestamp", "started_timestamp_seconds"),
        ("begun_seconds", "gauge", "timestamp", "begun_timestamp_seconds"),
        ("copied_bytes_total", "counter", "bytes", "copied_bytes_total"),
        ("speed", "gauge", "bytes_per_second", "speed_bytes_per_second"),
        ("strange", "gauge", "furlongs", "strange"),
        ("untyped", None, None, "untyped"),
        ("no-name", "counter", "seconds", "no-name"),
        ("", "counter", None, ""),
    ],
)
def test_a_name_has_the_unit_and_then_total(name, type_, unit, expected):
    metric = Metric(name, 1, {}, type_, None, unit)
    assert only(prometheus().translate([metric])).name == expected


def test_ticks_become_seconds_and_the_help_says_so():
    filled = batch((agent(), {"cpu_usage_per_cpu": {"0": 3 * TICKS, "1": TICKS // 2}}))
    first, second = prometheus().translate(filled)
    assert first.name == second.name == "platform_cpu_busy_seconds_total"
    assert (first.value, second.value) == (3, 0.5)
    assert first.unit == "seconds"
    assert "ticks" not in first.help
    assert filled.values == [3 * TICKS, TICKS // 2]


def test_percent_becomes_a_ratio():
    metric = only(prometheus().translate([Metric("a_percent", 12.5, {}, "gauge", unit="percent")]))
    assert (metric.name, metric.value) == ("a_ratio", 0.125)


def test_only_values_in_another_unit_change():
    filled = batch((agent(), {"memory_usage": 7, "cpu_usage_per_cpu": {"0": TICKS}}))
    translated = prometheus().translate(filled)
    assert translated.values == [7, 1.0]
    assert type(translated.values[0]) is int


def test_all_but_name_unit_and_labels_stays():
    start = Metric(
        "a", 5, {"x": "1"}, "counter", "Help.", "numeric", "internal", timestamp=3.0, start_time=1.0
    )
    assert prometheus().translate([start]) == [
        Metric("a_total", 5, {"x": "1"}, "counter", "Help.", "numeric", "internal", 3.0, 1.0)
    ]


@pytest.mark.parametrize("names", [Names.PROMETHEUS, Names.CADVISOR])
@pytest.mark.parametrize(
    "odd",
    [
        Metric(5, 1, {}, "counter"),
        Metric("a", 1, None),
        Metric("a", 1, {5: "x"}, "gauge", granularity="task"),
        Metric("a", 1, {"task_id": None}, "gauge", granularity="task"),
        Metric("a", 1, {}, ["counter"]),
        Metric("a", 1, {}, "gauge", unit={}),
        Metric("a", "1", {}, "gauge", unit="ticks"),
        Metric("a", None, {}, "gauge", unit="percent"),
        Metric("a", 10**400, {}, "gauge", unit="ticks"),
        Metric("task_io_device_reads", 1, {"device": None}, "counter", granularity="task"),
    ],
    ids=repr,
)
def test_what_no_storage_takes_is_left_for_it_to_refuse(names, odd):
    good = Metric("b", 1, {}, "counter")
    first, second = Vocabulary(names).translate([odd, good])
    assert first.value is odd.value
    assert second.name == "b_total"


@pytest.mark.parametrize("names", [Names.PROMETHEUS, Names.CADVISOR])
@pytest.mark.parametrize("as_list", [False, True])
def test_of_what_is_old_the_time_is_told_and_not_the_age(names, as_list):
    measurements = {"wca_collector_age_seconds": {"Slow": 2.5}, "wca_tasks": 1}
    filled = batch((agent(), measurements), timestamp=1_700_000_000.25)
    (moment, other) = Vocabulary(names).translate(list(filled) if as_list else filled)
    assert (moment.name, moment.value) == ("wca_collector_read_timestamp_seconds", 1_699_999_997.75)
    assert moment.labels["collector"] == "Slow"
    assert moment.help.startswith("Unix time")
    assert other.value == 1


def test_that_time_stays_the_same_while_the_age_grows():
    vocabulary, exporter = prometheus(), agent()
    times = []
    for later in (0.0, 0.1, 0.2, 0.3):
        age = {"wca_node_list_age_seconds": {"KubernetesNode": 1.1 + later}}
        times += vocabulary.translate(batch((exporter, age), timestamp=1e9 + later)).values
    assert times == [1e9 - 1.1] * 4


def test_an_age_at_no_time_stays_an_age():
    age = Metric("wca_collector_age_seconds", 5, {}, "gauge", unit="seconds")
    assert prometheus().translate([age]) == [age]


def test_with_our_own_names_it_is_an_age():
    filled = batch((agent(), {"wca_collector_age_seconds": {"Slow": 2.5}}))
    assert only(Vocabulary(Names.WCA).translate(filled)).value == 2.5


@pytest.mark.parametrize("names", [Names.PROMETHEUS, Names.CADVISOR])
def test_what_the_help_says_of_the_age_of_values_is_said_under_every_name(names):
    entries = with_ages(CATALOGUE, dict.fromkeys(CATALOGUE, 300.0))
    measured = {"cpu_usage_per_cpu": {"0": 1}, "platform_topology_cpus": 2}
    of_task = {"task_mem_page_faults": 1, "task_cycles": 2, "task_mem_usage_bytes": 3}
    filled = Batch(1.0)
    Exporter({}, entries).export(measured, filled)
    Exporter({"task_id": "t"}, entries).export(of_task, filled)
    helps = [metric.help for metric in Vocabulary(names).translate(filled)]
    assert len(helps) == 5
    assert all(text.endswith(". Up to 300 s old.") for text in helps)


# Labels


def test_the_facts_of_the_machine_stay_with_the_information_only():
    filled = batch((agent(), {"wca_information": 1, "wca_tasks": 2}), (task(), {"task_up": 1}))
    metrics = by_name(prometheus().translate(filled))
    assert metrics["wca_information"].labels == COMMON
    assert metrics["wca_tasks"].labels == {"host": "h", "rack": "r7"}
    assert FACTS.keys().isdisjoint(metrics["task_up"].labels)


def test_a_task_keeps_the_usual_labels_and_those_of_every_series():
    filled = batch((agent(), {"wca_tasks": 1}), (task(), {"task_up": 1}))
    assert by_name(prometheus().translate(filled))["task_up"].labels == {
        "task_id": "uid-1",
        "task_name": "shop/web-0",
        "app": "web",
        "namespace": "shop",
        "pod_name": "web-0",
        "host": "h",
        "rack": "r7",
    }


def test_a_list_of_labels_replaces_the_usual_ones():
    filled = batch((agent(), {"wca_tasks": 1}), (task(), {"task_up": 1}))
    metrics = by_name(prometheus(labels=["pod_template_hash"]).translate(filled))
    assert metrics["task_up"].labels == {
        "task_id": "uid-1",
        "pod_template_hash": "58f9",
        "host": "h",
        "rack": "r7",
    }


def test_what_tells_series_of_a_task_apart_stays():
    measurements = {
        "task_mem_numa_pages": {"0": 1, "1": 2},
        "task_network_device_receive_bytes": {"e": 3},
    }
    filled = batch((task(), measurements))
    labels = [metric.labels for metric in prometheus(labels=[]).translate(filled)]
    assert [one.get("numa_node") for one in labels] == ["0", "1", None]
    assert labels[2]["device"] == "e"


def test_containers_of_a_task_stay_apart():
    parts = [task(twin, container=name) for name in ("a", "b")]
    filled = batch(*((part, {"task_cpu_usage_seconds": 1}) for part in parts))
    metrics = prometheus(labels=[]).translate(filled)
    assert [(one.name, one.labels["container"]) for one in metrics] == [
        ("container_cpu_usage_seconds_total", "a"),
        ("container_cpu_usage_seconds_total", "b"),
    ]


def test_a_batch_of_tasks_alone_keeps_the_labels_of_every_series():
    assert only(prometheus().translate(batch((task(), {"task_up": 1})))).labels["rack"] == "r7"


def test_a_label_of_every_series_may_have_any_name():
    measured = task(collector="c"), {"task_up": 1}
    others = {"wca_collector_state": {"c": {"working": 1}}}
    filled = batch(
        (agent(), others), measured, (agent(), {"platform_cpu_seconds": {"0": {"x": 1}}})
    )
    labels = by_name(prometheus().translate(filled))["task_up"].labels
    assert "collector" not in labels  # though all of the agent's series here have one


@pytest.mark.parametrize("as_list", [False, True])
def test_where_no_batch_says_what_all_series_have_it_is_the_host(as_list):
    filled = batch((agent(), {"wca_tasks": 1}), (task(), {"task_up": 1}), common={})
    labels = by_name(prometheus().translate(list(filled) if as_list else filled))["task_up"].labels
    assert labels["host"] == "h"
    assert "rack" not in labels


def test_another_label_of_every_series_is_noticed():
    vocabulary, exporter = prometheus(), task(zone="z")
    for common, kept in ((COMMON, False), ({**COMMON, "zone": "z"}, True), (COMMON, False)):
        filled = batch((exporter, {"task_up": 1}), common=common)
        assert ("zone" in only(vocabulary.translate(filled)).labels) is kept


def test_the_translation_says_as_well_what_all_series_have():
    assert prometheus().translate(batch((task(), {"task_up": 1}))).common == COMMON


def test_an_unknown_number_of_a_task_has_the_labels_of_the_task():
    filled = batch((task(), {"task_up": 1, "my_own": 2}))
    metrics = by_name(prometheus().translate(filled))
    assert metrics["my_own"].labels == metrics["task_up"].labels


def test_labels_of_a_plugins_own_metric_stay():
    labels = {"resource": "llc", "uuid": "5", **POD}
    metric = Metric("anomaly", 1, labels, "counter")
    assert only(prometheus().translate([metric])).labels == labels


def test_one_mapping_of_labels_may_belong_to_a_task_its_container_and_the_agent():
    labels = {"task_id": "t", "container": "c", "team": "x", "cpus": "2"}
    metrics = [
        Metric("task_pids", 1, labels, "gauge", granularity="task"),
        Metric("container_pids", 1, labels, "gauge", granularity="task"),
        Metric("my_agent", 1, labels, "gauge", granularity="internal"),
    ]
    for shared in (metrics, metrics[::-1]):
        found = by_name(prometheus().translate(shared))
        assert found["task_pids"].labels == {"task_id": "t", "container": "c"}
        assert found["my_agent"].labels == {"task_id": "t", "container": "c", "team": "x"}
        ids = [one.labels.get("id") for one in cadvisor().translate(shared)]
        assert sorted(map(str, ids)) == ["/t", "/t/c", "None"]


def test_the_same_labels_stay_one_object():
    filled = batch((task(), {"task_up": 1, "task_pids": 2, "task_mem_usage_bytes": 3}))
    assert len({id(one.labels) for one in prometheus().translate(filled)}) == 1


# Batches from sample to sample


@pytest.mark.parametrize("names", [Names.PROMETHEUS, Names.CADVISOR])
def test_series_are_translated_once(names):
    vocabulary, exporters = Vocabulary(names), (agent(), task())
    measurements = {"cpu_usage_per_cpu": {"0": TICKS}}, {"task_up": 1}
    first = vocabulary.translate(batch(*zip(exporters, measurements, strict=True)))
    later = vocabulary.translate(batch(*zip(exporters, measurements, strict=True), timestamp=10.0))
    assert all(one is other for one, other in zip(first.blocks, later.blocks, strict=True))
    assert (first.timestamp, later.timestamp) == (9.0, 10.0)
    assert first.values == later.values == [1.0, 1]


def test_a_task_that_comes_or_goes_leaves_the_others_translated():
    vocabulary, old, new = prometheus(), task(), task(task_id="uid-2")
    one = (agent(), {"cpu_usage_per_cpu": {"0": TICKS}})
    before = vocabulary.translate(batch((old, {"task_up": 1})))
    both = vocabulary.translate(batch((new, {"task_up": 1}), (old, {"task_up": 1}), one))
    assert [metric.labels["task_id"] for metric in both[:2]] == ["uid-2", "uid-1"]
    assert both.values == [1, 1, 1.0]
    after = vocabulary.translate(batch((old, {"task_up": 1}), one))
    assert after.blocks[0] is both.blocks[1] is before.blocks[0]
    assert after.values == [1, 1.0]


def test_metrics_added_to_a_batch_later_do_not_change_its_translation():
    vocabulary, filled = prometheus(), batch((task(), {"task_up": 1}))
    translated = vocabulary.translate(filled)
    agent().export({"wca_tasks": 1}, filled)
    assert len(translated) == 1
    assert len(vocabulary.translate(filled)) == 2


def test_a_list_is_translated_as_a_batch_is():
    exporters = agent(), task(), task(twin, container="c")
    filled = batch(
        (exporters[0], {"wca_tasks": 1, "cpu_usage_per_cpu": {"0": TICKS}}),
        (exporters[1], {"task_cpu_usage_seconds": 3, "task_io_reads": 1}),
        (exporters[2], {"task_cpu_usage_seconds": 2}),
        common={},  # which a list cannot say
    )
    for names in (Names.PROMETHEUS, Names.CADVISOR):
        expected = list(Vocabulary(names).translate(filled))
        assert Vocabulary(names).translate(list(filled)) == expected


def test_a_list_of_the_same_metrics_keeps_its_labels_from_time_to_time():
    vocabulary, labels = prometheus(), {**POD, **COMMON}
    first, second, third = (
        vocabulary.translate([Metric("task_up", value, labels, "gauge", granularity="task")])
        for value in (1, 2, 3)
    )
    assert first[0].labels is second[0].labels is third[0].labels
    assert [one[0].value for one in (first, second, third)] == [1, 2, 3]


def test_a_list_of_other_metrics_is_translated_anew():
    vocabulary = prometheus()
    assert only(vocabulary.translate([Metric("a", 1, {}, "gauge")])).name == "a"
    assert only(vocabulary.translate([Metric("a", 1, {}, "counter")])).name == "a_total"
    assert only(vocabulary.translate([Metric("a", 1, {"b": "c"}, "counter")])).labels == {"b": "c"}
    assert vocabulary.translate([]) == []


# cAdvisor


def test_a_task_has_the_labels_of_cadvisor():
    filled = batch((agent(), {"wca_tasks": 1}), (task(), {"task_mem_usage_bytes": 1}))
    assert by_name(cadvisor().translate(filled))["container_memory_usage_bytes"].labels == {
        "id": "/uid-1",
        "name": "shop/web-0",
        "namespace": "shop",
        "pod": "web-0",
        "image": "registry/web:1",
        "app": "web",
        "host": "h",
        "rack": "r7",
    }


def test_the_id_is_the_path_of_the_cgroup_where_the_node_gives_it():
    exporters = (
        task(cgroup_path="/kubepods/pod1"),
        task(twin, cgroup_path="/kubepods/pod1", container="c"),
    )
    filled = batch(*((one, {"task_pids": 1}) for one in exporters))
    assert [
        (one.labels["id"], one.labels.get("container")) for one in cadvisor().translate(filled)
    ] == [
        ("/kubepods/pod1", None),
        ("/kubepods/pod1/c", "c"),
    ]


@pytest.mark.parametrize(
    ("path", "of_task", "of_part"), [("/", "/", "/c"), ("a/b/", "/a/b", "/a/b/c")]
)
def test_the_id_is_written_as_cadvisor_writes_paths(path, of_task, of_part):
    exporters = task(cgroup_path=path), task(twin, cgroup_path=path, container="c")
    filled = batch(*((one, {"task_pids": 1}) for one in exporters))
    assert [one.labels["id"] for one in cadvisor().translate(filled)] == [of_task, of_part]


def test_the_id_of_a_container_with_a_name_has_its_path_nevertheless():
    named = task(twin, cgroup_path="/kubepods/pod1", container="web", container_id="crio-1.scope")
    labels = only(cadvisor().translate(batch((named, {"task_pids": 1})))).labels
    assert (labels["id"], labels["container"]) == ("/kubepods/pod1/crio-1.scope", "web")


def test_a_label_that_a_node_calls_container_is_no_part_of_the_path():
    assert (
        only(cadvisor().translate(batch((task(container="web"), {"task_pids": 1})))).labels["id"]
        == "/uid-1"
    )


def test_labels_of_the_list_stay_besides():
    filled = batch((task(), {"task_pids": 1}))
    labels = only(cadvisor(labels=["pod_template_hash"]).translate(filled)).labels
    assert labels["pod_template_hash"] == "58f9"
    assert labels["pod"] == "web-0"
    assert "app" not in labels


@pytest.mark.parametrize(
    ("measurements", "name", "labels"),
    [
        ({"task_cpu_usage_seconds": 1}, "container_cpu_usage_seconds_total", {"cpu": "total"}),
        ({"task_cpu_periods": 1}, "container_cpu_cfs_periods_total", {}),
        (
            {"task_mem_page_faults": 1},
            "container_memory_failures_total",
            {"failure_type": "pgfault", "scope": "hierarchy"},
        ),
        ({"task_io_device_reads": {"sda": 1}}, "container_fs_reads_total", {"device": "/dev/sda"}),
        (
            {"task_network_device_receive_drops": {"eth0": 1}},
            "container_network_receive_packets_dropped_total",
            {"interface": "eth0"},
        ),
        ({"task_io_read_bytes": 1}, "container_fs_reads_bytes_total", {}),
        ({"task_cache_misses": 1}, "container_perf_events_total", {"event": "cache-misses"}),
        ({"task_last_seen": 1}, "container_last_seen", {}),
        ({"task_psi_io_full_seconds": 1}, "container_pressure_io_stalled_seconds_total", {}),
        ({"task_working_set_size_bytes": 1}, "task_working_set_size_bytes", {}),
        ({"task_mem_activations_file": 1}, "task_mem_activations_file_total", {}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) and value else None,
)
def test_a_metric_is_called_as_in_cadvisor(measurements, name, labels):
    (metric,) = cadvisor(labels=[]).translate(batch((task(), measurements)))
    identity = {"id", "name", "namespace", "pod", "image", "host", "rack"}
    assert metric.name == name
    assert {key: value for key, value in metric.labels.items() if key not in identity} == labels
    assert metric.value == 1


def test_the_machine_is_the_root_of_cadvisor():
    measurements = {
        "cpu_usage_per_cpu": {"0": TICKS, "11": TICKS},
        "platform_topology_cpus": 2,
        "platform_psi_cpu_some_seconds": 4,
        "platform_dimm_count": {"ram": 2},
    }
    found = [
        (metric.name, metric.labels, metric.value)
        for metric in cadvisor().translate(batch((Exporter({"host": "h"}), measurements)))
    ]
    root = {"host": "h", "id": "/"}
    assert found == [
        ("container_cpu_usage_seconds_total", {**root, "cpu": "cpu00"}, 1),
        ("container_cpu_usage_seconds_total", {**root, "cpu": "cpu11"}, 1),
        ("machine_cpu_cores", {"host": "h"}, 2),
        ("container_pressure_cpu_waiting_seconds_total", root, 4),
        ("machine_dimm_count", {"host": "h", "type": "ram"}, 2),
    ]


def test_limits_of_cpus_are_whole_microseconds():
    measurements = {"task_cpu_quota_seconds": 0.012345, "task_cpu_period_seconds": 0.1}
    found = {
        metric.name: metric.value for metric in cadvisor().translate(batch((task(), measurements)))
    }
    assert found == {"container_spec_cpu_quota": 12345, "container_spec_cpu_period": 100_000}
    assert all(isinstance(value, int) for value in found.values())


def test_a_sum_makes_way_for_its_parts():
    measurements = {"task_io_reads": 3, "task_io_device_reads": {"sda": 1, "sdb": 2}}
    for rename in (str, twin):
        names = [one.name for one in cadvisor().translate(batch((task(rename), measurements)))]
        assert names == [
            f"{rename('task_io_reads')}_total",
            "container_fs_reads_total",
            "container_fs_reads_total",
        ]


def test_events_of_each_cpu_keep_the_label():
    metric = Metric("task_cycles", 1, {"task_id": "t", "cpu": "3"}, "counter", granularity="task")
    assert only(cadvisor().translate([metric])).labels == {
        "id": "/t",
        "event": "cycles",
        "cpu": "3",
    }


def test_a_counter_that_has_no_total_in_cadvisor_has_no_type():
    metric = only(cadvisor().translate(batch((task(), {"task_mem_limit_hits": 1}))))
    assert (metric.name, metric.type) == ("container_memory_failcnt", None)


def test_a_family_of_several_metrics_has_one_help():
    events = dict.fromkeys(("task_cycles", "task_instructions", "task_cache_misses"), 1)
    helps = {metric.help for metric in cadvisor().translate(batch((task(), events)))}
    assert len(helps) == 1
    assert helps != {CATALOGUE["task_cycles"].help}
