"""Calls that ten thousand workers in four regions cost in one cycle."""

import time
from collections import Counter

import pytest

from tests.workers.clouds import CPU, cloud
from wca.workers.model import InstanceState, MetricQuery, Shard, Verdict

REGIONS = ("eu-west-1", "eu-central-1", "us-east-1", "us-west-2")
IN_A_REGION = 2500
MEMORY = MetricQuery("memory", "CWAgent", "mem_used_percent")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_cycle_is_a_hundred_calls_for_states_and_forty_for_metrics(aws, run_instances):
    fleet = {region: run_instances(IN_A_REGION, region) for region in REGIONS}
    now = time.time()
    at = (now - 120) // 300 * 300 - 300
    for region, ids in fleet.items():
        for id_ in ids:
            for query in (CPU, MEMORY):
                metric = (query.namespace, query.metric, {"InstanceId": id_})
                aws.cloudwatch.seed(region, *metric, [(at, 42.0)])
    aws.requests.clear()
    with cloud() as aws_cloud:
        for region, ids in fleet.items():
            shard = Shard("", region)
            by_id = aws_cloud.status(shard, ids).by_id
            assert {by_id[id_].state for id_ in ids} == {InstanceState.RUNNING}
            measured = aws_cloud.measure(shard, ids, [CPU, MEMORY], now).by_id
            verdicts = Counter(reading.verdict for id_ in ids for reading in measured[id_].values())
            assert verdicts == {Verdict.VALUE: 2 * IN_A_REGION}
        requests = aws_cloud.measurements()["wca_aws_requests"]
    assert +Counter(requests) == {"DescribeInstanceStatus": 100, "GetMetricData": 40}
    assert aws.refused == []
