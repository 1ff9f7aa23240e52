"""Metrics: pure data and functions from data to data."""

from wca.metrics.batch import Batch, Series
from wca.metrics.catalogue import CATALOGUE, MetricName
from wca.metrics.metadata import MetricMetadata
from wca.metrics.metric import Measurements, Metric, MetricGranularity, MetricType, MetricUnit

__all__ = [
    "CATALOGUE",
    "Batch",
    "Measurements",
    "Metric",
    "MetricGranularity",
    "MetricMetadata",
    "MetricName",
    "MetricType",
    "MetricUnit",
    "Series",
]
