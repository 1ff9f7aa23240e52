"""The metric catalogue: what every metric of ours is called, means and is measured in.

HELP text, docs/metrics.md and the exported labels come from here. The entries are data in the
modules ``*_metrics`` beside this one.
"""

import enum
from collections.abc import Iterable
from types import MappingProxyType

from wca.metrics.allocation_metrics import ALLOCATION_METRICS
from wca.metrics.anomaly_metrics import ANOMALY_METRICS
from wca.metrics.aws_metrics import AWS_METRICS
from wca.metrics.internal_metrics import INTERNAL_METRICS
from wca.metrics.memory_hardware_metrics import MEMORY_HARDWARE_METRICS
from wca.metrics.metadata import MetricMetadata
from wca.metrics.network_metrics import NETWORK_METRICS
from wca.metrics.numa_metrics import NUMA_METRICS
from wca.metrics.perf_metrics import PERF_METRICS
from wca.metrics.perf_table_metrics import PERF_TABLE_METRICS
from wca.metrics.platform_metrics import PLATFORM_METRICS
from wca.metrics.resctrl_metrics import RESCTRL_METRICS
from wca.metrics.sched_metrics import SCHED_METRICS
from wca.metrics.task_io_metrics import TASK_IO_METRICS
from wca.metrics.task_memory_metrics import TASK_MEMORY_METRICS
from wca.metrics.task_metrics import TASK_METRICS
from wca.metrics.uncore_metrics import UNCORE_METRICS
from wca.metrics.utilization_metrics import UTILIZATION_METRICS
from wca.metrics.work_metrics import WORK_METRICS
from wca.metrics.worker_history_metrics import WORKER_HISTORY_METRICS
from wca.metrics.worker_metrics import WORKER_METRICS
from wca.metrics.wss_metrics import WSS_METRICS

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
    _by_name(
        (
            *TASK_METRICS,
            *TASK_MEMORY_METRICS,
            *TASK_IO_METRICS,
            *NETWORK_METRICS,
            *SCHED_METRICS,
            *WSS_METRICS,
            *UTILIZATION_METRICS,
            *WORK_METRICS,
            *PERF_METRICS,
            *RESCTRL_METRICS,
            *PERF_TABLE_METRICS,
            *PLATFORM_METRICS,
            *UNCORE_METRICS,
            *MEMORY_HARDWARE_METRICS,
            *INTERNAL_METRICS,
            *ANOMALY_METRICS,
            *ALLOCATION_METRICS,
            *NUMA_METRICS,
            *AWS_METRICS,
            *WORKER_HISTORY_METRICS,
            *WORKER_METRICS,
        )
    )
)

#: The names as an enum, for plugins that prefer ``MetricName.TASK_UP`` to the text.
MetricName = enum.StrEnum("MetricName", {name.upper(): name for name in CATALOGUE})  # type: ignore[misc]
