"""The benchmark of a fleet, on a small one."""

import pytest

pytest.importorskip("boto3")

from benchmarks import fleet


def test_the_agent_asks_for_all_of_a_fleet_in_every_cycle():
    found = fleet.measure(workers=408, cycles=2, interval=6)
    first, second = found.cycles
    # Per region two calls for the states of 102 workers, one for each metric.
    assert first.calls == {"DescribeInstanceStatus": 8, "ListMetrics": 4, "GetMetricData": 8}
    assert +second.calls == {"DescribeInstanceStatus": 8, "GetMetricData": 8}
    assert 0 < second.seconds < 60
    assert second.cpu > 0
    assert found.resident >= first.resident > 1e7
