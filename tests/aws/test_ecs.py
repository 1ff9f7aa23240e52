"""ECS: numbers of the task metadata endpoint, version 4.

The answers are made after the examples in "Amazon ECS task metadata endpoint version 4" of the
Amazon ECS developer guide (/task and /task/stats on EC2 and Fargate).
"""

import copy
import json

import pytest

from tests.http_receiver import Receiver, Reply
from wca.collectors.utilization.ecs import EcsUtilizationCollector
from wca.errors import NotAvailable, WcaError

CPU, MEMORY = "ecs_cpu_utilization_ratio", "ecs_mem_utilization_ratio"
MIB = 1 << 20
TASK = {
    "Cluster": "default",
    "TaskARN": "arn:aws:ecs:us-west-2:111122223333:task/default/158d1c8083dd49d6b527399fd6414f5c",
    "Family": "curltest",
    "DesiredStatus": "RUNNING",
    "KnownStatus": "RUNNING",
    "Limits": {"CPU": 0.5, "Memory": 1024},
    "Containers": [
        {"DockerId": "ea32192c8553fbff", "Name": "curl", "Limits": {"CPU": 10, "Memory": 128}},
        {"DockerId": "2495160603", "Name": "sidecar", "Limits": {"CPU": 246, "Memory": 384}},
    ],
}
CONTAINER = {
    "read": "2026-11-30T04:00:01.000000123Z",
    "preread": "2026-11-30T04:00:00.000000001Z",
    "cpu_stats": {
        "cpu_usage": {"total_usage": 1_000_000_000, "usage_in_kernelmode": 80000000},
        "system_cpu_usage": 7490000000,
        "online_cpus": 2,
        "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
    },
    "memory_stats": {
        "usage": 300 * MIB,
        "stats": {"inactive_file": 44 * MIB, "anon": 1},
        "limit": 4096 * MIB,
    },
}


class Endpoint:
    """The endpoint, whose containers go on as a test says."""

    def __init__(self, receiver):
        self.receiver = receiver
        self.stats = {"a": copy.deepcopy(CONTAINER), "b": copy.deepcopy(CONTAINER)}
        self.task = copy.deepcopy(TASK)
        self.collector = EcsUtilizationCollector(uri=f"{receiver.url}/v4/1")

    def attach(self):
        self.receiver.reply(Reply(body=json.dumps(self.task).encode()))
        return self.collector.attach(None)

    def read(self, probe):
        self.receiver.reply(Reply(body=json.dumps(self.stats).encode()))
        out = {}
        probe.read(out)
        return out

    def go(self, second, **seconds):
        for name, used in seconds.items():
            one = self.stats[name]
            one["read"] = f"2026-11-30T04:00:{second:02}.000000123Z"
            one["cpu_stats"]["cpu_usage"]["total_usage"] += int(used * 1e9)


@pytest.fixture
def endpoint():
    with Receiver() as receiver:
        yield Endpoint(receiver)


def test_all_containers_count_together_against_the_limits_of_the_task(endpoint):
    probe = endpoint.attach()
    assert endpoint.read(probe) == {MEMORY: 0.5}
    endpoint.go(3, a=0.4, b=0.1)
    found = endpoint.read(probe)
    assert found[CPU] == pytest.approx(0.25 / 0.5)
    probe.close()


def test_without_a_limit_of_the_task_those_of_its_containers_count(endpoint):
    del endpoint.task["Limits"]
    probe = endpoint.attach()
    endpoint.read(probe)
    endpoint.go(2, a=0.125, b=0)
    assert endpoint.read(probe) == {CPU: 0.5, MEMORY: 1.0}


@pytest.mark.parametrize(
    ("limit", "found"),
    [("CPU", {CPU: 0.0625, MEMORY: 1.0}), ("Memory", {CPU: 0.5, MEMORY: 0.125})],
)
def test_where_a_container_has_no_limit_the_machine_counts_and_not_the_others(
    endpoint, limit, found
):
    del endpoint.task["Limits"]
    endpoint.task["Containers"][0]["Limits"][limit] = 0
    probe = endpoint.attach()
    endpoint.read(probe)
    endpoint.go(2, a=0.125, b=0)
    assert endpoint.read(probe) == found


def test_the_container_that_holds_the_network_needs_no_limit(endpoint):
    del endpoint.task["Limits"]
    pause = {"Name": "~internal~ecs~pause", "Type": "CNI_PAUSE", "Limits": {"CPU": 0, "Memory": 0}}
    endpoint.task["Containers"].append(pause)
    probe = endpoint.attach()
    endpoint.read(probe)
    endpoint.go(2, a=0.125, b=0)
    assert endpoint.read(probe) == {CPU: 0.5, MEMORY: 1.0}


def test_more_than_shares_and_limits_is_all_of_them(endpoint):
    endpoint.task["Limits"] = {"CPU": 0.25, "Memory": 256}
    probe = endpoint.attach()
    endpoint.read(probe)
    endpoint.go(2, a=0.5, b=0.5)
    assert endpoint.read(probe) == {CPU: 1.0, MEMORY: 1.0}


def test_without_any_limit_the_machine_counts(endpoint):
    endpoint.task = {"Containers": [{"Name": "x"}]}
    probe = endpoint.attach()
    endpoint.read(probe)
    endpoint.go(2, a=1.0, b=0.0)
    assert endpoint.read(probe) == {CPU: 0.5, MEMORY: 0.125}


def test_a_container_that_began_anew_or_has_no_numbers_yet_counts_from_the_next_time_on(endpoint):
    probe = endpoint.attach()
    endpoint.read(probe)
    endpoint.go(2, a=0.25, b=-0.5)
    assert endpoint.read(probe)[CPU] == pytest.approx(0.5)
    endpoint.stats["c"] = None
    endpoint.go(3, a=0.25, b=0.25)
    assert endpoint.read(probe)[CPU] == pytest.approx(1.0)


def test_a_container_of_which_nothing_new_is_told_uses_what_it_did(endpoint):
    probe = endpoint.attach()
    endpoint.read(probe)
    endpoint.go(2, a=0.1, b=0.2)
    assert endpoint.read(probe)[CPU] == pytest.approx(0.3 / 0.5)
    endpoint.go(3, a=0.05)
    assert endpoint.read(probe)[CPU] == pytest.approx(0.25 / 0.5)
    endpoint.go(4, a=0.05, b=0.2)  # b: in two seconds
    assert endpoint.read(probe)[CPU] == pytest.approx(0.15 / 0.5)
    assert endpoint.read(probe)[CPU] == pytest.approx(0.15 / 0.5)


def test_numbers_that_have_not_changed_give_no_cpu(endpoint):
    probe = endpoint.attach()
    endpoint.read(probe)
    assert CPU not in endpoint.read(probe)


@pytest.mark.parametrize("key", ["cache", "total_inactive_file"])
def test_on_cgroup_v1_the_page_cache_is_called_otherwise(endpoint, key):
    for one in endpoint.stats.values():
        one["memory_stats"]["stats"] = {key: 44 * MIB}
    assert endpoint.read(endpoint.attach())[MEMORY] == 0.5


def test_outside_of_ecs_there_is_nothing(monkeypatch):
    monkeypatch.delenv("ECS_CONTAINER_METADATA_URI_V4", raising=False)
    with pytest.raises(NotAvailable, match="this is no ECS task"):
        EcsUtilizationCollector().attach(None)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"'])
def test_an_answer_that_is_none_is_a_failure(endpoint, body):
    probe = endpoint.attach()
    endpoint.receiver.reply(Reply(body=body))
    with pytest.raises(WcaError):
        probe.read({})
