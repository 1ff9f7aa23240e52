"""Catalogue entries of detection. Data only."""

from wca.metrics.metadata import MetricMetadata
from wca.metrics.metric import MetricGranularity, MetricType, MetricUnit

__all__ = ["ANOMALY_METRICS"]

_C, _G = MetricType.COUNTER, MetricType.GAUGE
_N, _S = MetricUnit.NUMERIC, MetricUnit.SECONDS
_RULE = ("uuid", "type", "contended_task_id", "rule")


def _anomaly(
    name: str,
    type_: MetricType,
    unit: MetricUnit,
    help_: str,
    source: str,
    *,
    levels: tuple[str, ...] = (),
    needs: str = "DetectionRunner",
) -> MetricMetadata:
    return MetricMetadata(
        name, type_, unit, MetricGranularity.ANOMALY, help_, source, levels, needs
    )


ANOMALY_METRICS: tuple[MetricMetadata, ...] = (
    _anomaly(
        "anomaly",
        _C,
        _N,
        "1 for each task that takes what another one lacks; without contending_task_id where none "
        "could be singled out.",
        "detector",
        levels=(
            "contended_task_id",
            "contending_task_id",
            "contending_workload_instance",
            "resource",
            "uuid",
            "type",
            "verdict",
        ),
    ),
    _anomaly(
        "anomaly_count",
        _C,
        _N,
        "Anomalies that were reported, counted again in each interval in which they last.",
        "detector",
    ),
    _anomaly(
        "anomaly_last_occurrence",
        _G,
        MetricUnit.TIMESTAMP,
        "Unix time of the last interval with an anomaly; absent before the first.",
        "detector",
    ),
    _anomaly(
        "anomaly_answer_age_seconds",
        _G,
        _S,
        "How old the data is that the last answer of a detector on a thread of its own is about.",
        "internal",
        needs="a detector that is blocking",
    ),
    _anomaly(
        "anomaly_value",
        _G,
        _N,
        "What a rule has measured, in the unit of its metric, while there is an anomaly.",
        "detector",
        levels=_RULE,
        needs="ThresholdDetector",
    ),
    _anomaly(
        "anomaly_threshold",
        _G,
        _N,
        "What the value of a rule is held against, in the same unit.",
        "detector",
        levels=_RULE,
        needs="ThresholdDetector",
    ),
    _anomaly(
        "threshold_rule_tasks",
        _G,
        _N,
        "Tasks for which a rule had a value in this interval; the machine counts as one.",
        "detector",
        levels=("rule",),
        needs="ThresholdDetector",
    ),
    _anomaly(
        "threshold_rule_anomalies",
        _G,
        _N,
        "Tasks of which a rule reports an anomaly.",
        "detector",
        levels=("rule",),
        needs="ThresholdDetector",
    ),
    _anomaly(
        "interference_verdicts",
        _C,
        _N,
        "Times that a trouble of a task was found, by what it is; a workload that changed is no "
        "anomaly and only counted here.",
        "detector",
        levels=("verdict",),
        needs="InterferenceDetector or ModelDetector",
    ),
    _anomaly(
        "interference_baseline_samples",
        _G,
        _N,
        "Readings that the baseline of the task's application rests on, at its best known load; "
        "older ones count less.",
        "detector",
        levels=("task_id",),
        needs="InterferenceDetector",
    ),
    _anomaly(
        "interference_workload_change_ratio",
        _G,
        _N,
        "How much of what was usual a number of the task is now, for a minute after its workload "
        "was found to have changed.",
        "detector",
        levels=("task_id", "signal"),
        needs="InterferenceDetector or ModelDetector",
    ),
    _anomaly(
        "interference_tasks_not_judged",
        _G,
        _N,
        "Tasks that a model says nothing about: it does not know their application, or not their "
        "load.",
        "detector",
        levels=("reason",),
        needs="ModelDetector",
    ),
    _anomaly(
        "cpi_spec_samples",
        _G,
        _N,
        "Samples that the specification of the task's application rests on; older ones count less.",
        "detector",
        levels=("task_id",),
        needs="CPIDetector",
    ),
    _anomaly(
        "cpi_outliers",
        _G,
        _N,
        "Samples of the task in the window that took more cycles, or CPU, than the specification "
        "allows.",
        "detector",
        levels=("task_id",),
        needs="CPIDetector",
    ),
    _anomaly(
        "detector_failures",
        _C,
        _N,
        "Times that one of several detectors has raised, or answered what makes no sense.",
        "detector",
        levels=("detector",),
        needs="MultiDetector",
    ),
)
