"""What a metric is called in Prometheus' own style: by rule, and the few exceptions to the rule.

Source: https://prometheus.io/docs/practices/naming/ and the suffixes of OpenMetrics 1.0: base
units, the unit as suffix, ``_total`` after it for every counter, no colons.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from wca.metrics.metric import MetricType, MetricUnit

__all__ = ["PROMETHEUS_EXCEPTIONS", "PrometheusName", "prometheus_name"]

_VALID = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
_TOTAL = "_total"
_Key = tuple[str, str | None, str | None]
_TICKS_PER_SECOND = float(os.sysconf("SC_CLK_TCK"))

# Unit to its suffix, what a value is divided by, and the unit that it has then.
_UNITS: dict[str, tuple[str, float, str]] = {
    MetricUnit.BYTES: ("bytes", 1.0, MetricUnit.BYTES),
    MetricUnit.BYTES_PER_SECOND: ("bytes_per_second", 1.0, MetricUnit.BYTES_PER_SECOND),
    MetricUnit.SECONDS: ("seconds", 1.0, MetricUnit.SECONDS),
    MetricUnit.TICKS: ("seconds", _TICKS_PER_SECOND, MetricUnit.SECONDS),
    MetricUnit.TIMESTAMP: ("timestamp_seconds", 1.0, MetricUnit.SECONDS),
    MetricUnit.WATTS: ("watts", 1.0, MetricUnit.WATTS),
    "percent": ("ratio", 100.0, MetricUnit.NUMERIC),  # of plugins
}


@dataclass(frozen=True, slots=True)
class PrometheusName:
    """A metric in Prometheus' style.

    Args:
        name: what it is called.
        unit: of the value there; None: not known.
        divisor: what a value of ours is divided by.
        help: one sentence; None: the same as ours.
        from_age: our value is how long ago something happened, and the value there is when.
    """

    name: str
    unit: str | None
    divisor: float = 1.0
    help: str | None = None
    from_age: bool = False


#: By name, type and unit: metrics of ours whose name by rule would mislead. One has a time for its
#: value though ``up`` is 0 or 1 elsewhere, some lack the prefix that says what they are about,
#: ``_count`` belongs to histograms and summaries, and of what has happened the time is told: an age
#: would not grow when the agent stands still.
PROMETHEUS_EXCEPTIONS: Mapping[_Key, PrometheusName] = MappingProxyType(
    {
        ("wca_up", MetricType.GAUGE, MetricUnit.TIMESTAMP): PrometheusName(
            "wca_last_iteration_timestamp_seconds", MetricUnit.SECONDS
        ),
        ("wca_warning_count", MetricType.COUNTER, MetricUnit.NUMERIC): PrometheusName(
            "wca_warnings_total", MetricUnit.NUMERIC
        ),
        ("wca_error_count", MetricType.COUNTER, MetricUnit.NUMERIC): PrometheusName(
            "wca_errors_total", MetricUnit.NUMERIC
        ),
        ("anomaly_count", MetricType.COUNTER, MetricUnit.NUMERIC): PrometheusName(
            "anomalies_total", MetricUnit.NUMERIC
        ),
        ("allocations_count", MetricType.GAUGE, MetricUnit.NUMERIC): PrometheusName(
            "allocations_performed", MetricUnit.NUMERIC
        ),
        ("memory_usage", MetricType.GAUGE, MetricUnit.BYTES): PrometheusName(
            "platform_mem_usage_bytes", MetricUnit.BYTES
        ),
        ("cpu_usage_per_cpu", MetricType.COUNTER, MetricUnit.TICKS): PrometheusName(
            "platform_cpu_busy_seconds_total",
            MetricUnit.SECONDS,
            _TICKS_PER_SECOND,
            "Busy time of each CPU: user, nice, system, irq, softirq and steal.",
        ),
        ("wca_collector_age_seconds", MetricType.GAUGE, MetricUnit.SECONDS): PrometheusName(
            "wca_collector_read_timestamp_seconds",
            MetricUnit.SECONDS,
            help="Unix time of the values of a collector that is not read in each iteration.",
            from_age=True,
        ),
        ("wca_node_list_age_seconds", MetricType.GAUGE, MetricUnit.SECONDS): PrometheusName(
            "wca_node_list_timestamp_seconds",
            MetricUnit.SECONDS,
            help="Unix time at which the source of a node has given its list of tasks.",
            from_age=True,
        ),
        ("anomaly_answer_age_seconds", MetricType.GAUGE, MetricUnit.SECONDS): PrometheusName(
            "anomaly_answer_timestamp_seconds",
            MetricUnit.SECONDS,
            help="Unix time of what the last answer of a detector on its own thread is about.",
            from_age=True,
        ),
        **{
            (f"numa__{name}", MetricType.GAUGE, unit): PrometheusName(
                f"allocation_numa_{new}", unit
            )
            for name, unit, new in (
                ("balanced_memory_tasks", MetricUnit.NUMERIC, "node_tasks"),
                ("balanced_memory_size", MetricUnit.BYTES, "node_memory_bytes"),
                ("task_tasks_count", MetricUnit.NUMERIC, "tasks"),
                ("task_current_node", MetricUnit.NUMERIC, "current_node"),
                ("task_pages_to_move", MetricUnit.NUMERIC, "pages_to_move"),
                ("total_pages_to_move", MetricUnit.NUMERIC, "all_pages_to_move"),
            )
        },
        ("platform_dimm_count", MetricType.GAUGE, MetricUnit.NUMERIC): PrometheusName(
            "platform_dimms", MetricUnit.NUMERIC
        ),
    }
)


def prometheus_name(name: str, type_: str | None, unit: str | None) -> PrometheusName:
    """The name of a metric, of ours or of a plugin.

    A name that Prometheus would refuse stays as it is, so that it is refused under its own name.

    Args:
        name: as in the catalogue.
        type_: ``counter`` gets ``_total``.
        unit: see ``MetricUnit``; besides ``percent``. Others leave the name alone.
    """
    known = PROMETHEUS_EXCEPTIONS.get((name, type_, unit))
    if known is not None:
        return known
    if not _VALID.fullmatch(name):
        return PrometheusName(name, unit)
    stem = name.replace(":", "_")
    if type_ == MetricType.COUNTER:
        stem = stem.removesuffix(_TOTAL)
    divisor = 1.0
    if unit in _UNITS:
        suffix, divisor, base = _UNITS[unit]
        stem = _with_suffix(stem, suffix, instead_of=(f"_{unit}", f"_{base}"))
        unit = base
    return PrometheusName(f"{stem}{_TOTAL if type_ == MetricType.COUNTER else ''}", unit, divisor)


def _with_suffix(stem: str, suffix: str, *, instead_of: Iterable[str]) -> str:
    """The unit at the end, where it may already stand, and not in the middle as well."""
    if stem.endswith(f"_{suffix}"):
        return stem
    for other in instead_of:
        stem = stem.removesuffix(other)
    return f"{stem.replace(f'_{suffix}_', '_')}_{suffix}"
