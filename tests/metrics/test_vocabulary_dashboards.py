"""Queries of dashboards and alerts that were written for the kubelet's cAdvisor, asked of promtool.

Those of kubernetes-mixin are from its dashboards of clusters, namespaces, pods and networks, its
rules and its alerts, as of 2026 (github.com/kubernetes-monitoring/kubernetes-mixin).
"""

import json
import re
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from tests.services import program
from wca.metrics.batch import Batch
from wca.metrics.cadvisor_names import CADVISOR_NAMES
from wca.metrics.export import Exporter
from wca.metrics.vocabulary import Names, Vocabulary
from wca.runners.export import container_metric

PAGE = (Path(__file__).parents[2] / "docs" / "names.md").read_text()
COMMON = {"host": "h"}
POD = {"task_id": "uid", "namespace": "shop", "pod_name": "web-0", "image": "registry/web:1"}
#: What Prometheus adds: dashboards choose the kubelet by its job.
TARGET = {"job": "kubelet", "metrics_path": "/metrics/cadvisor"}
MINUTES = 6


def own_numbers(minute, share):
    """What is measured of a cgroup that uses this share of a CPU and this many MiB."""
    counted = share * 60 * minute
    return {
        "task_cpu_usage_seconds": counted,
        "task_cpu_periods": 600 * minute,
        "task_cpu_throttled_periods": 60 * minute,
        "task_cpu_throttled_seconds": counted / 2,
        "task_cpu_quota_seconds": share / 10,
        "task_cpu_period_seconds": 0.1,
        "task_cpu_shares": 1024 * share,
        "task_started": 1_700_000_000 + share,
        "task_mem_working_set_bytes": share * 2**20,
        "task_mem_anon_bytes": share * 2**10,
        "task_mem_file_bytes": share * 2**11,
        "task_mem_swap_bytes": share * 2**12,
        "task_mem_limit_bytes": share * 2**21,
        "task_io_device_reads": {"sda": counted},
        "task_io_device_writes": {"sda": 2 * counted},
        "task_io_device_read_bytes": {"sda": 4096 * counted},
        "task_io_device_written_bytes": {"sda": 8192 * counted},
    }


def network(minute):
    """The containers of a pod share it."""
    numbers = enumerate(("bytes", "packets", "drops"), start=1)
    return {
        f"task_network_device_{way}_{what}": {"eth0": 6000 * number * minute}
        for number, what in numbers
        for way in ("receive", "transmit")
    }


def input_series(granularity, labels):
    """The series of a pod with two containers, minute by minute, as promtool reads them."""
    pod = Exporter({**labels, **COMMON})
    parts = {
        Exporter({**labels, "container": name, **COMMON}, rename=container_metric): share
        for name, share in (("a", 1), ("b", 3))
    }
    vocabulary = Vocabulary(Names.CADVISOR)
    values = defaultdict(list)
    for minute in range(MINUTES):
        batch = Batch(60.0 * minute, COMMON)
        own = {} if granularity == "container" else own_numbers(minute, 4)
        pod.export({**own, **network(minute)}, batch)
        for part, share in parts.items():
            if granularity != "pod":
                part.export(own_numbers(minute, share), batch)
        for metric in vocabulary.translate(batch):
            pairs = {**metric.labels, **TARGET}.items()
            text = ",".join(f"{name}={json.dumps(value)}" for name, value in pairs)
            values[f"{metric.name}{{{text}}}"].append(metric.value)
    return [
        {"series": series, "values": " ".join(map(str, found))} for series, found in values.items()
    ]


