"""What the page shows, kept up to date by the loop and read by the threads of the server."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from wca.web.channel import Channel
from wca.workers.dashboard.recent import Recent
from wca.workers.dashboard.rows import SHOWN, Row, alerts_of, row_of
from wca.workers.model import Alert, Shard, WorkerState
from wca.workers.monitoring.watched import Findings

__all__ = ["Board"]


class Board:
    """The rows of all workers, by shard; who follows its channel is told of shards that change.

    Args:
        monotonic: time in seconds.
        agent: the name of this agent, where there are several; empty: there is only one.

    Attributes:
        channel: tells of shards.
    """

    def __init__(self, monotonic: Callable[[], float], agent: str = "") -> None:
        self.channel = Channel("shard", monotonic)
        self._agent = agent
        self._recent = Recent(SHOWN)
        #: Rows by worker id, by shard; never changed, only replaced, for others read them.
        self._shards: Mapping[str, Mapping[str, Row]] = {}

    def observe(self, found: Findings) -> None:
        """Something has become known of a shard of this agent; called on the loop."""
        alerts = _by_worker(found.firing)
        rows = dict(self._shards.get(found.shard.key, {}))
        for state in found.states:
            worker_id = state.worker.id
            rows[worker_id] = self._row(state, alerts[worker_id], self._agent)
        for worker in found.ended:
            rows.pop(worker.id, None)
            self._recent.forget(worker.id)
        self._put(found.shard.key, rows)

    def observe_other(
        self, shard: Shard, agent: str, states: Iterable[WorkerState], firing: Iterable[Alert]
    ) -> None:
        """All that another agent has kept of a shard of its own; called on the loop.

        Args:
            shard: of which.
            agent: the one that polls it.
            states: of its workers.
            firing: their alerts that fire.
        """
        alerts, before = _by_worker(firing), self._shards.get(shard.key, {})
        rows: dict[str, Row] = {}
        for state in states:
            worker_id = state.worker.id
            known = before.get(worker_id)
            if known is not None and known["polled_at"] == state.polled_at:
                told = alerts_of(alerts[worker_id])
                rows[worker_id] = {**known, "agent": agent, "alerts": told}
            else:
                rows[worker_id] = self._row(state, alerts[worker_id], agent)
        for worker_id in before.keys() - rows.keys():
            self._recent.forget(worker_id)
        if rows != before:
            self._put(shard.key, rows)

    def rows(self) -> list[Row]:
        """All rows."""
        return [row for rows in self._shards.values() for row in rows.values()]

    def _row(self, state: WorkerState, alerts: Sequence[Alert], agent: str) -> Row:
        self._recent.add(state.worker.id, state.readings)
        return row_of(state, alerts, self._recent.of(state.worker.id), agent)

    def _put(self, key: str, rows: Mapping[str, Row]) -> None:
        self._shards = {**self._shards, key: rows}
        self.channel.publish(key, lambda: {"shard": key, "workers": list(rows.values())})


def _by_worker(alerts: Iterable[Alert]) -> dict[str, list[Alert]]:
    found: dict[str, list[Alert]] = defaultdict(list)
    for alert in alerts:
        found[alert.worker.id].append(alert)
    return found
