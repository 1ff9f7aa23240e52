"""Catalogue entries of the traffic of tasks. Data only."""

from collections.abc import Iterator

from wca.metrics.metadata import MetricMetadata
from wca.metrics.metric import MetricGranularity, MetricType, MetricUnit

__all__ = ["NETWORK_METRICS"]

_COUNTS = (
    ("receive_bytes", "Bytes that the task received"),
    ("receive_packets", "Packets that the task received"),
    ("receive_errors", "Packets that the task could not receive because of an error"),
    ("receive_drops", "Packets to the task that were dropped instead of being received"),
    ("transmit_bytes", "Bytes that the task sent"),
    ("transmit_packets", "Packets that the task sent"),
    ("transmit_errors", "Packets that the task could not send because of an error"),
    ("transmit_drops", "Packets of the task that were dropped instead of being sent"),
)


def _network() -> Iterator[MetricMetadata]:
    for prefix, levels, where, needs in (
        ("task_network", (), "on all interfaces but lo", "TaskNetworkCollector"),
        (
            "task_network_device",
            ("device",),
            "on each interface but lo",
            "TaskNetworkCollector, per_device",
        ),
    ):
        for name, what in _COUNTS:
            yield MetricMetadata(
                f"{prefix}_{name}",
                MetricType.COUNTER,
                MetricUnit.BYTES if name.endswith("_bytes") else MetricUnit.NUMERIC,
                MetricGranularity.TASK,
                f"{what}, {where}.",
                "/proc/PID/net/dev of one process per network namespace",
                levels,
                f"{needs}; a network namespace of its own",
            )


NETWORK_METRICS: tuple[MetricMetadata, ...] = tuple(_network())
