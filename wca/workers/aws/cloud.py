"""Instances of Amazon EC2, their states and their metrics."""

import importlib.util
from collections.abc import Mapping, Sequence
from typing import Annotated

from wca.clock import Clock, SystemClock
from wca.config.types import Duration, Injected, Numeric, Url
from wca.metrics import Measurements
from wca.workers.api import Cloud
from wca.workers.aws.account import AwsAccount, by_name
from wca.workers.aws.apis import REBOOT_INSTANCES, START_INSTANCES, STOP_INSTANCES
from wca.workers.aws.calls import Calls
from wca.workers.aws.cost import PRICE, Budget, Forecast, forecast
from wca.workers.aws.metrics import MetricReader
from wca.workers.aws.sessions import ClientOptions
from wca.workers.aws.status import StatusReader
from wca.workers.model import Action, Measured, MetricQuery, Shard, StatusAnswer

__all__ = ["AwsCloud"]

_ACTIONS = {
    Action.REBOOT: REBOOT_INSTANCES,
    Action.STOP: STOP_INSTANCES,
    Action.START: START_INSTANCES,
}


class AwsCloud(Cloud):
    """Asks EC2 for states and status checks, and CloudWatch for metrics.

    States are asked for a hundred instances in one call, metrics five hundred in one, several calls
    at once. Each call waits for its turn, at half the rate that AWS allows an account, and is tried
    again with botocore's standard mode. A region that does not answer five times in a row is left
    alone for a while, the others are not concerned.

    Reading metrics costs money: $0.01 for 1,000 in most regions. With ``monthly_budget`` metrics
    are read less often than polls come, so often that a month of readings is paid for; readings
    left out have the verdict ``skipped``. What was read is counted in the runner's store, so that
    restarts and all agents of a fleet have one budget. States cost nothing and are asked with every
    poll.

    Permissions: ec2:DescribeInstanceStatus, cloudwatch:GetMetricData and cloudwatch:ListMetrics;
    ec2:RebootInstances, ec2:StopInstances and ec2:StartInstances for remediation;
    ec2:DescribeInstances and ec2:DescribeRegions for Ec2TagWorkers.

    Args:
        accounts: by whose names workers say in which they are. Workers without an account are in
            that of the agent's own credentials.
        endpoint_url: instead of the regions' own.
        max_concurrency: calls at once.
        attempts: of one call.
        timeout: how long one attempt may take.
        lookback: how old a reading may be.
        settle: how long after the end of a period its value counts; EC2 and agents send late.
        monthly_budget: US dollars that reading metrics may cost in a month of the calendar (UTC).
        price: US dollars for 1,000 metrics.
        clock: time.

    Raises:
        ValidationError: two accounts have one name.
    """

    def __init__(
        self,
        accounts: list[AwsAccount] | None = None,
        endpoint_url: Annotated[str, Url()] | None = None,
        max_concurrency: Annotated[int, Numeric(1, 256)] = 16,
        attempts: Annotated[int, Numeric(1, 20)] = 5,
        timeout: Annotated[float, Duration(0.1, 300)] = 20.0,
        lookback: Annotated[float, Duration(60, 10_800)] = 900.0,
        settle: Annotated[float, Duration(0, 3600)] = 120.0,
        monthly_budget: Annotated[float, Numeric(0.01, None)] | None = None,
        price: Annotated[float, Numeric(1e-6, None)] = PRICE,
        *,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        self.accounts = [account.name for account in accounts or ()]
        self.monthly_budget = monthly_budget
        self.price = price
        clock = clock or SystemClock()
        options = ClientOptions(endpoint_url, attempts, max_concurrency, timeout)
        self.calls = Calls(by_name(accounts), options, clock)
        self._budget = Budget(monthly_budget, price, clock)
        self.metrics = MetricReader(self.calls, self._budget, lookback, settle, clock)
        self._states = StatusReader(self.calls)
        self._forecast: Forecast | None = None

    def check(self) -> list[str]:
        """What would keep this machine from asking."""
        missing = importlib.util.find_spec("boto3") is None
        return ["boto3 is missing: install wca[workers]"] if missing else []

    def start(self) -> None:
        """Find boto3 and the agent's own credentials; asks AWS nothing.

        Raises:
            StartError: one of them is missing.
        """
        self.calls.open()

    def status(self, shard: Shard, instance_ids: Sequence[str]) -> StatusAnswer:
        """States and status checks.

        An id that is not one of an instance is ``Gone``, as one that EC2 does not know.

        Raises:
            CloudError: nothing at all could be asked.
        """
        return self._states.read(shard, instance_ids)

    def measure(
        self, shard: Shard, instance_ids: Sequence[str], queries: Sequence[MetricQuery], now: float
    ) -> Measured:
        """The newest settled reading of each query for each instance; each has a verdict.

        Raises:
            CloudError: nothing at all could be asked, and not because of the rate.
        """
        return self.metrics.read(shard, instance_ids, queries, now)

    def act(self, shard: Shard, instance_id: str, action: Action) -> None:
        """Do it; returns when EC2 has accepted it.

        Raises:
            CloudError: it was not accepted.
        """
        self.calls.call(shard, _ACTIONS[action], InstanceIds=[instance_id])

    def forecast(self, workers: int, metrics: int, interval: float) -> Forecast:
        """What a month costs; as text it is a sentence for the log. The last one is exported.

        Args:
            workers: how many run.
            metrics: read of each.
            interval: seconds between two polls.
        """
        made = forecast(workers, metrics, interval, self.monthly_budget, self.price)
        self._forecast = made
        self._budget.plan_for(workers * metrics)
        return made

    def unaccounted(self) -> Mapping[str, int]:
        """Metrics that were requested since the last account, by month; empty without a budget."""
        return self._budget.unaccounted()

    def account(self, month: str, metrics: int, total: int) -> None:
        """The account of a month is known.

        Args:
            month: such as ``2026-11``.
            metrics: of ``unaccounted``, which are in it.
            total: metrics that all agents have requested.
        """
        self._budget.account(month, metrics, total)

    def measurements(self) -> Measurements:
        """Calls, metrics requested, regions that are left alone, and the last forecast."""
        made = self._forecast
        told = {} if made is None else {"wca_aws_forecast_dollars": made.dollars}
        return {**self.calls.measurements(), **told}

    def close(self, timeout: float = 5.0) -> None:
        """End what waits for its turn, and let go of connections.

        Args:
            timeout: not needed: what is on its way comes to its end by itself.
        """
        del timeout
        self.calls.close()
