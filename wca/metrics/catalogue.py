"""The metric catalogue: what every metric of ours is called, means and is measured in.

HELP text, docs/metrics.md and the exported labels come from here. The entries are data in
``task_metrics``, ``perf_metrics``, ``platform_metrics`` and ``internal_metrics``.
"""

import enum
from collections.abc import Iterable
from types import MappingProxyType

from wca.metrics.internal_metrics import INTERNAL_METRICS
from wca.metrics.metadata import MetricMetadata
from wca.metrics.perf_metrics import PERF_METRICS
from wca.metrics.platform_metrics import PLATFORM_METRICS
from wca.metrics.task_metrics import TASK_METRICS

__all__ = ["CATALOGUE", "MetricName"]


def _by_name(entries: Iterable[MetricMetadata]) -> dict[str, MetricMetadata]:
    catalogue: dict[str, MetricMetadata] = {}
    for entry in entries:
        if entry.name in catalogue:
            raise ValueError(f"metric {entry.name} stands in the catalogue twice")
        catalogue[entry.name] = entry
    return catalogue


#: Every metric of ours by name, in the order of the documentation.
CATALOGUE = MappingProxyType(
    _by_name((*TASK_METRICS, *PERF_METRICS, *PLATFORM_METRICS, *INTERNAL_METRICS))
)

#: The names as an enum, for plugins that prefer ``MetricName.TASK_UP`` to the text.
MetricName = enum.StrEnum("MetricName", {name.upper(): name for name in CATALOGUE})  # type: ignore[misc]
