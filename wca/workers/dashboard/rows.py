"""One worker as the page shows it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from wca.workers.model import Alert, Reading, WorkerState
from wca.workers.monitoring.states import CPU, MEMORY

__all__ = ["SHOWN", "Row", "alerts_of", "row_of"]

#: Metrics that have a column.
SHOWN = (CPU, MEMORY)

Row = Mapping[str, Any]


def row_of(
    state: WorkerState,
    alerts: Sequence[Alert],
    recent: Mapping[str, Sequence[int | None]],
    agent: str = "",
) -> Row:
    """What the page is told of a worker; JSON can write it.

    Args:
        state: what is known of it.
        alerts: its alerts that fire.
        recent: its newest readings by metric, in percent.
        agent: the one that polls it; empty: there is only one.
    """
    worker = state.worker
    return {
        "id": worker.id,
        "name": worker.title,
        "account": worker.account,
        "region": worker.region,
        "instance": worker.instance_id,
        "agent": agent,
        "state": state.state.value,
        "checks": {name: word for name, word in asdict(state.checks).items() if word},
        "changed_at": state.changed_at,
        "polled_at": state.polled_at,
        "active_at": state.active_at,
        "readings": {name: _reading(one) for name, one in state.readings.items()},
        "recent": {name: list(line) for name, line in recent.items()},
        "alerts": alerts_of(alerts),
    }


def alerts_of(alerts: Sequence[Alert]) -> list[Mapping[str, Any]]:
    """What the page is told of alerts that fire."""
    return [_alert(one) for one in alerts]


def _reading(reading: Reading) -> Mapping[str, Any]:
    value = None if reading.value is None else round(reading.value, 2)
    return {"verdict": reading.verdict.value, "value": value, "at": reading.at}


def _alert(alert: Alert) -> Mapping[str, Any]:
    return {
        "rule": alert.rule,
        "severity": alert.severity.value,
        "summary": alert.summary,
        "since": alert.fired_at or alert.since,
    }
