"""Queries of dashboards and alerts that were written for the kubelet's cAdvisor, asked of promtool."""

import json
import subprocess
from collections import defaultdict

import pytest

from tests.services import program
from wca.metrics.batch import Batch
from wca.metrics.export import Exporter
from wca.metrics.vocabulary import Names, Vocabulary
from wca.runners.export import container_metric

COMMON = {"host": "h"}
POD = {"task_id": "uid", "namespace": "shop", "pod_name": "web-0", "image": "registry/web:1"}
#: What Prometheus adds: dashboards choose the kubelet by its job.
TARGET = {"job": "kubelet", "metrics_path": "/metrics/cadvisor"}
MINUTES = 6


def own_numbers(minute, share):
    """What is measured of a cgroup that uses this share of a CPU and this many MiB."""
    return {
        "task_cpu_usage_seconds": share * 60 * minute,
        "task_cpu_periods": 600 * minute,
        "task_cpu_throttled_periods": 60 * minute,
        "task_mem_working_set_bytes": share * 2**20,
        "task_io_device_reads": {"sda": share * 60 * minute},
    }


def network(minute):
    """The containers of a pod share it."""
    return {"task_network_device_receive_bytes": {"eth0": 6000 * minute}}


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
