"""The calls of AWS' API that worker monitoring makes, and how often it may make them."""

import re
from dataclasses import dataclass

__all__ = [
    "BY_OPERATION",
    "DESCRIBE_INSTANCES",
    "DESCRIBE_INSTANCE_STATUS",
    "DESCRIBE_REGIONS",
    "GET_METRIC_DATA",
    "LIST_METRICS",
    "REBOOT_INSTANCES",
    "START_INSTANCES",
    "STOP_INSTANCES",
    "Api",
]

_WORD = re.compile(r"(?<!^)(?=[A-Z])")


@dataclass(frozen=True)
class Api:
    """One call.

    Args:
        service: what boto3 calls the service.
        operation: AWS' name of the call.
        rate: calls a second at most, in one region of one account.
        burst: calls at once after a pause.
    """

    service: str
    operation: str
    rate: float
    burst: float

    @property
    def method(self) -> str:
        """What boto3 calls it."""
        return _WORD.sub("_", self.operation).lower()

    @property
    def permission(self) -> str:
        """What a policy must allow."""
        return f"{self.service}:{self.operation}"


# Half of what AWS documents: others use the account as well. Sources: "Request throttling for the
# Amazon EC2 API" (100 calls at once and 20 a second, 50 and 10 for some, less for calls that
# change something); quotas of CloudWatch (50 a second of GetMetricData, 25 of ListMetrics).
DESCRIBE_INSTANCE_STATUS = Api("ec2", "DescribeInstanceStatus", 10, 50)
DESCRIBE_INSTANCES = Api("ec2", "DescribeInstances", 5, 25)
DESCRIBE_REGIONS = Api("ec2", "DescribeRegions", 5, 25)
REBOOT_INSTANCES = Api("ec2", "RebootInstances", 1, 5)
START_INSTANCES = Api("ec2", "StartInstances", 1, 5)
STOP_INSTANCES = Api("ec2", "StopInstances", 1, 5)
GET_METRIC_DATA = Api("cloudwatch", "GetMetricData", 25, 25)
LIST_METRICS = Api("cloudwatch", "ListMetrics", 10, 10)

BY_OPERATION = {
    api.operation: api
    for api in (
        DESCRIBE_INSTANCE_STATUS,
        DESCRIBE_INSTANCES,
        DESCRIBE_REGIONS,
        REBOOT_INSTANCES,
        START_INSTANCES,
        STOP_INSTANCES,
        GET_METRIC_DATA,
        LIST_METRICS,
    )
}
