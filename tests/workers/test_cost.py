"""What reading metrics costs, and the monthly budget."""

from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workers.clouds import CPU, HERE, NOW, cloud
from wca.metrics.catalogue import CATALOGUE
from wca.testing.clock import FakeClock
from wca.workers.aws.cost import Budget, forecast, month_of
from wca.workers.model import Reading, Shard, Verdict

ID = "i-00000000000000001"


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


# The budget of a month


def at(text):
    """Unix seconds of a moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


class Account:
    """What a store keeps of the spending of all agents."""

    def __init__(self):
        self.metrics = Counter()

    def settle(self, budget):
        for month, count in budget.unaccounted().items():
            self.metrics[month] += count
            budget.account(month, count, self.metrics[month])


#: Of a day or so in which agents poll: seconds until the next poll, and which agent is restarted.
DAYS = st.lists(
    st.tuples(st.floats(10, 200_000), st.none() | st.integers(0, 1)), min_size=1, max_size=60
)


@given(
    st.lists(st.integers(1, 3000), min_size=1, max_size=4),
    st.floats(0.5, 50),
    st.floats(0, 31 * 86_400),
    DAYS,
)
def test_no_month_costs_more_than_its_budget_whatever_polls_and_restarts(
    sizes, dollars, begin, days
):
    clock = FakeClock(now=at("2027-01-01") + begin)
    shards = [Shard("", f"region-{number}") for number in range(len(sizes))]
    account = Account()

    def started():
        made = Budget(dollars, 0.01, clock)
        account.settle(made)
        return made

    agents = [started(), started()]
    for seconds, restarted in days:
        for number, (shard, size) in enumerate(zip(shards, sizes, strict=True)):
            agent = agents[number % 2]
            agent.allows(shard, size)
            account.settle(agent)
            account.settle(agents[1 - number % 2])
        if restarted is not None:
            agents[restarted] = started()
        clock.advance(seconds)
    assert all(count * 0.01 / 1000 <= dollars + 1e-9 for count in account.metrics.values())


def test_what_is_left_is_spread_over_the_rest_of_the_month_and_all_of_it_is_used():
    clock = FakeClock(now=at("2027-02-01"))
    budget, shard = Budget(10.0, 0.01, clock), Shard("", "a")  # a million metrics
    by_day = Counter()
    for minute in range(0, 28 * 1440, 5):
        by_day[minute // 1440] += 500 * (budget.allows(shard, 500) == 0)
        clock.advance(300)
    assert 990_000 < sum(by_day.values()) <= 1_000_000
    assert max(by_day.values()) - min(by_day.values()) <= 1500


def test_a_budget_that_is_used_up_waits_for_the_end_of_the_month():
    clock = FakeClock(now=at("2026-11-30T23:50:00"))
    budget = Budget(0.01, 0.01, clock)  # a thousand metrics
    budget.account("2026-11", 0, 900)
    assert budget.allows(HERE, 101) == 600
    assert budget.allows(HERE, 100) == 0
    assert budget.unaccounted() == {"2026-11": 100}
    assert budget.allows(HERE, 1) == 600
    clock.advance(600)
    assert budget.allows(Shard("", "never read"), 100) == 0
    assert budget.unaccounted() == {"2026-11": 100, "2026-12": 100}
    budget.account("2026-11", 100, 1000)
    assert budget.unaccounted() == {"2026-12": 100}


def test_before_there_is_an_account_the_month_counts_as_evenly_used():
    clock = FakeClock(now=at("2026-11-30T12:00:00"))
    budget = Budget(0.6, 0.01, clock)  # 60,000 metrics, of which 1,000 are for the last half day
    assert budget.allows(HERE, 1001) == 12 * 3600
    budget.account("2026-11", 0, 0)
    assert budget.allows(HERE, 1001) == 0


def test_agents_that_share_a_fleet_read_each_shard_as_often_as_one_would():
    clock = FakeClock(now=at("2027-02-01"))
    budget = Budget(10.0, 0.01, clock)
    budget.plan_for(1000)  # of which this agent reads a half
    read = 0
    for _ in range(1000):
        read += budget.allows(HERE, 500) == 0
        clock.advance(300)
    # 300,000 s pay for 124 rounds of 1,000, and what the others leave for some more.
    assert read == pytest.approx(128, abs=4)


@given(st.floats(0, 4e9))
def test_a_month_is_one_of_the_calendar(moment):
    name, begin, end = month_of(moment)
    assert begin <= moment < end
    assert 28 * 86_400 <= end - begin <= 31 * 86_400
    assert month_of(begin)[0] == name == month_of(end - 1)[0] != month_of(end)[0]


def test_every_shard_has_its_turn():
    clock = FakeClock(now=at("2026-11-01"))
    budget = Budget(10.0, 0.01, clock)  # 1,000,000 metrics in a month: 0.39 a second
    shards = [Shard("", "a"), Shard("", "b")]
    read = dict.fromkeys(shards, 0)
    for _ in range(1000):
        for shard in shards:
            read[shard] += budget.allows(shard, 500) == 0
        clock.advance(300)
    # 300,000 s pay for 115,741 metrics, which are 116 rounds.
    assert read[shards[0]] == pytest.approx(116, abs=3)
    assert read[shards[1]] == pytest.approx(116, abs=3)


def test_without_a_budget_nothing_is_held_back():
    budget = Budget(None, 0.01, FakeClock())
    assert {budget.allows(HERE, 1_000_000) for _ in range(100)} == {0.0}
    assert budget.unaccounted() == {}


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
            "eu-west-1: metrics are read again in 593 s and no more often than monthly_budget pays "
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
