"""Worker monitoring: a fleet of EC2 instances polled, judged, alerted on and healed.

Names are imported when they are used, so that none of them brings in a library that is not needed.
"""

from typing import TYPE_CHECKING

from wca.lazy import lazy_names

if TYPE_CHECKING:
    from wca.workers.aws.account import AwsAccount
    from wca.workers.aws.cloud import AwsCloud
    from wca.workers.ec2_client import FIVE_MIN_AGO, AwsEc2Client
    from wca.workers.sources.ec2_tags import Ec2TagWorkers
    from wca.workers.sources.sql import SqlWorkers
    from wca.workers.sources.static import StaticWorkers
    from wca.workers.sources.union import UnionWorkers

__all__ = [
    "AwsAccount",
    "AwsCloud",
    "AwsEc2Client",
    "Ec2TagWorkers",
    "FIVE_MIN_AGO",
    "SqlWorkers",
    "StaticWorkers",
    "UnionWorkers",
]

#: Public name to the module that has it.
_PLACES: dict[str, str] = {
    "AwsAccount": "wca.workers.aws.account",
    "AwsCloud": "wca.workers.aws.cloud",
    "AwsEc2Client": "wca.workers.ec2_client",
    "Ec2TagWorkers": "wca.workers.sources.ec2_tags",
    "FIVE_MIN_AGO": "wca.workers.ec2_client",
    "SqlWorkers": "wca.workers.sources.sql",
    "StaticWorkers": "wca.workers.sources.static",
    "UnionWorkers": "wca.workers.sources.union",
}

__getattr__ = lazy_names(__name__, _PLACES)
