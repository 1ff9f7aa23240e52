"""The document of the status page: what is in it, and that nothing is 0 that was not measured."""

import json

from wca.status.document import VERSION, Snapshot, document
from wca.telemetry import Telemetry

INTERNAL = {
    "wca_iteration_duration_seconds": 0.012,
    "wca_overruns": 2,
    "wca_memory_usage_bytes": 40 << 20,
    "wca_cpu_seconds": 3.5,
    "wca_collector_state": {"TaskCpu": {"working": 1}, "TaskPerf": {"unavailable": 1}},
    "wca_collector_cpu_seconds": {"TaskCpu": 0.5},
    "wca_tasks_unmeasured": {"TaskCpu": {"opening": 3}},
    "wca_healthy": {"TaskCpu": 1, "metrics_storage": 0, "node": 1},
    "wca_collected_samples": {"metrics_storage": 100, "other": 0},
    "wca_recovered_samples": {"metrics_storage": 5, "other": 0},
    "wca_delivered_samples": {"metrics_storage": 80, "other": 0},
    "wca_dropped_samples": {"metrics_storage": {"queue_full": 20, "closed": 0}},
    "wca_waiting_samples": {"metrics_storage": 5, "other": 0},
    "wca_waiting_bytes": {"metrics_storage": 1234},
}


def told(snapshot=None, health=None, history=False, **facts):
    snapshot = Snapshot(5.0, internal=INTERNAL) if snapshot is None else snapshot
    found = document(snapshot, facts, 6.0, health or Telemetry(), history=history)
    json.dumps(found, allow_nan=False)
    return found


def by_name(rows):
    return {row["name"]: row for row in rows}


def test_before_the_first_measurement_little_is_known():
    assert told(Snapshot(), version="0.1.0") == {
        "version": VERSION,
        "now": 6.0,
        "agent": {"version": "0.1.0"},
        "node": {},
        "tasks": [],
        "tasks_left_out": 0,
        "collectors": [],
        "storages": [],
        "parts": [{"name": "loop", "state": "idle", "failures": 0}],
    }


def test_the_agent_has_its_facts_and_its_numbers():
    assert told(runner="MeasurementRunner")["agent"] == {
        "runner": "MeasurementRunner",
        "last_iteration_seconds": 0.012,
        "overruns": 2,
        "memory_bytes": 40 << 20,
        "cpu_seconds": 3.5,
    }


def test_a_collector_has_its_state_its_cost_and_its_last_error():
    health = Telemetry()
    health.failure("TaskPerf", OSError("no such device"))
    collectors = by_name(told(health=health)["collectors"])
    assert collectors["TaskCpu"] == {
        "name": "TaskCpu",
        "state": "working",
        "failures": 0,
        "cpu_seconds": 0.5,
        "tasks_unmeasured": {"opening": 3},
    }
    assert collectors["TaskPerf"] == {
        "name": "TaskPerf",
        "state": "unavailable",
        "failures": 1,
        "error": "OSError: no such device",
    }


def test_a_storage_has_its_books_which_balance():
    health = Telemetry()
    health.failure("metrics_storage", "the broker is away")
    storages = by_name(told(health=health)["storages"])
    one = storages["metrics_storage"]
    assert one == {
        "name": "metrics_storage",
        "state": "failing",
        "failures": 1,
        "error": "the broker is away",
        "collected": 100,
        "recovered": 5,
        "delivered": 80,
        "dropped": {"queue_full": 20, "closed": 0},
        "waiting": 5,
        "waiting_bytes": 1234,
    }
    assert one["collected"] + one["recovered"] == (
        one["delivered"] + sum(one["dropped"].values()) + one["waiting"]
    )
    assert storages["other"]["state"] == "idle"


def test_other_parts_are_told_with_the_loop_which_fails_between_measurements():
    health = Telemetry()
    health.success("node")
    health.failure("loop", "it has stood still for 9 s")
    parts = by_name(told(health=health)["parts"])
    assert parts.keys() == {"loop", "node"}
    assert parts["node"]["state"] == "working"
    assert (parts["loop"]["state"], parts["loop"]["error"]) == (
        "failing",
        "it has stood still for 9 s",
    )


def test_the_last_error_is_kept_when_a_part_works_again_and_is_not_endless():
    health = Telemetry()
    health.failure("metrics_storage", "x" * 10_000)
    for _ in range(2):
        health.begin_round()
        health.success("metrics_storage")
    health.begin_round()
    one = by_name(told(health=health)["storages"])["metrics_storage"]
    assert one["state"] == "working"
    assert len(one["error"]) == 500
