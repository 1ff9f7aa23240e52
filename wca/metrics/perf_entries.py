"""Catalogue entries of perf events that only a configuration knows: its own, and those by CPU."""

from dataclasses import replace

from wca.metrics.metadata import MetricMetadata
from wca.metrics.metric import MetricGranularity, MetricType, MetricUnit

__all__ = ["on_each_cpu", "raw_event_metric", "sysfs_event_metric"]

_NEEDS = "event_names, hardware counters"


def raw_event_metric(name: str, config: int, config1: int) -> MetricMetadata:
    """The entry of an event that is given by its code.

    Args:
        name: of the metric.
        config: ``perf_event_attr.config``: event, unit mask and counter mask.
        config1: ``perf_event_attr.config1``.
    """
    event, umask, cmask = config & 0xFF, config >> 8 & 0xFF, config >> 24 & 0xFF
    more = f", config1 {config1:#x}" if config1 else ""
    text = f"event {event:#04x}, unit mask {umask:#04x}, counter mask {cmask:#04x}{more}"
    return _counter(name, f"Raw perf event of the task: {text}.", f"perf: config {config:#x}{more}")


def sysfs_event_metric(name: str, event: str) -> MetricMetadata:
    """The entry of an event that the kernel of this machine names.

    Args:
        name: of the metric.
        event: as the configuration has it, such as ``cpu/mem-loads/``.
    """
    return _counter(
        name,
        f"Perf event {event} of the task, as the kernel of this machine defines it.",
        f"perf: {event}",
    )


def on_each_cpu(entry: MetricMetadata) -> MetricMetadata:
    """The same metric with a number for each CPU."""
    return replace(entry, levels=("cpu",))


def _counter(name: str, help_: str, source: str) -> MetricMetadata:
    return MetricMetadata(
        name,
        MetricType.COUNTER,
        MetricUnit.NUMERIC,
        MetricGranularity.TASK,
        help_,
        source,
        needs=_NEEDS,
    )
