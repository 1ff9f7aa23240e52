"""Anomalies as metrics, and as records with all that speaks for them."""

import json
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from wca.detectors.answers import metric_problem
from wca.detectors.api import Anomaly, ContentionAnomaly, Evidence, TasksData
from wca.errors import PLUGIN_ERRORS
from wca.metrics import Metric

__all__ = [
    "RECORD_VERSION",
    "Described",
    "describe",
    "labelled",
    "plain_record",
    "record_line",
    "record_of",
]

#: Of the records; a reader refuses one that it does not know.
RECORD_VERSION = 1
#: Levels of a value in a record; what is deeper is written as a text.
_DEPTH = 8
_INSTANCE = "workload_instance"


@dataclass(frozen=True)
class Described:
    """An anomaly whose description makes sense.

    Args:
        anomaly: as the detector has given it.
        key: tells it from others; one with the same key later is the same that lasts.
        metrics: its sound metrics, as it gives them.
    """

    anomaly: Anomaly
    key: Hashable
    metrics: Sequence[Metric]


def describe(anomalies: Iterable[Anomaly], problems: list[str]) -> list[Described]:
    """Ask anomalies for their metrics; one that cannot be described is left out.

    Args:
        anomalies: what a detector has found.
        problems: takes a sentence for everything that is left out.
    """
    described = []
    for anomaly in anomalies:
        name = type(anomaly).__name__
        try:
            given: object = anomaly.generate_metrics()
            metrics = _sound(given, name, problems)
            described.append(Described(anomaly, _key(anomaly, metrics), metrics))
        except PLUGIN_ERRORS as error:
            problems.append(f"{name} cannot be described: {type(error).__name__}: {error}")
    return described


def labelled(described: Iterable[Described], tasks: TasksData) -> list[Metric]:
    """The metrics of anomalies, each series once, with the labels of the tasks that they name.

    Args:
        described: the anomalies.
        tasks: by task id; one that is not there has no labels to add.
    """
    metrics: dict[tuple[str, frozenset[tuple[str, str]]], Metric] = {}
    for one in described:
        for metric in one.metrics:
            labels = _with_tasks(metric.labels, tasks)
            key = (metric.name, frozenset(labels.items()))
            metrics.setdefault(key, replace(metric, labels=labels))
    return list(metrics.values())


def record_of(
    described: Described,
    tasks: TasksData,
    timestamp: float,
    detector: str,
    labels: Mapping[str, str],
) -> dict[str, Any]:
    """Everything that is known of an anomaly, for a person or a program to judge it by.

    Args:
        described: of one that is not a ContentionAnomaly its metrics are all there is.
        tasks: as the detector saw them.
        timestamp: Unix time of the data, in seconds.
        detector: who has found it.
        labels: of the node.
    """
    anomaly = described.anomaly
    record: dict[str, Any] = {
        "version": RECORD_VERSION,
        "time": timestamp,
        "detector": detector,
        "labels": labels,
        "type": anomaly.anomaly_type,
    }
    if isinstance(anomaly, ContentionAnomaly):
        record |= _contention(anomaly, tasks)
    record["metrics"] = [
        {"name": metric.name, "value": metric.value, "labels": metric.labels}
        for metric in described.metrics
    ]
    return record


def record_line(record: Mapping[str, Any]) -> str:
    """A record as one line of JSON, whatever a plugin has put into it; without the line's end."""
    return json.dumps(plain_record(record), allow_nan=False)


def plain_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a record that holds nothing but what JSON can: no NaN, no objects, not too deep."""
    return {_text(key): _plain(one, _DEPTH - 1) for key, one in record.items()}


def _contention(anomaly: ContentionAnomaly, tasks: TasksData) -> dict[str, Any]:
    evidence = anomaly.evidence or Evidence()
    task = tasks.get(anomaly.contended_task_id)
    return {
        "uuid": anomaly.uuid,
        "resource": anomaly.resource,
        "verdict": anomaly.verdict,
        "contended_task_id": anomaly.contended_task_id or None,
        "contended_task_labels": {} if task is None else task.labels,
        "contending_task_ids": anomaly.contending_task_ids,
        "evidence": evidence.values,
        "thresholds": evidence.thresholds,
        "window_seconds": evidence.window,
        "suspects": [
            {"task_id": one.task_id, "score": one.score, "confidence": one.confidence}
            for one in anomaly.suspects
        ],
        "ruled_out": evidence.ruled_out,
    }


def _sound(given: object, name: str, problems: list[str]) -> list[Metric]:
    if not isinstance(given, (list, tuple)):
        raise TypeError(f"generate_metrics() gave a {type(given).__name__}, expected a list")
    found = {id(metric): metric_problem(metric) for metric in given}
    problems += [f"{name}: {problem}" for problem in found.values() if problem]
    return [metric for metric in given if not found[id(metric)]]


def _key(anomaly: Anomaly, metrics: Iterable[Metric]) -> Hashable:
    if isinstance(anomaly, ContentionAnomaly):
        return (anomaly.anomaly_type, anomaly.uuid, str(anomaly.resource), anomaly.verdict)
    series = frozenset((one.name, frozenset(one.labels.items())) for one in metrics)
    return (anomaly.anomaly_type, series)


def _with_tasks(labels: Mapping[str, str], tasks: TasksData) -> dict[str, str]:
    added: dict[str, str] = {}
    contended = tasks.get(labels.get("contended_task_id", ""))
    if contended is not None:
        added |= contended.labels
    if "contending_task_id" in labels:
        contending = tasks.get(labels["contending_task_id"])
        known = {} if contending is None else contending.labels
        added["contending_workload_instance"] = known.get(_INSTANCE, "workload not found")
    return {**added, **labels}


def _plain(value: Any, depth: int) -> Any:
    """The value as JSON can hold it: no NaN, no objects, not too deep."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if depth and isinstance(value, Mapping):
        return {_text(key): _plain(one, depth - 1) for key, one in value.items()}
    if depth and isinstance(value, (Sequence, Set)):
        return [_plain(one, depth - 1) for one in value]
    return _text(value)


def _text(value: object) -> str:
    try:
        return str(value)
    except PLUGIN_ERRORS as error:
        return f"a {type(value).__name__} ({type(error).__name__})"
