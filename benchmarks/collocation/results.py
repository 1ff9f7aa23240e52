"""What is kept of a run: a line of JSON."""

from typing import Any

from benchmarks.collocation.director import Measured
from benchmarks.collocation.plan import Run
from benchmarks.collocation.scenarios import SCENARIOS, VICTIM
from benchmarks.collocation.watching import Change
from benchmarks.detection.groups import NEIGHBOURS

__all__ = ["result_of"]

_VICTIM = ("requests", "mean", "p50", "p95", "p99", "cpu", "cpu per work", "psi cpu", "psi io")
_VICTIM_TOO = ("psi memory", "periods", "throttled", "run delay", "workingset_refault_file")


def result_of(
    run: Run,
    measured: Measured,
    changes: list[Change],
    left: list[str],
    records: list[dict[str, Any]],
) -> dict[str, Any]:
    """Everything that the report needs.

    Args:
        run: which.
        measured: what the harness has measured.
        changes: of files, by the agent.
        left: what it has not given back at its end.
        records: of the agent.
    """
    parts = [_part(measured.of(number)) for number in range(len(measured.spans))]
    start = measured.starts[0]
    return {
        "name": run.name,
        "scenario": run.scenario,
        "arm": run.arm,
        "repetition": run.repetition,
        "tasks": run.tasks,
        "start": round(start, 3),
        "lead": parts[0],
        "phases": [
            {"start": round(at - start, 3), "guilty": _guilty(run, number), "quota": quota, **part}
            for number, (at, quota, part) in enumerate(
                zip(measured.starts, measured.quotas, parts[1:], strict=True)
            )
        ],
        "end": round(measured.end - start, 3),
        "changes": [
            [round(one.at - start, 2), one.task, one.file, one.old, one.new] for one in changes
        ],
        "left": left,
        "said": [_said(one, start) for one in records if one.get("type") != "allocation"],
        "asked": [_asked(one, start) for one in records if one.get("type") == "allocation"],
        "outside": round(measured.outside, 4),
        "steal": round(measured.steal, 5),
    }


def _guilty(run: Run, phase: int) -> list[str]:
    roles = SCENARIOS[run.scenario].phases[phase].guilty
    return [VICTIM if role == VICTIM else run.tasks[role] for role in roles]


def _part(numbers: dict[str, float]) -> dict[str, Any]:
    """Of the lead, or of a window."""
    victim = {name: numbers[name] for name in (*_VICTIM, *_VICTIM_TOO) if name in numbers}
    part: dict[str, Any] = {"victim": victim}
    for kind in ("cpu", "bytes"):
        part[kind] = {task: round(numbers[f"{kind} {task}"], 4) for task in NEIGHBOURS}
    if "agent" in numbers:
        part["agent"] = numbers["agent"]
    return part


def _said(record: dict[str, Any], start: float) -> dict[str, Any]:
    return {
        "at": round(record["time"] - start, 2),
        "verdict": record.get("verdict") or record.get("resource"),
        "task": _short(record.get("contended_task_id")),
        "accused": [_short(one) for one in record.get("contending_task_ids") or ()],
    }


def _asked(record: dict[str, Any], start: float) -> dict[str, Any]:
    return {
        "at": round(record["time"] - start, 2),
        "task": _short(record["task_id"]),
        "type": record["allocation_type"],
        "from": record["from"],
        "to": record["to"],
        "outcome": record["outcome"],
        "reason": record["reason"],
        "why": record.get("why"),
    }


def _short(task: str | None) -> str | None:
    return None if task is None else task.rpartition("/")[2]
