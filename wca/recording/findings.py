"""Anomalies that a detector has reported, from their begin to their end."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wca.recording.frame import Frame, FrameAnswer

__all__ = ["Finding", "findings_of"]


@dataclass
class Finding:
    """One anomaly. The same tasks with another verdict or resource are another one.

    Args:
        begin: Unix time of the first interval in which it was reported.
        end: of the last one.
        task: id of the task that suffers; empty: the machine as a whole, or not told.
        resource: what it lacks.
        verdict: what kind of trouble it is; None: not told.
        accused: ids of the tasks that take it.
        suspects: those that were considered at the beginning, with score and confidence.
        intervals: in how many it was reported.
    """

    begin: float
    end: float
    task: str = ""
    resource: str = ""
    verdict: str | None = None
    accused: Sequence[str] = ()
    suspects: Sequence[Mapping[str, Any]] = field(default_factory=list)
    intervals: int = 1


def findings_of(answers: Iterable[tuple[Frame, FrameAnswer]]) -> list[Finding]:
    """The anomalies of a whole recording in the order in which they began.

    Args:
        answers: of each interval, in their order. One that is missing in an interval has ended.
    """
    found: list[Finding] = []
    lasting: dict[str, Finding] = {}
    for frame, answer in answers:
        now, lasting_now = frame.platform.timestamp, {}
        for record in answer.anomalies:
            key = _key(record)
            if key in lasting_now:
                continue
            known = lasting.get(key)
            if known is None:
                known = _finding(record, now)
                found.append(known)
            else:
                known.end = now
                known.intervals += 1
            lasting_now[key] = known
        lasting = lasting_now
    return found


def _key(record: Mapping[str, Any]) -> str:
    names = ("type", "uuid", "contended_task_id", "resource", "verdict", "contending_task_ids")
    parts = [record.get(name) for name in names]
    if "uuid" not in record:  # of a plugin's own kind: its metrics are all there is
        parts += [[one["name"], one["labels"]] for one in record.get("metrics", ())]
    return json.dumps(parts, sort_keys=True)


def _finding(record: Mapping[str, Any], now: float) -> Finding:
    verdict = record.get("verdict")
    return Finding(
        begin=now,
        end=now,
        task=str(record.get("contended_task_id") or ""),
        resource=str(record.get("resource") or record.get("type") or ""),
        verdict=None if verdict is None else str(verdict),
        accused=[str(one) for one in record.get("contending_task_ids", ())],
        suspects=list(record.get("suspects", ())),
    )
