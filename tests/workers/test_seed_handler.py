"""``WorkerNotificationHandler``: thresholds, status changes, and what may be overridden."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.errors import ValidationError
from wca.workers import WorkerNotificationHandler


def a_poll(cpu=10.0, memory=20.0, status="running", worker_id="w1"):
    metrics = {"cpu_utilization": cpu, "memory_utilization": memory}
    return {
        "worker_id": worker_id,
        "worker_name": "one",
        "status": status,
        "metrics": metrics if status == "running" else None,
    }


class Telling(WorkerNotificationHandler):
    """Overrides what the seed says may be overridden."""

    def __init__(self, **thresholds):
        super().__init__(**thresholds)
        self.violations, self.changes = [], []

    def _handle_threshold_violation(self, worker_id, worker_name, metric_type, value, threshold):
        self.violations.append((worker_id, worker_name, metric_type, value, threshold))

    def _handle_status_change(self, worker_id, worker_name, old_status, new_status):
        self.changes.append((worker_id, worker_name, old_status, new_status))


@pytest.fixture(autouse=True)
def info(caplog):
    caplog.set_level(logging.INFO, "wca.workers")


def test_a_violation_is_told_with_the_lines_of_the_seed(caplog):
    WorkerNotificationHandler(cpu_threshold=90.0, memory_threshold=90.0)(a_poll(cpu=95.25))
    assert [(one.levelname, one.message) for one in caplog.records] == [
        ("WARNING", "⚠️ HIGH CPU: Worker w1 - 95.2% (threshold: 90%)"),
        ("WARNING", "🚨 Threshold Violation: one - CPU at 95.2% exceeds 90.0%"),
    ]


def test_a_poll_without_a_violation_is_one_line(caplog):
    WorkerNotificationHandler()(a_poll())
    WorkerNotificationHandler()(a_poll(status="stopped"))
    assert caplog.messages == [
        "Worker one is running: CPU 10.0%, memory 20.0%",
        "Worker one is stopped: CPU no data, memory no data",
    ]


def test_only_what_exceeds_the_threshold_violates_it():
    handler = Telling(cpu_threshold=90.0, memory_threshold=80.0)
    handler(a_poll(cpu=90.0, memory=80.0))
    handler(a_poll(cpu=None, memory=None))
    assert handler.violations == []
    handler(a_poll(cpu=90.1, memory=80.1))
    assert handler.violations == [
        ("w1", "one", "cpu", 90.1, 90.0),
        ("w1", "one", "memory", 80.1, 80.0),
    ]


def test_a_threshold_of_zero_is_exceeded_by_anything_but_zero():
    handler = Telling(cpu_threshold=0.0)
    handler(a_poll(cpu=0.0))
    handler(a_poll(cpu=0.1))
    assert [one[3] for one in handler.violations] == [0.1]


def test_a_status_that_is_another_is_told(caplog):
    handler = WorkerNotificationHandler()
    handler(a_poll())
    handler(a_poll(status="stopped"))
    assert "Worker one (w1) was running and is stopped" in caplog.messages


@given(
    st.lists(
        st.tuples(st.sampled_from(["w1", "w2"]), st.sampled_from(["running", "stopped"])),
        max_size=20,
    )
)
def test_a_change_is_told_of_each_worker_by_itself(polls):
    handler, last, expected = Telling(), {}, []
    for worker_id, status in polls:
        if last.get(worker_id, status) != status:
            expected.append((worker_id, "one", last[worker_id], status))
        last[worker_id] = status
        handler(a_poll(status=status, worker_id=worker_id))
    assert handler.changes == expected


def test_a_worker_that_has_ended_is_forgotten():
    handler = Telling()
    for status in ("running", "terminated", "pending"):
        handler(a_poll(status=status))
    assert handler.changes == [("w1", "one", "running", "terminated")]


@pytest.mark.parametrize("name", ["cpu_threshold", "memory_threshold"])
@pytest.mark.parametrize("value", [-1, 101, float("nan")])
def test_a_threshold_is_in_percent(name, value):
    with pytest.raises(ValidationError, match=f"{name} .*: write percent, from 0 to 100"):
        WorkerNotificationHandler(**{name: value})
