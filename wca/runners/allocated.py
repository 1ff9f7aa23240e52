"""What became of requests, as metrics and as records."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from wca.allocations.api import Entry, Undone
from wca.allocations.encoding import Machine, decode_list, encode_cpus
from wca.allocations.ownership import ForeignWrite
from wca.allocations.results import Outcome, Result
from wca.allocators.api import AllocationType, RDTAllocation
from wca.detectors.api import TaskData, TasksData
from wca.errors import ValidationError
from wca.metrics import Metric
from wca.runners.columns import catalogued
from wca.runners.rdt_metrics import rdt_metrics

__all__ = [
    "RECORD_VERSION",
    "metrics_in_force",
    "metrics_of_foreign_writes",
    "metrics_of_losses",
    "metrics_of_requests",
    "record_of_foreign_write",
    "record_of_result",
    "record_of_undone",
]

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
    moved = {
        task_id: {_T.MIGRATE_PAGES: node}
        for (task_id, type_), node in applied.items()
        if type_ == _T.MIGRATE_PAGES
    }
    in_force = [
        (task, type_, applied.get((task.task_id, str(type_)), value))
        for task in tasks.values()
        for type_, value in (task.allocations | moved.get(task.task_id, {})).items()
    ]
    rdt = [metric for task, _, value in in_force for metric in rdt_metrics(task, value)]
    limits = [limit for task in tasks.values() for limit in _limits_at_devices(task)]
    numbers = [
        catalogued(
            _NAMES.get(type_, f"allocation_{type_}"),
            number,
            {**task.labels, "allocation_type": str(type_)},
        )
        for task, type_, value in in_force
        if (number := _number(type_, value)) is not None
    ]
    return [*rdt, *numbers, *limits]


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


def metrics_of_foreign_writes(counts: Mapping[tuple[str, str], int]) -> list[Metric]:
    """How often somebody else has written what the agent had.

    Args:
        counts: by allocation type and kind.
    """
    return [
        catalogued(
            "allocations_foreign_writes_total", count, {"allocation_type": type_, "kind": kind}
        )
        for (type_, kind), count in sorted(counts.items())
    ]


def metrics_of_losses(dropped: Mapping[str, int]) -> list[Metric]:
    """Records that somebody did not take.

    Args:
        dropped: how many, by the name of who did not.
    """
    return [
        catalogued("allocations_untold_total", count, {"sink": name})
        for name, count in sorted(dropped.items())
    ]


def record_of_foreign_write(
    found: ForeignWrite,
    tasks: TasksData,
    timestamp: float,
    allocator: str,
    labels: Mapping[str, str],
) -> dict[str, Any]:
    """What somebody else has written, where, and what is done about it.

    Args:
        found: what was found.
        tasks: those that there are.
        timestamp: Unix time of the data, in seconds.
        allocator: its name.
        labels: of the node.
    """
    entry = found.entry
    return {
        **_head("foreign write", entry, tasks, timestamp, allocator, labels),
        "kind": found.kind.value,
        "before": entry.original,
        "ours": entry.ours,
        "theirs": found.value,
        "outcome": found.decision.value,
    }


def record_of_undone(
    undone: Undone, tasks: TasksData, timestamp: float, allocator: str, labels: Mapping[str, str]
) -> dict[str, Any]:
    """What was given back, or could not be; parameters as above."""
    entry = undone.entry
    return {
        **_head("given back", entry, tasks, timestamp, allocator, labels),
        "from": entry.ours,
        "to": entry.original,
        "outcome": undone.outcome,
        "reason": undone.detail or None,
    }


def _head(
    type_: str,
    entry: Entry,
    tasks: TasksData,
    timestamp: float,
    allocator: str,
    labels: Mapping[str, str],
) -> dict[str, Any]:
    task = tasks.get(entry.task_id)
    return {
        "version": RECORD_VERSION,
        "time": timestamp,
        "type": type_,
        "allocator": allocator,
        "labels": labels,
        "task_id": entry.task_id,
        "task_labels": {} if task is None else task.labels,
        "allocation_type": entry.type,
        "path": entry.path,
    }


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


def _limits_at_devices(task: TaskData) -> list[Metric]:
    """As the interval has begun."""
    given = task.allocations.get(_T.IO_MAX, {})
    return [
        catalogued(
            f"allocation_{_T.IO_MAX}",
            limit,
            {**task.labels, "allocation_type": _T.IO_MAX.value, "device": device, "limit": name},
        )
        for device, limits in given.items()
        for name, limit in limits.items()
        if limit != "max"
    ]


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
