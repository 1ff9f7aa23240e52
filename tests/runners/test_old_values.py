"""A page shows values as if they were read for it: those that may be older than a minute say so."""

import pytest

from wca.collectors import Collector
from wca.collectors.node_cpu import NodeCpuCollector
from wca.collectors.task_memory import TaskMemoryCollector
from wca.collectors.task_spec import TaskSpecCollector
from wca.metrics import MetricGranularity, MetricType, MetricUnit
from wca.metrics.metadata import MetricMetadata
from wca.nodes import Node, Task
from wca.runners import MeasurementRunner
from wca.testing.clock import FakeClock
from wca.testing.kernel import KernelTree
from wca.testing.storage import RecordingStorage

OLD = " s old."


class OneTask(Node):
    def get_tasks(self):
        return [Task("a", "a", "/a", resources={"cpus": 1, "mem": 2}, subcgroups_paths=["/a/b"])]


class Own(Collector):
    """Measures what the catalogue does not know."""

    scope = "node"
    metrics = (
        MetricMetadata(
            "own_pages",
            MetricType.GAUGE,
            MetricUnit.NUMERIC,
            MetricGranularity.PLATFORM,
            "Pages.",
            "nowhere",
        ),
    )

    def attach(self, _target):
        return self

    def read(self, out):
        out["own_pages"] = 1

    def close(self, timeout=0.0):
        pass


@pytest.fixture
def helps(tmp_path):
    """Gives the HELP of every metric of a run."""
    tree = KernelTree(tmp_path)
    for path in ("/a", "/a/b"):
        tree.add_task(path, quota=50_000)

    def measured(**options):
        storage = RecordingStorage()
        runner = MeasurementRunner(
            OneTask(), storage, kernel=tree.kernel, clock=FakeClock(), **options
        )
        runner.stop_after(1)
        assert runner.run() == 0
        return {metric.name: metric.help for metric in storage.batches[-1]}

    return measured


def old(helps):
    return {name for name, text in helps.items() if text and OLD in text}


def test_by_default_nothing_is_old(helps):
    assert old(helps(extra_collectors=[TaskSpecCollector()])) == set()


def test_an_interval_of_more_than_a_minute_is_told_of_tasks_and_of_containers(helps):
    found = helps(
        collectors=[TaskMemoryCollector(interval=300), NodeCpuCollector()], granularity="both"
    )
    assert found["task_mem_usage_bytes"].endswith(" Up to 300 s old.")
    assert found["container_mem_usage_bytes"] == found["task_mem_usage_bytes"]
    assert old(found) == {
        name for name in found if "_mem_" in name and name != "task_requested_mem_bytes"
    }


def test_metrics_of_a_plugin_say_so_as_well(helps):
    found = helps(collectors=[Own(interval=90)])
    assert found["own_pages"] == "Pages. Up to 90 s old."


@pytest.mark.parametrize(
    ("budget", "note"), [({"cpu": 0.5}, " Up to 240 s old."), ({"memory": 1 << 30}, "")]
)
def test_a_budget_of_cpu_may_make_values_older(helps, budget, note):
    found = helps(collectors=[TaskMemoryCollector(interval=30)], budget=budget)
    assert found["task_mem_usage_bytes"].removesuffix(note).endswith("page cache included.")


def test_what_the_node_says_is_as_old_as_its_list(helps):
    assert old(helps(discovery_interval=120)) == {
        "task_requested_cpus",
        "task_requested_mem_bytes",
        "task_subcontainers",
    }
