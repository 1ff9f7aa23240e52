"""What the page shows, kept up to date by the loop and read by the threads of the server."""

from collections import defaultdict
from collections.abc import Callable, Mapping

from wca.web.channel import Channel
from wca.workers.dashboard.recent import Recent
from wca.workers.dashboard.rows import SHOWN, Row, row_of
from wca.workers.model import Alert
from wca.workers.monitoring.watched import Findings

__all__ = ["Board"]


class Board:
    """The rows of all workers, by shard; who follows its channel is told of shards that change.

    Args:
        monotonic: time in seconds.

    Attributes:
        channel: tells of shards.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.channel = Channel("shard", monotonic)
        self._recent = Recent(SHOWN)
        #: Rows by worker id, by shard; never changed, only replaced, for others read them.
        self._shards: Mapping[str, Mapping[str, Row]] = {}

    def observe(self, found: Findings) -> None:
        """Something has become known; called on the loop."""
        alerts: dict[str, list[Alert]] = defaultdict(list)
        for alert in found.firing:
            alerts[alert.worker.id].append(alert)
        key = found.shard.key
        rows = dict(self._shards.get(key, {}))
        for state in found.states:
            worker_id = state.worker.id
            self._recent.add(worker_id, state.readings)
            rows[worker_id] = row_of(state, alerts[worker_id], self._recent.of(worker_id))
        for worker in found.ended:
            rows.pop(worker.id, None)
            self._recent.forget(worker.id)
        self._shards = {**self._shards, key: rows}
        self.channel.publish(key, lambda: {"shard": key, "workers": list(rows.values())})

    def rows(self) -> list[Row]:
        """All rows."""
        return [row for rows in self._shards.values() for row in rows.values()]
