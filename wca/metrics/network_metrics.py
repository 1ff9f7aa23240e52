"""Catalogue entries of the traffic of tasks. Data only."""

from collections.abc import Iterator

from wca.metrics.metadata import MetricMetadata
from wca.metrics.metric import MetricGranularity, MetricType, MetricUnit

__all__ = ["NETWORK_METRICS"]

_COUNTS = (
    ("bytes", MetricUnit.BYTES, "Bytes", ""),
    ("packets", MetricUnit.NUMERIC, "Packets", ""),
    ("errors", MetricUnit.NUMERIC, "Packets that could not be", " because of an error"),
    ("drops", MetricUnit.NUMERIC, "Packets that were dropped and not", ""),
)
_DIRECTIONS = (("receive", "received"), ("transmit", "sent"))


def _network() -> Iterator[MetricMetadata]:
    for prefix, levels, where, needs in (
        ("task_network", (), "by the task, all interfaces but lo", "TaskNetworkCollector"),
        (
            "task_network_device",
            ("device",),
            "by the task on each interface but lo",
            "TaskNetworkCollector, by_device",
        ),
    ):
        for direction, done in _DIRECTIONS:
            for name, unit, what, why in _COUNTS:
                yield MetricMetadata(
                    f"{prefix}_{direction}_{name}",
                    MetricType.COUNTER,
                    unit,
                    MetricGranularity.TASK,
                    f"{what} {done} {where}{why}.",
                    "/proc/PID/net/dev of one process per network namespace",
                    levels,
                    f"{needs}; a network namespace of its own",
                )


NETWORK_METRICS: tuple[MetricMetadata, ...] = tuple(_network())
