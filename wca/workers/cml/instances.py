"""What the job asks AWS: the methods of ``AwsEc2Client`` that it calls."""

from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["InstanceClient", "Utilization"]


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
