"""Catalogue entries of the agent itself. Data only."""

from wca.metrics.metadata import MetricMetadata
from wca.metrics.metric import MetricGranularity, MetricType, MetricUnit

__all__ = ["INTERNAL_METRICS"]

_C, _G = MetricType.COUNTER, MetricType.GAUGE
_N, _S = MetricUnit.NUMERIC, MetricUnit.SECONDS


def _internal(
    name: str,
    type_: MetricType,
    unit: MetricUnit,
    help_: str,
    *levels: str,
    source: str = "internal",
) -> MetricMetadata:
    return MetricMetadata(name, type_, unit, MetricGranularity.INTERNAL, help_, source, levels)


INTERNAL_METRICS: tuple[MetricMetadata, ...] = (
    _internal("wca_up", _G, MetricUnit.TIMESTAMP, "Unix time of the iteration."),
    _internal(
        "wca_information",
        _G,
        _N,
        "1, with the version of the agent and the facts of the machine as labels.",
    ),
    _internal(
        "wca_build_info",
        _G,
        _N,
        "1, with the version of the agent and that of the Python that runs it as labels.",
        "version",
        "python",
    ),
    _internal(
        "wca_config_info",
        _G,
        _N,
        "1, with a hash of the configuration as label: two agents have the same one when their "
        "files mean the same, defaults and all; secrets and values of the environment are not in "
        "it.",
        "hash",
        source="configuration file",
    ),
    _internal(
        "wca_config_last_reload_successful",
        _G,
        _N,
        "1 when the agent does what its configuration said when it was last told to look, else 0.",
    ),
    _internal(
        "wca_config_last_reload_success",
        _G,
        MetricUnit.TIMESTAMP,
        "Unix time at which the agent began to do what its configuration says.",
    ),
    _internal("wca_tasks", _G, _N, "Tasks measured in this iteration."),
    _internal(
        "wca_node_list_age_seconds",
        _G,
        _S,
        "Time since the source of a node has given its list of tasks.",
        "node",
    ),
    _internal(
        "wca_memory_usage_bytes",
        _G,
        MetricUnit.BYTES,
        "Resident memory of the agent.",
        source="/proc/self/statm",
    ),
    _internal("wca_iteration_duration_seconds", _G, _S, "Last duration of a whole iteration."),
    _internal(
        "wca_iteration_duration_seconds_avg",
        _G,
        _S,
        "Mean duration of a whole iteration since start.",
    ),
    _internal(
        "wca_duration_seconds",
        _G,
        _S,
        "Last duration of each stage of the loop; the whole is wca_iteration_duration_seconds.",
        "function",
    ),
    _internal(
        "wca_duration_seconds_avg",
        _G,
        _S,
        "Mean duration of each stage of the loop since start.",
        "function",
    ),
    _internal(
        "wca_warning_count", _C, _N, "Warnings logged, by module.", "module", source="logging"
    ),
    _internal(
        "wca_error_count",
        _C,
        _N,
        "Errors and critical messages logged, by module.",
        "module",
        source="logging",
    ),
    _internal("wca_healthy", _G, _N, "1 when the last attempt succeeded, else 0.", "component"),
    _internal("wca_failures", _C, _N, "Failed attempts since start.", "component"),
    _internal("wca_recording_lost", _C, _N, "Intervals that are missing in the recording."),
    _internal(
        "wca_cpu_seconds", _C, _S, "CPU time of the agent, all threads.", source="process clock"
    ),
    _internal(
        "wca_collector_state",
        _G,
        _N,
        "1 for the state of each collector: working, failing, unavailable (this machine has no "
        "such source) or stopped (to keep to the budget).",
        "collector",
        "state",
    ),
    _internal(
        "wca_tasks_unmeasured",
        _G,
        _N,
        "Tasks and containers that a collector has no numbers of, although it works: exhausted (no "
        "descriptors or monitoring groups are left), opening (not their turn yet), unavailable "
        "(they have no such source), failing, or a reason that the page of the collector tells.",
        "collector",
        "reason",
    ),
    _internal(
        "wca_collector_cpu_seconds",
        _C,
        _S,
        "CPU time of the agent for each collector. Those of tasks are read together: their shares "
        "are estimated from one task in each iteration, which is read collector by collector.",
        "collector",
        source="thread clock",
    ),
    _internal(
        "wca_collector_duration_seconds",
        _G,
        _S,
        "Time that each collector took when it was read last, for all tasks.",
        "collector",
    ),
    _internal(
        "wca_collector_age_seconds",
        _G,
        _S,
        "How old the values of a collector are that is not read in each iteration.",
        "collector",
    ),
    _internal(
        "wca_budget_level",
        _G,
        _N,
        "Steps taken to keep to the budget; 0 when everything is measured as configured.",
    ),
    _internal("wca_budget_used_ratio", _G, _N, "Share of the budget that is used.", "resource"),
    _internal("wca_series_limit", _G, _N, "Series at most, as configured."),
    _internal(
        "wca_tasks_left_out", _G, _N, "Tasks and containers left out because of the series limit."
    ),
    _internal("wca_overruns", _C, _N, "Intervals missed because an iteration took too long."),
    _internal("wca_loop_stuck", _C, _N, "Times the loop stood still for three intervals."),
    _internal(
        "wca_collected_samples",
        _C,
        _N,
        "Samples given to a storage. Collected and recovered samples together are those that were "
        "delivered, dropped, and still wait.",
        "storage",
    ),
    _internal(
        "wca_recovered_samples",
        _C,
        _N,
        "Samples of an earlier run that the start found on disk.",
        "storage",
    ),
    _internal("wca_delivered_samples", _C, _N, "Samples that the target has accepted.", "storage"),
    _internal("wca_dropped_samples", _C, _N, "Samples given up, by reason.", "storage", "reason"),
    _internal(
        "wca_damaged_spools",
        _C,
        _N,
        "Files of the spool that were damaged and put aside; what was lost with one that was found "
        "at the start is in no count of samples.",
        "storage",
    ),
    _internal("wca_waiting_samples", _G, _N, "Samples that wait to be delivered.", "storage"),
    _internal(
        "wca_waiting_bytes", _G, MetricUnit.BYTES, "Length of the messages that wait.", "storage"
    ),
    _internal(
        "wca_waiting_since",
        _G,
        MetricUnit.TIMESTAMP,
        "Unix time of the oldest sample that waits.",
        "storage",
    ),
)
