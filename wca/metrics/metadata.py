"""One entry of the metric catalogue."""

from dataclasses import dataclass

from wca.metrics.metric import MetricGranularity, MetricType, MetricUnit

__all__ = ["MetricMetadata"]


@dataclass(frozen=True, slots=True)
class MetricMetadata:
    """What one metric is.

    Args:
        name: the name it is exported under.
        type: gauge or counter.
        unit: what one unit of the value is.
        granularity: task, platform or internal.
        help: one sentence, the HELP text.
        source: where the number comes from, per cgroup version where they differ.
        levels: label names for the keys of a nested value, outermost first.
        needs: what has to be there or switched on; empty for what is always collected.
    """

    name: str
    type: MetricType
    unit: MetricUnit
    granularity: MetricGranularity
    help: str
    source: str
    levels: tuple[str, ...] = ()
    needs: str = ""