def ask(query, expected, folder, granularity, labels=POD):
    """Fail with promtool's words unless a query has these results, which are values by labels."""
    samples = [{"labels": labels, "value": value} for labels, value in expected.items()]
    question = {"expr": query, "eval_time": f"{MINUTES - 1}m", "exp_samples": samples}
    series = input_series(granularity, labels)
    test = {"interval": "1m", "input_series": series, "promql_expr_test": [question]}
    path = folder / "test.yaml"  # JSON is YAML
    path.write_text(json.dumps({"rule_files": [], "tests": [test]}))
    promtool = program("promtool", package="prometheus")
    found = subprocess.run(
        [promtool, "test", "rules", path], capture_output=True, text=True, timeout=60, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr


POD_ONLY = '{pod="web-0"}'
EACH = '{container="%s", namespace="shop", pod="web-0"}'
QUERIES = {
    'sum(rate(container_cpu_usage_seconds_total{container!=""}[5m])) by (pod)': {POD_ONLY: 4},
    'sum(container_memory_working_set_bytes{container!="", image!=""}) by (pod)': {
        POD_ONLY: 4 * 2**20
    },
    "sum(increase(container_cpu_cfs_throttled_periods_total{container!=''}[5m])) by (pod) / "
    "sum(increase(container_cpu_cfs_periods_total{container!=''}[5m])) by (pod)": {POD_ONLY: 0.1},
    'sum(rate(container_fs_reads_total{container!="", device=~"(/dev/)?(sd.+|nvme.+)"}[5m])) '
    "by (pod)": {POD_ONLY: 4},
}
KUBELET = 'job="kubelet", metrics_path="/metrics/cadvisor"'
OTHER_QUERIES = {
    "sum by (namespace, pod, container) "
    f'(irate(container_cpu_usage_seconds_total{{{KUBELET}, image!=""}}[5m]))': {
        EACH % "a": 1,
        EACH % "b": 3,
    },
    f'sum(rate(container_network_receive_bytes_total{{{KUBELET}, namespace="shop"}}[5m])) by (pod)': {
        POD_ONLY: 100
    },
}


#: Which series of cAdvisor kubernetes-mixin has queries for, and what they find in our pod.
EACH_OF = '{container="%s"}'
MIXIN_MEMORY = {
    name: (
        (
            f"sum(max by (cluster, namespace, pod, container)({name}{{{KUBELET}, "
            'namespace="shop", pod="web-0", container!="", image!=""})) by (container)'
        ),
        {EACH_OF % "a": factor, EACH_OF % "b": 3 * factor},
    )
    for name, factor in (
        ("container_memory_working_set_bytes", 2**20),
        ("container_memory_rss", 2**10),
        ("container_memory_cache", 2**11),
        ("container_memory_swap", 2**12),
    )
}
DISKS = 'device=~"(/dev/)?(mmcblk.p.+|nvme.+|rbd.+|sd.+|vd.+|xvd.+|dm-.+|dasd.+)"'
MIXIN_DISKS = {
    name: (
        (
            f'ceil(sum by(pod) (rate({name}{{{KUBELET}, {DISKS}, container!="", '
            'namespace="shop", pod=~"web-0"}[4m])))'
        ),
        {POD_ONLY: 4 * factor},
    )
    for name, factor in (
        ("container_fs_reads_total", 1),
        ("container_fs_writes_total", 2),
        ("container_fs_reads_bytes_total", 4096),
        ("container_fs_writes_bytes_total", 8192),
    )
}
MIXIN_NETWORK = {
    name: (
        f'sum(rate({name}{{{KUBELET}, namespace="shop", pod=~"web-0"}}[4m])) by (pod)',
        {POD_ONLY: 100 * factor},
    )
    for factor, what in ((1, "bytes"), (2, "packets"), (3, "packets_dropped"))
    for way in ("receive", "transmit")
    for name in (f"container_network_{way}_{what}_total",)
}
MIXIN_CPU = {
    "container_cpu_usage_seconds_total": (
        (
            "sum by (cluster, namespace, pod, container) "
            f'(rate(container_cpu_usage_seconds_total{{{KUBELET}, image!=""}}[5m]))'
        ),
        {EACH % "a": 1, EACH % "b": 3},
    ),
    "container_cpu_cfs_throttled_periods_total": (
        (
            'sum(increase(container_cpu_cfs_throttled_periods_total{container!="", }[5m])) '
            "by (container, pod, namespace) / sum(increase(container_cpu_cfs_periods_total{}[5m])) "
            "by (container, pod, namespace) > ( 5 / 100 )"
        ),
        {EACH % "a": 0.1, EACH % "b": 0.1},
    ),
    "container_cpu_cfs_periods_total": (
        'sum(rate(container_cpu_cfs_periods_total{container!=""}[5m])) by (namespace)',
        {'{namespace="shop"}': 20},
    ),
    "container_cpu_cfs_throttled_seconds_total": (
        f"sum(rate(container_cpu_cfs_throttled_seconds_total{{{KUBELET}}}[5m])) by (namespace)",
        {'{namespace="shop"}': 2},
    ),
}
MIXIN = {**MIXIN_CPU, **MIXIN_MEMORY, **MIXIN_DISKS, **MIXIN_NETWORK}
#: Of other dashboards for cAdvisor.
SPEC = {
    "container_spec_cpu_quota": (
        "container_spec_cpu_quota / container_spec_cpu_period",
        {EACH % "a": 1, EACH % "b": 3},
    ),
    "container_spec_cpu_period": (
        "sum by (pod) (container_spec_cpu_period)",
        {POD_ONLY: 200_000},
    ),
    "container_spec_cpu_shares": (
        "sum by (pod) (container_spec_cpu_shares)",
        {POD_ONLY: 4096},
    ),
    "container_spec_memory_limit_bytes": (
        "container_memory_working_set_bytes / container_spec_memory_limit_bytes",
        {EACH % "a": 0.5, EACH % "b": 0.5},
    ),
    "container_start_time_seconds": (
        "max by (pod) (container_start_time_seconds)",
        {POD_ONLY: 1_700_000_003},
    ),
}


@pytest.mark.parametrize("name", {**MIXIN, **SPEC})
def test_a_series_that_dashboards_ask_for_is_found(name, tmp_path):
    query, expected = {**MIXIN, **SPEC}[name]
    assert name in query
    if " / container_spec" in query:  # all labels of both sides are the same
        query = f"sum by (namespace, pod, container) ({query})"
    ask(query, expected, tmp_path, "container")


def listed(words):
    """The series in the first column of the table that follows these words."""
    table = PAGE.split(words, 1)[1].split("\n\n", 2)[1]
    cells = [line.split("|")[1] for line in table.splitlines()]
    return set(re.findall(r"`(container_\w+)`", "".join(cells)))


def test_the_page_of_names_lists_the_series_of_the_mixin():
    assert listed("kubernetes-mixin's dashboards, rules and alerts") == MIXIN.keys()


def test_what_the_page_says_is_missing_is_missing():
    missing = listed("A dashboard loses")
    assert len(missing) > 10
    assert missing.isdisjoint(name.name for name in CADVISOR_NAMES.values())


@pytest.mark.parametrize(("query", "expected"), {**QUERIES, **OTHER_QUERIES}.items())
def test_queries_find_the_containers_of_a_pod(query, expected, tmp_path):
    ask(query, expected, tmp_path, "container")


@pytest.mark.parametrize(("query", "expected"), QUERIES.items())
def test_beside_the_series_of_the_pod_itself_nothing_is_counted_twice(query, expected, tmp_path):
    ask(query, expected, tmp_path, "both")


@pytest.mark.parametrize("query", QUERIES)
def test_a_task_without_the_label_container_is_no_container(query, tmp_path):
    ask(query, {}, tmp_path, "pod")


@pytest.mark.parametrize(("query", "expected"), QUERIES.items())
def test_a_task_that_is_given_the_label_is_one(query, expected, tmp_path):
    ask(query, expected, tmp_path, "pod", {**POD, "container_name": "web"})
