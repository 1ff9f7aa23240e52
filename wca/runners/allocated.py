"""What became of requests, as metrics and as records."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from wca.allocations.encoding import Machine, decode_list, encode_cpus
from wca.allocations.results import Outcome, Result
from wca.allocators.api import AllocationType, RDTAllocation
from wca.detectors.api import TaskData, TasksData
from wca.errors import ValidationError
from wca.metrics import Metric
from wca.runners.columns import catalogued
from wca.runners.rdt_metrics import rdt_metrics

__all__ = ["RECORD_VERSION", "metrics_in_force", "metrics_of_requests", "record_of_result"]

#: Of the records; a reader refuses one that it does not know.
RECORD_VERSION = 1

_T = AllocationType
_NAMES = {
    _T.CPUSET_CPUS: "allocation_cpuset_cpus_number_of_cpus",
    _T.CPUSET_MEMS: "allocation_cpuset_mems_number_of_mems",
}
_LISTS = tuple(_NAMES)
_MANY = Machine(cpus=1 << 16)


def metrics_in_force(tasks: TasksData, results: Iterable[Result]) -> list[Metric]:
    """What each task is granted, after what was applied; without a limit there is no metric.

    Args:
        tasks: with what was in force before.
        results: of this interval.
    """
    applied = {
        (one.task_id, one.type): one.value if one.after is None else one.after
        for one in results
        if one.outcome is Outcome.APPLIED
    }
    in_force = [
        (task, type_, applied.get((task.task_id, str(type_)), value))
        for task in tasks.values()
        for type_, value in task.allocations.items()
    ]
    rdt = [metric for task, _, value in in_force for metric in rdt_metrics(task, value)]
    return rdt + [
        catalogued(
            _NAMES.get(type_, f"allocation_{type_}"),
            number,
            {**task.labels, "allocation_type": str(type_)},
        )
        for task, type_, value in in_force
        if (number := _number(type_, value)) is not None
    ]


def metrics_of_requests(results: Sequence[Result]) -> list[Metric]:
    """How many requests came to what.

    Args:
        results: of this interval.
    """
    known = {type_.value for type_ in AllocationType}
    counts = Counter(
        (
            one.type if one.type in known else "unknown",
            one.outcome.value,
            one.reason if one.outcome is Outcome.REJECTED else "",
        )
        for one in results
    )
    return [
        catalogued(
            "allocation_requests",
            count,
            {
                "allocation_type": type_,
                "outcome": outcome,
                **({"clause": clause} if clause else {}),
            },
        )
        for (type_, outcome, clause), count in sorted(counts.items())
    ]


def record_of_result(
    result: Result,
    task: TaskData | None,
    timestamp: float,
    allocator: str,
    labels: Mapping[str, str],
    why: Sequence[str],
) -> dict[str, Any]:
    """Who asked for what, from what to what, why, and what became of it.

    Args:
        result: of one request.
        task: that it is about; None: there is none.
        timestamp: Unix time of the data, in seconds.
        allocator: its name.
        labels: of the node.
        why: verdicts of the anomalies that it has reported along with it.
    """
    return {
        "version": RECORD_VERSION,
        "time": timestamp,
        "type": "allocation",
        "allocator": allocator,
        "labels": labels,
        "task_id": result.task_id,
        "task_labels": {} if task is None else task.labels,
        "allocation_type": result.type,
        "from": _plain(result.before),
        "to": _plain(result.value),
        "outcome": result.outcome.value,
        "reason": result.reason or None,
        "why": why,
        "writes": [{"path": one.path, "from": one.old, "to": one.new} for one in result.writes],
    }


def _plain(value: Any) -> Any:
    return asdict(value) if isinstance(value, RDTAllocation) else value


def _number(type_: AllocationType, value: Any) -> float | None:
    """What a metric says of a value; None: it is no limit."""
    if type_ in _LISTS:
        try:
            (text,) = encode_cpus(value, _MANY)
        except ValidationError:
            return None
        return len(decode_list((text,), _MANY).split(","))
    if isinstance(value, bool):
        return int(value)
    return value if isinstance(value, (int, float)) and math.isfinite(value) else None
