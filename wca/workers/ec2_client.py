"""What is asked about one instance, in the words of the first worker monitoring."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from wca.config.types import Injected
from wca.workers.api import CloudError
from wca.workers.aws.apis import DESCRIBE_INSTANCES
from wca.workers.aws.cloud import AwsCloud
from wca.workers.aws.errors import AwsError, place
from wca.workers.aws.windows import Window, window_of
from wca.workers.model import MetricQuery, Shard, Status

__all__ = [
    "FIFTEEN_MIN_AGO",
    "FIVE_MIN_AGO",
    "ONE_HOUR_AGO",
    "TEN_MIN_AGO",
    "AwsEc2Client",
    "NoSuchInstanceError",
    "ResourcesUtilization",
]

FIVE_MIN_AGO = timedelta(minutes=5)
TEN_MIN_AGO = timedelta(minutes=10)
FIFTEEN_MIN_AGO = timedelta(minutes=15)
ONE_HOUR_AGO = timedelta(hours=1)

#: Seconds of a period: of an instance without detailed monitoring EC2 has no shorter ones.
_PERIOD = 300
_CPU = MetricQuery("cpu", "AWS/EC2", "CPUUtilization", period=_PERIOD)
_MEMORY = MetricQuery("memory", "CWAgent", "mem_used_percent", period=_PERIOD, dimensions=None)


@dataclass(frozen=True)
class ResourcesUtilization:
    """Averages of an instance in percent, from 0 to 100; None: CloudWatch has no data.

    Args:
        avg_cpu_utilization: of its CPUs.
        avg_memory_utilization: of its memory, which the CloudWatch agent on it publishes.
    """

    avg_cpu_utilization: float | None
    avg_memory_utilization: float | None


class NoSuchInstanceError(CloudError):
    """EC2 does not know the instance: any more, or not yet."""


class AwsEc2Client:
    """Asks about one instance at a time; a fleet is asked through AwsCloud, in batches.

    Blocking: a coroutine calls it on a thread (``asyncio.to_thread``). Thread-safe.

    Args:
        cloud: what asks AWS; when left out, with the agent's own credentials.
        account: name of an account of the cloud; empty: that of its own credentials.
        settle: seconds after the end of a period until its value counts.
        now: Unix time.
    """

    def __init__(
        self,
        cloud: AwsCloud | None = None,
        account: str = "",
        settle: float = 120.0,
        *,
        now: Annotated[Callable[[], float], Injected()] = time.time,
    ) -> None:
        self._cloud = cloud or AwsCloud()
        self._account = account
        self._settle = settle
        self._now = now

    def get_instance_status_checks(self, aws_region: str, instance_id: str) -> dict[str, str]:
        """State and status checks in EC2's words.

        Args:
            aws_region: where the instance is.
            instance_id: such as ``i-0123456789abcdef0``.

        Returns:
            ``instance_state``, ``instance_status_check``, ``ec2_system_status_check`` and
            ``monitoring_state`` (``enabled``: EC2 measures every minute; ``disabled``: every five
            minutes); what EC2 does not tell is ``unknown``.

        Raises:
            NoSuchInstanceError: EC2 does not know it.
            CloudError: EC2 cannot be asked.
        """
        shard = Shard(self._account, aws_region)
        answer = self._cloud.status(shard, [instance_id])
        status = answer.by_id.get(instance_id)
        if not isinstance(status, Status):
            told = "; ".join(answer.problems) or f"{place(shard)}: no instance {instance_id}"
            if status is not None:
                raise NoSuchInstanceError(told, lasting=True)
            raise CloudError(told)
        return {
            "instance_state": status.state.value,
            "instance_status_check": status.checks.instance or "unknown",
            "ec2_system_status_check": status.checks.system or "unknown",
            "monitoring_state": self._monitoring_state(shard, instance_id),
        }

    def get_instance_resources_utilization(
        self,
        aws_region: str,
        instance_id: str,
        relative_start_time: timedelta = FIVE_MIN_AGO,
    ) -> ResourcesUtilization:
        """Averages over the newest settled periods of five minutes.

        Args:
            aws_region: where the instance is.
            instance_id: such as ``i-0123456789abcdef0``.
            relative_start_time: how long a time is averaged; at least one period.

        Raises:
            CloudError: CloudWatch cannot be asked: nothing is known, which is not the same as no
                data.
        """
        shard = Shard(self._account, aws_region)
        window = window_of(self._now(), _PERIOD, relative_start_time.total_seconds(), self._settle)
        return ResourcesUtilization(
            avg_cpu_utilization=self._average(shard, instance_id, _CPU, window),
            avg_memory_utilization=self._average(shard, instance_id, _MEMORY, window),
        )

    def _average(
        self, shard: Shard, instance_id: str, query: MetricQuery, window: Window
    ) -> float | None:
        answers, _ = self._cloud.metrics.answers(shard, [instance_id], query, window)
        series = answers.get(instance_id)
        if series is None:
            return None
        if isinstance(series, AwsError):
            raise series
        if not series.known:
            raise CloudError(f"{place(shard)}: CloudWatch could not tell {query.metric}")
        values = [value for at, value in series.points if window.start <= at < window.end]
        return sum(values) / len(values) if values else None

    def _monitoring_state(self, shard: Shard, instance_id: str) -> str:
        """Which DescribeInstanceStatus does not tell."""
        answer = self._cloud.calls.call(shard, DESCRIBE_INSTANCES, InstanceIds=[instance_id])
        for reservation in answer.get("Reservations", ()):
            for instance in reservation.get("Instances", ()):
                return str(instance.get("Monitoring", {}).get("State", "unknown"))
        return "unknown"
