"""What the page shows, kept up to date by the loop and read by the threads of the server."""

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wca.workers.dashboard.recent import Recent
from wca.workers.dashboard.rows import SHOWN, Row, alerts_of, row_of
from wca.workers.model import Alert, Shard, WorkerState
from wca.workers.monitoring.watched import Findings

__all__ = ["Board"]

#: Seconds that a follower waits for news before it looks whether it is to end, and after which a
#: client that hears nothing gets a sign of life, without which a lost one is never noticed.
_LOOK, _SIGN = 0.5, 15.0


@dataclass
class _Shard:
    """The rows of one shard.

    Args:
        version: of the board, when they changed last.
        rows: by worker id; never changed, only replaced.
        text: the event that tells of them, once somebody has asked for it.
    """

    version: int = 0
    rows: dict[str, Row] = field(default_factory=dict)
    text: bytes | None = None


class Board:
    """The rows of all workers, by shard; who follows it is told of shards that change.

    A follower that is slow misses what is overtaken and gets the newest: nothing piles up.

    Args:
        monotonic: time in seconds.
        agent: the name of this agent, where there are several; empty: there is only one.
    """

    def __init__(self, monotonic: Callable[[], float], agent: str = "") -> None:
        self._monotonic = monotonic
        self._agent = agent
        self._recent = Recent(SHOWN)
        self._shards: dict[str, _Shard] = {}
        self._version = 0
        self._closed = False
        self._changed = threading.Condition()

    def observe(self, found: Findings) -> None:
        """Something has become known of a shard of this agent; called on the loop."""
        alerts = _by_worker(found.firing)
        rows = dict(self._rows(found.shard))
        for state in found.states:
            worker_id = state.worker.id
            rows[worker_id] = self._row(state, alerts[worker_id], self._agent)
        for worker in found.ended:
            rows.pop(worker.id, None)
            self._recent.forget(worker.id)
        self._put(found.shard, rows)

    def observe_other(
        self,
        shard: Shard,
        agent: str,
        states: Iterable[WorkerState],
        firing: Iterable[Alert],
    ) -> None:
        """All that another agent has kept of a shard of its own; called on the loop.

        Args:
            shard: of which.
            agent: the one that polls it.
            states: of its workers.
            firing: their alerts that fire.
        """
        alerts, before = _by_worker(firing), self._rows(shard)
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
            self._put(shard, rows)

    def _rows(self, shard: Shard) -> Mapping[str, Row]:
        with self._changed:
            return self._shards.get(shard.key, _Shard()).rows

    def _row(self, state: WorkerState, alerts: Sequence[Alert], agent: str) -> Row:
        self._recent.add(state.worker.id, state.readings)
        return row_of(state, alerts, self._recent.of(state.worker.id), agent)

    def _put(self, shard: Shard, rows: dict[str, Row]) -> None:
        with self._changed:
            self._version += 1
            self._shards[shard.key] = _Shard(self._version, rows)
            self._changed.notify_all()

    def rows(self) -> list[Row]:
        """All rows."""
        with self._changed:
            shards = list(self._shards.values())
        return [row for shard in shards for row in shard.rows.values()]

    def follow(self) -> Iterator[bytes]:
        """Server-sent events: each shard as it is now, and then each one that changes.

        Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
        """
        seen, told = 0, self._monotonic()
        yield b"retry: 2000\n\n"
        while (news := self._news(seen)) is not None:
            for key, shard in news:
                seen, told = shard.version, self._monotonic()
                yield _event(key, shard)
            if not news:
                sign = self._monotonic() - told >= _SIGN
                told = self._monotonic() if sign else told
                yield b":\n\n" if sign else b""

    def _news(self, seen: int) -> list[tuple[str, _Shard]] | None:
        """Shards that have changed after a version, in that order; None: it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._version > seen, _LOOK)
            if self._closed:
                return None
            news = [(key, one) for key, one in self._shards.items() if one.version > seen]
        return sorted(news, key=lambda one: one[1].version)

    def close(self) -> None:
        """Nobody is told anything more; those who follow end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def _by_worker(alerts: Iterable[Alert]) -> dict[str, list[Alert]]:
    found: dict[str, list[Alert]] = defaultdict(list)
    for alert in alerts:
        found[alert.worker.id].append(alert)
    return found


def _event(key: str, shard: _Shard) -> bytes:
    if shard.text is None:
        data = json.dumps({"shard": key, "workers": list(shard.rows.values())})
        shard.text = f"id: {shard.version}\nevent: shard\ndata: {data}\n\n".encode()
    return shard.text
