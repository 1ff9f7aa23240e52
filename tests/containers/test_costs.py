"""What measuring costs is told by collector."""

import pytest

from wca.containers.costs import Costs


def test_what_tasks_took_together_is_shared_as_one_task_took_it_apart():
    costs = Costs()
    costs.split({"a": 0.001, "b": 0.003}, ["a", "b"], 0.4, 0.8)
    values = costs.measurements(0.0)
    assert values["wca_collector_cpu_seconds"] == {"a": pytest.approx(0.1), "b": pytest.approx(0.3)}
    assert values["wca_collector_duration_seconds"] == {
        "a": pytest.approx(0.2),
        "b": pytest.approx(0.6),
    }


def test_a_collector_that_was_not_due_has_no_share():
    costs = Costs()
    costs.split({"fast": 0.001, "slow": 0.010}, ["fast", "slow"], 0.011, 0.011)
    for _ in range(59):
        costs.split({"fast": 0.001}, ["fast"], 0.001, 0.001)
    values = costs.measurements(0.0)
    assert values["wca_collector_cpu_seconds"] == {
        "fast": pytest.approx(0.060),
        "slow": pytest.approx(0.010),
    }
    assert values["wca_collector_duration_seconds"]["slow"] == pytest.approx(0.010)


def test_what_is_not_known_yet_is_absent():
    assert Costs().measurements(0.0) == {}
