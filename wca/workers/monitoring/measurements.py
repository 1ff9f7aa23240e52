"""What is known of the fleet, and of the work on it, as measurements of the catalogue's names."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from wca.metrics import Measurements
from wca.workers.model import (
    Action,
    ActionRecord,
    Alert,
    Checks,
    Reading,
    Severity,
    Verdict,
    Worker,
    WorkerState,
)
from wca.workers.monitoring.healing import DONE
from wca.workers.monitoring.states import CPU, MEMORY

__all__ = ["ActionCounts", "fleet_measurements", "worker_measurements"]

_RATIOS = {CPU: "worker_cpu_utilization_ratio", MEMORY: "worker_mem_utilization_ratio"}
#: Verdicts of values that are as new as they can be.
_KNOWN = (Verdict.VALUE, Verdict.ZERO)
_CHECKS = {"ok": 1, "impaired": 0}
_DRY_RUN, _FAILED, _NOT_DONE = "dry run", "failed", "not done"


class ActionCounts:
    """Counts what the remediation has done, and has not."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[str, int]] = {
            action.value: dict.fromkeys((DONE, _DRY_RUN, _FAILED, _NOT_DONE), 0)
            for action in Action
        }

    def count(self, record: ActionRecord) -> None:
        """One more."""
        outcome = record.outcome
        if outcome.startswith(_FAILED):
            outcome = _FAILED
        elif outcome not in (DONE, _DRY_RUN):
            outcome = _NOT_DONE
        self._counts[record.action.value][outcome] += 1

    def measurements(self) -> Measurements:
        """All counts since start."""
        return {"wca_worker_actions": {name: dict(of) for name, of in self._counts.items()}}


def worker_measurements(
    workers: Iterable[Worker], states: Mapping[str, WorkerState]
) -> Measurements:
    """What is known of each worker.

    Args:
        workers: all of the fleet.
        states: what is known of those that are ours, by id.
    """
    values: dict[str, dict[str, Any]] = defaultdict(dict)
    for worker in workers:
        values["worker_information"][worker.id] = _facts(worker)
        state = states.get(worker.id)
        if state is not None:
            _add(values, worker.id, state)
    return dict(values)


def _facts(worker: Worker) -> dict[str, Any]:
    return {worker.title: {worker.account: {worker.region: {worker.instance_id: 1}}}}


def _add(values: dict[str, dict[str, Any]], worker_id: str, state: WorkerState) -> None:
    values["worker_state"][worker_id] = {state.state.value: 1}
    checks = _passed(state.checks)
    if checks:
        values["worker_check_passed"][worker_id] = checks
    if state.polled_at is not None:
        values["worker_polled"][worker_id] = state.polled_at
    if state.active_at is not None:
        values["worker_active"][worker_id] = state.active_at
    others: dict[str, float] = {}
    for name, reading in state.readings.items():
        if reading.value is None or reading.verdict not in _KNOWN:
            continue
        named = dict(reading.named(name))
        if name in _RATIOS:
            values[_RATIOS[name]][worker_id] = named.pop(name) / 100
        others |= named
    if others:
        values["worker_reading"][worker_id] = others


def _passed(checks: Checks) -> dict[str, int]:
    found = {"system": checks.system, "instance": checks.instance, "ebs": checks.ebs}
    return {name: _CHECKS[word] for name, word in found.items() if word in _CHECKS}


def fleet_measurements(states: Mapping[str, WorkerState], firing: Iterable[Alert]) -> Measurements:
    """Counts of workers, of readings and of alerts.

    Args:
        states: what is known of the workers that are ours, by id.
        firing: their alerts that fire.
    """
    by_state: dict[str, Counter[str]] = defaultdict(Counter)
    verdicts: dict[str, dict[str, Counter[str]]] = defaultdict(dict)
    for state in states.values():
        key = state.worker.shard.key
        by_state[key][state.state.value] += 1
        _count(verdicts[key], state.readings)
    alerts = Counter(alert.severity.value for alert in firing)
    values: Measurements = {
        "wca_workers": {key: dict(of) for key, of in by_state.items()},
        "wca_worker_readings": {
            key: {name: dict(one) for name, one in of.items()} for key, of in verdicts.items() if of
        },
        "wca_worker_alerts": {one.value: alerts[one.value] for one in Severity},
    }
    return {name: value for name, value in values.items() if value}


def _count(verdicts: dict[str, Counter[str]], readings: Mapping[str, Reading]) -> None:
    for name, reading in readings.items():
        verdicts.setdefault(name, Counter())[reading.verdict.value] += 1
