"""``Metric``: one number with its name and labels, as every storage and plugin sees it."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Measurements", "Metric", "MetricGranularity", "MetricType", "MetricUnit"]

#: Numbers by metric name. The value of a metric with levels (``numa_node``, ``cpu``, ...) is a
#: dict nested in the order of the levels: ``{"task_mem_numa_pages": {"0": 12, "1": 30}}``.
Measurements = dict[str, Any]


class MetricType(enum.StrEnum):
    """How a value may move: a counter only grows, a gauge goes both ways."""

    GAUGE = "gauge"
    COUNTER = "counter"


class MetricUnit(enum.StrEnum):
    """What one unit of the value is."""

    BYTES = "bytes"
    BYTES_PER_SECOND = "bytes_per_second"
    NUMERIC = "numeric"
    SECONDS = "seconds"
    TICKS = "ticks"
    TIMESTAMP = "timestamp"
    WATTS = "watts"


class MetricGranularity(enum.StrEnum):
    """What the value is about."""

    TASK = "task"
    PLATFORM = "platform"
    INTERNAL = "internal"
    ANOMALY = "anomaly"
    ALLOCATION = "allocation"
    WORKER = "worker"


@dataclass(slots=True)
class Metric:
    """One sample.

    A labels mapping belongs to many samples at once: nobody changes one after giving it away.

    Args:
        name: metric name, ``[a-zA-Z_:][a-zA-Z0-9_:]*``.
        value: int or float, in ``unit``.
        labels: label name to label value, both text.
        type: ``gauge`` or ``counter``; None when unknown.
        help: one sentence for people.
        unit: what one unit of the value is.
        granularity: what the value is about, see ``MetricGranularity``.
        timestamp: Unix time in seconds at which the value was read; the loop sets one per sample.
        start_time: Unix time in seconds at which a counter began at zero, where known.
    """

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)
    type: str | None = None
    help: str | None = None
    unit: str | None = None
    granularity: str | None = None
    timestamp: float | None = None
    start_time: float | None = None
