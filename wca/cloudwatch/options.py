"""What the agent can be told."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from wca.errors import ValidationError

__all__ = ["AgentOptions", "Scope", "Values"]


class Scope(enum.StrEnum):
    """Whose CPU time and memory.

    ``host``: the machine's; ``container``: the agent's own container's; ``task``: the ECS task's;
    ``tree``: those of the processes that the agent has started.
    """

    HOST = "host"
    CONTAINER = "container"
    TASK = "task"
    TREE = "tree"


class Values(enum.StrEnum):
    """What is sent for a period.

    ``median``: medians and maxima; ``statistics``: statistic sets; ``distribution``: the value of
    each sample, of which CloudWatch can tell percentiles.
    """

    MEDIAN = "median"
    STATISTICS = "statistics"
    DISTRIBUTION = "distribution"


@dataclass(frozen=True)
class AgentOptions:
    """Options of ``wca cloudwatch-agent``.

    Args:
        namespace: of CloudWatch.
        service: the dimension ServiceName.
        scope: of what is measured.
        period: seconds of a window, whose start is the time of its data.
        sample_interval: seconds between two samples.
        dimensions: further ones.
        resolution: 60, or 1 for high resolution.
        region: of AWS; None: what the environment says.
        endpoint_url: in place of that of the region.
        dry_run: print what would be sent.
        values: what is sent for a period.
        more: send MaxCPUUtilization and, where there is a quota, CPUThrottled as well.
        spool: a file in which data outlasts outages; None: after two retries they are skipped.
        shutdown_timeout: seconds to the end after a signal.

    Raises:
        ValidationError: an option makes no sense.
    """

    namespace: str
    service: str
    scope: Scope = Scope.HOST
    period: int = 60
    sample_interval: float = 0.9
    dimensions: Mapping[str, str] = field(default_factory=dict)
    resolution: int = 60
    region: str | None = None
    endpoint_url: str | None = None
    dry_run: bool = False
    values: Values = Values.MEDIAN
    more: bool = False
    spool: str | None = None
    shutdown_timeout: float = 8.0

    def __post_init__(self) -> None:
        if self.period < 1:
            raise ValidationError(
                f"--period {self.period}: write whole seconds, 1 or more, such as 60"
            )
        if self.resolution == 60 and self.period % 60:
            raise ValidationError(
                f"--period {self.period} is no whole minute, into which CloudWatch puts everything "
                "at --resolution 60: write 60 or a multiple of it, or --resolution 1"
            )
        if not 0.01 <= self.sample_interval <= min(60, self.period):
            raise ValidationError(
                f"--sample-interval {self.sample_interval:g}: write seconds from 0.01 to 60, no "
                "more than --period"
            )
        if "ServiceName" in self.dimensions:
            raise ValidationError("--dimension ServiceName is what --service sets: leave it out")
