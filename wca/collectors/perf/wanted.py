"""The perf events that a configuration wants, and the metrics they become."""

from collections.abc import Iterable

from wca.errors import ValidationError
from wca.linux.perf.events import KNOWN_EVENTS, parse_event
from wca.linux.perf.names import check_name
from wca.linux.perf.tables import CORE_NAMES
from wca.metrics import CATALOGUE, MetricMetadata
from wca.metrics.perf_entries import raw_event_metric, sysfs_event_metric

__all__ = ["event_metric", "metric_of", "metrics_by_event"]


def metrics_by_event(names: Iterable[str]) -> dict[str, str]:
    """The name of the metric of each event, in their order.

    Raises:
        ValidationError: a name is no event, two have one metric, or there is none at all.
    """
    metrics: dict[str, str] = {}
    for name in names:
        metric = metric_of(name)
        if metric in metrics.values():
            raise ValidationError(
                f"perf event {name!r} is listed twice, as {metric}: write it once"
            )
        metrics[name] = metric
    if not metrics:
        raise ValidationError("the list of perf events is empty, name at least one")
    return metrics


def event_metric(name: str) -> MetricMetadata:
    """The catalogue entry of an event; one of its own where the catalogue has none."""
    metric = check_name(name)
    if metric in CATALOGUE:
        return CATALOGUE[metric]
    if "/" not in name and "__r" in name:
        event = parse_event(name)
        return raw_event_metric(name, event.config, event.config1)
    return sysfs_event_metric(metric, name)


def metric_of(name: str) -> str:
    """The name of the metric of an event.

    Raises:
        ValidationError: it is no event on any machine, or has the name of something else.
    """
    metric = check_name(name)
    if metric in CATALOGUE and metric not in KNOWN_EVENTS and metric not in CORE_NAMES:
        raise ValidationError(f"perf event {name!r}: {metric} is another metric, name it otherwise")
    return metric
