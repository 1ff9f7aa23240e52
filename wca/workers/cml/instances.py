"""What jobs ask AWS: the methods of ``AwsEc2Client`` that they call."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

__all__ = ["InstanceClient", "InstancesClient", "Utilization"]


class Utilization(Protocol):
    """Averages of an instance, in percent; None: CloudWatch has none."""

    @property
    def avg_cpu_utilization(self) -> float | None:
        """Of its CPUs."""

    @property
    def avg_memory_utilization(self) -> float | None:
        """Of its memory."""


class InstanceClient(Protocol):
    """Asks about one instance. Blocking: the job calls it on threads of an executor."""

    def get_instance_status_checks(self, aws_region: str, instance_id: str) -> Mapping[str, Any]:
        """State and checks.

        The keys are ``instance_state``, ``instance_status_check`` and ``ec2_system_status_check``.
        """

    def get_instance_resources_utilization(
        self, aws_region: str, instance_id: str, relative_start_time: Any = ...
    ) -> Utilization:
        """Averages since ``relative_start_time``."""


@runtime_checkable
class InstancesClient(Protocol):
    """Asks about many instances at once; a client that can do that is asked so about a shard.

    Blocking as well. Of each instance there is an answer, or the error that asking about it alone
    would raise.
    """

    def get_status_checks_of_instances(
        self, aws_region: str, instance_ids: Sequence[str]
    ) -> Mapping[str, Mapping[str, Any] | Exception]:
        """States and checks by the ids of instances."""

    def get_resources_utilization_of_instances(
        self, aws_region: str, instance_ids: Sequence[str], relative_start_time: Any = ...
    ) -> Mapping[str, Utilization | Exception]:
        """Averages since ``relative_start_time``, by the ids of instances."""
