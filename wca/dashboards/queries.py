"""Queries of Prometheus that name metrics as the catalogue does."""

import re

from wca.metrics.catalogue import CATALOGUE
from wca.metrics.metadata import MetricMetadata

__all__ = ["described", "expression"]

_METRIC = re.compile(r"<(\w+)>")


def expression(query: str) -> str:
    """A query with the names that metrics have on the page for Prometheus.

    Args:
        query: where ``<task_cpu_usage_seconds>`` stands for that metric.

    Raises:
        KeyError: the catalogue has no such metric.
    """
    return _METRIC.sub(lambda found: CATALOGUE[found[1]].prometheus.name, query)


def described(query: str) -> MetricMetadata:
    """The metric that a query is about: the first one that it names."""
    found = _METRIC.search(query)
    if found is None:
        raise KeyError(f"{query!r} names no metric, as <task_up> does")
    return CATALOGUE[found[1]]
