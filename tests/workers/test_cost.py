"""What reading metrics costs, and the monthly budget."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workers.clouds import CPU, HERE, NOW, cloud
from wca.metrics.catalogue import CATALOGUE
from wca.testing.clock import FakeClock
from wca.workers.aws.cost import Budget, forecast
from wca.workers.model import Reading, Shard, Verdict

ID = "i-00000000000000001"
MONTH = 31 * 86_400


def test_the_forecast_of_ten_thousand_workers():
    made = forecast(10_000, 2, 300)
    assert made.requested == 172_800_000
    assert made.dollars == pytest.approx(1728)
    assert str(made) == (
        "2 metrics of 10000 workers every 300 s are 172800000 metrics of CloudWatch in 30 days: "
        "about $1728.00"
    )


def test_half_as_many_polls_cost_half_as_much():
    often, seldom = forecast(10_000, 2, 300), forecast(10_000, 2, 600)
    assert seldom.dollars == pytest.approx(often.dollars / 2)


def test_the_forecast_of_a_budget_says_how_often_it_pays():
    made = forecast(10_000, 2, 300, budget=500)
    assert made.dollars <= 500
    assert str(made) == (
        "2 metrics of 10000 workers every 1071 s are 48387097 metrics of CloudWatch in 30 days: "
        "about $483.87; the budget of $500 a month does not allow every 300 s, so that readings in "
        "between are skipped"
    )


def test_a_budget_that_suffices_changes_nothing():
    made = forecast(100, 2, 300, budget=500)
    assert made.interval == 300
    assert "budget" not in str(made)
    assert forecast(0, 2, 300, budget=1).dollars == 0


COUNTS, SPANS, MONEY = st.integers(0, 20_000), st.floats(10, 86_400), st.floats(0.01, 10_000)


@given(COUNTS, st.integers(0, 10), SPANS, MONEY)
def test_a_forecast_never_goes_beyond_its_budget(workers, metrics, interval, budget):
    made = forecast(workers, metrics, interval, budget)
    assert made.dollars <= budget + 1e-4
    assert made.interval >= interval


@given(
    st.lists(st.integers(1, 3000), min_size=1, max_size=5),
    st.floats(10, 2000),
    st.floats(0.5, 500),
    st.lists(st.floats(0, 30), min_size=1, max_size=40),
)
def test_readings_stay_within_the_budget_whatever_the_polls(sizes, interval, dollars, jitter):
    clock = FakeClock(monotonic=0.0)
    budget = Budget(dollars, 0.01, clock.monotonic)
    shards = [Shard("", f"region-{number}") for number in range(len(sizes))]
    rate = dollars / 0.01 * 1000 / MONTH
    read = 0
    begun = clock.monotonic()
    for late in jitter:
        for shard, size in zip(shards, sizes, strict=True):
            if budget.allows(shard, size) == 0:
                read += size
        clock.advance(interval + late)
    # Each shard may be read once at the start, and once for what was left over.
    assert read <= rate * (clock.monotonic() - begun) + 3 * sum(sizes)


def test_every_shard_has_its_turn():
    clock = FakeClock()
    budget = Budget(10.0, 0.01, clock.monotonic)  # 1,000,000 metrics in a month: 0.37 a second
    shards = [Shard("", "a"), Shard("", "b")]
    read = dict.fromkeys(shards, 0)
    for _ in range(1000):
        for shard in shards:
            read[shard] += budget.allows(shard, 500) == 0
        clock.advance(300)
    # 300,000 s pay for 112,000 metrics, which are 112 rounds.
    assert read[shards[0]] == pytest.approx(112, abs=3)
    assert read[shards[1]] == pytest.approx(112, abs=3)


def test_without_a_budget_nothing_is_held_back():
    budget = Budget(None, 0.01, FakeClock().monotonic)
    assert {budget.allows(HERE, 1_000_000) for _ in range(100)} == {0.0}


def test_readings_that_are_not_paid_for_are_skipped_and_counted(aws, caplog):
    clock = FakeClock()
    points = [((NOW - 120) // 300 * 300 - 300, 5.0)]
    aws.cloudwatch.seed("eu-west-1", "AWS/EC2", "CPUUtilization", {"InstanceId": ID}, points)
    with cloud(clock=clock, monthly_budget=0.01) as aws_cloud:
        readings = []
        for _ in range(3):
            readings.append(aws_cloud.measure(HERE, [ID], [CPU], NOW).by_id[ID]["cpu"])
            clock.advance(2000)
        made = aws_cloud.forecast(1, 1, 300)
        counted = aws_cloud.measurements()
    assert [one.verdict for one in readings] == [Verdict.VALUE, Verdict.SKIPPED, Verdict.VALUE]
    assert readings[1] == Reading(Verdict.SKIPPED)
    assert counted["wca_aws_metrics_requested"] == 2
    assert counted["wca_aws_metrics_skipped"] == 1
    assert counted["wca_aws_forecast_dollars"] == made.dollars
    assert (
        caplog.messages.count(
            "eu-west-1: metrics are read again in 678 s and no more often than monthly_budget pays "
            "for; readings in between are skipped"
        )
        == 1
    )


def test_what_may_be_counted_is_0_before_it_is(aws):
    with cloud() as aws_cloud:
        counted = aws_cloud.measurements()
    assert counted["wca_aws_requests"] == {
        "DescribeInstanceStatus": 0,
        "GetMetricData": 0,
        "ListMetrics": 0,
    }
    assert counted["wca_aws_failed_requests"]["GetMetricData"]["throttled"] == 0
    assert counted["wca_aws_metrics_requested"] == counted["wca_aws_metrics_skipped"] == 0
    assert {name for name in counted if name not in CATALOGUE} == set()
