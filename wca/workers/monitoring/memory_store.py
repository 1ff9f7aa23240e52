"""A store that keeps nothing over a restart, for configurations without one."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from wca.workers.api import WorkerStore
from wca.workers.model import ActionRecord, Alert, AlertState, WorkerState

__all__ = ["MemoryWorkerStore"]


class MemoryWorkerStore(WorkerStore):
    """Keeps states, alerts and actions as long as the agent runs."""

    lasting = False

    def __init__(self) -> None:
        self._states: dict[str, WorkerState] = {}
        self._alerts: dict[str, Alert] = {}
        self._actions: list[ActionRecord] = []
        self._requested: Counter[str] = Counter()

    def load(self) -> Mapping[str, WorkerState]:
        """All states by the id of their worker."""
        return dict(self._states)

    def save(self, states: Iterable[WorkerState]) -> None:
        """Keep these."""
        self._states.update({one.worker.id: one for one in states})

    def remove(self, worker_ids: Iterable[str]) -> None:
        """Forget these workers and their alerts."""
        gone = set(worker_ids)
        self._states = {id_: one for id_, one in self._states.items() if id_ not in gone}
        self._alerts = {k: one for k, one in self._alerts.items() if one.worker.id not in gone}

    def load_alerts(self) -> Sequence[Alert]:
        """All alerts that are pending or fire."""
        return list(self._alerts.values())

    def save_alerts(self, alerts: Iterable[Alert]) -> None:
        """Keep these by their keys."""
        for alert in alerts:
            if alert.state is AlertState.RESOLVED:
                self._alerts.pop(alert.key, None)
            else:
                self._alerts[alert.key] = alert

    def record(self, actions: Iterable[ActionRecord]) -> None:
        """Keep what was done."""
        self._actions += actions

    def actions(self, since: float) -> Sequence[ActionRecord]:
        """What was done since then."""
        return [one for one in self._actions if one.at >= since]

    def requested(self, month: str, metrics: int) -> int:
        """Metrics that were requested in a month, with these."""
        self._requested[month] += metrics
        return self._requested[month]
