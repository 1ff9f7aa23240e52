"""What is asked about one instance, in the words of the first worker monitoring."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from wca.config.types import Injected
from wca.workers.api import CloudError
from wca.workers.aws.apis import DESCRIBE_INSTANCES
from wca.workers.aws.cloud import AwsCloud
from wca.workers.aws.errors import AwsError, place
from wca.workers.aws.metrics import Answer
from wca.workers.aws.windows import Window, window_of
from wca.workers.model import MetricQuery, Shard, Status, StatusAnswer

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
    """Asks about one instance, or about many in batches of the size that AWS takes.

    Blocking: a coroutine calls it on a thread (``asyncio.to_thread``). Thread-safe. What is asked
    about many has for each instance an answer, or the error because of which there is none.

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
        found = self.get_status_checks_of_instances(aws_region, [instance_id])[instance_id]
        if isinstance(found, CloudError):
            raise found
        shard = Shard(self._account, aws_region)
        return {**found, "monitoring_state": self._monitoring_state(shard, instance_id)}

    def get_status_checks_of_instances(
        self, aws_region: str, instance_ids: Sequence[str]
    ) -> dict[str, dict[str, str] | CloudError]:
        """State and status checks of many, by id: one call for a hundred instances.

        Args:
            aws_region: where they are.
            instance_ids: which.

        Returns:
            What ``get_instance_status_checks`` returns or raises for each; ``monitoring_state`` is
            always ``unknown``, since it would have to be asked for beside.

        Raises:
            CloudError: EC2 cannot be asked at all.
        """
        shard = Shard(self._account, aws_region)
        answer = self._cloud.status(shard, instance_ids)
        return {id_: _checks_of(shard, id_, answer) for id_ in instance_ids}

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
        found = self.get_resources_utilization_of_instances(
            aws_region, [instance_id], relative_start_time
        )[instance_id]
        if isinstance(found, CloudError):
            raise found
        return found

    def get_resources_utilization_of_instances(
        self,
        aws_region: str,
        instance_ids: Sequence[str],
        relative_start_time: timedelta = FIVE_MIN_AGO,
    ) -> dict[str, ResourcesUtilization | CloudError]:
        """Averages of many, by id: two calls for five hundred instances, one of each metric.

        Args:
            aws_region: where they are.
            instance_ids: which.
            relative_start_time: how long a time is averaged; at least one period.

        Returns:
            What ``get_instance_resources_utilization`` returns or raises for each.
        """
        shard = Shard(self._account, aws_region)
        window = window_of(self._now(), _PERIOD, relative_start_time.total_seconds(), self._settle)
        cpu = self._averages(shard, instance_ids, _CPU, window)
        memory = self._averages(shard, instance_ids, _MEMORY, window)
        return {id_: _utilization(cpu[id_], memory[id_]) for id_ in instance_ids}

    def _averages(
        self, shard: Shard, ids: Sequence[str], query: MetricQuery, window: Window
    ) -> dict[str, float | CloudError | None]:
        answers, _ = self._cloud.metrics.answers(shard, list(dict.fromkeys(ids)), query, window)
        return {id_: _average(answers.get(id_), shard, query, window) for id_ in ids}

    def _monitoring_state(self, shard: Shard, instance_id: str) -> str:
        """Which DescribeInstanceStatus does not tell."""
        answer = self._cloud.calls.call(shard, DESCRIBE_INSTANCES, InstanceIds=[instance_id])
        for reservation in answer.get("Reservations", ()):
            for instance in reservation.get("Instances", ()):
                return str(instance.get("Monitoring", {}).get("State", "unknown"))
        return "unknown"


def _checks_of(shard: Shard, id_: str, answer: StatusAnswer) -> dict[str, str] | CloudError:
    status = answer.by_id.get(id_)
    if isinstance(status, Status):
        return {
            "instance_state": status.state.value,
            "instance_status_check": status.checks.instance or "unknown",
            "ec2_system_status_check": status.checks.system or "unknown",
            "monitoring_state": "unknown",
        }
    own = "; ".join(problem for problem in answer.problems if id_ in problem)
    if status is not None:
        return NoSuchInstanceError(own or f"{place(shard)}: no instance {id_}", lasting=True)
    return CloudError(own or "; ".join(answer.problems) or f"{place(shard)}: no instance {id_}")


def _average(
    series: Answer | None, shard: Shard, query: MetricQuery, window: Window
) -> float | CloudError | None:
    if series is None or isinstance(series, AwsError):
        return series
    if not series.known:
        return CloudError(f"{place(shard)}: CloudWatch could not tell {query.metric}")
    values = [value for at, value in series.points if window.start <= at < window.end]
    return sum(values) / len(values) if values else None


def _utilization(
    cpu: float | CloudError | None, memory: float | CloudError | None
) -> ResourcesUtilization | CloudError:
    if isinstance(cpu, CloudError):
        return cpu
    return memory if isinstance(memory, CloudError) else ResourcesUtilization(cpu, memory)
