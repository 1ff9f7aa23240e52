"""What the page shows, kept up to date by the loop and read by the threads of the server."""

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from wca.workers.dashboard.recent import Recent
from wca.workers.dashboard.rows import SHOWN, Row, row_of
from wca.workers.model import Alert
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
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._recent = Recent(SHOWN)
        self._shards: dict[str, _Shard] = {}
        self._version = 0
        self._closed = False
        self._changed = threading.Condition()

    def observe(self, found: Findings) -> None:
        """Something has become known; called on the loop."""
        alerts: dict[str, list[Alert]] = defaultdict(list)
        for alert in found.firing:
            alerts[alert.worker.id].append(alert)
        with self._changed:
            rows = dict(self._shards.get(found.shard.key, _Shard()).rows)
        for state in found.states:
            worker_id = state.worker.id
            self._recent.add(worker_id, state.readings)
            rows[worker_id] = row_of(state, alerts[worker_id], self._recent.of(worker_id))
        for worker in found.ended:
            rows.pop(worker.id, None)
            self._recent.forget(worker.id)
        with self._changed:
            self._version += 1
            self._shards[found.shard.key] = _Shard(self._version, rows)
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


def _event(key: str, shard: _Shard) -> bytes:
    if shard.text is None:
        data = json.dumps({"shard": key, "workers": list(shard.rows.values())})
        shard.text = f"id: {shard.version}\nevent: shard\ndata: {data}\n\n".encode()
    return shard.text
