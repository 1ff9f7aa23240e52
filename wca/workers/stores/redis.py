"""A worker store in Redis."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from wca.config.types import Duration, Secret, Str, Url
from wca.workers.api import WorkerStore
from wca.workers.connections.failures import LastingError, begin
from wca.workers.connections.redis import RedisDatabase
from wca.workers.connections.versions import check_version
from wca.workers.model import ActionRecord, Alert, AlertState, WorkerState
from wca.workers.stores.codec import PART, VERSION, decoded_all, encoded

__all__ = ["RedisWorkerStore"]

_TITLE = "RedisWorkerStore"


class RedisWorkerStore(WorkerStore):
    """Keeps states of workers, alerts and actions in Redis, as JSON.

    How much of it survives a power cut is a setting of Redis (``appendonly yes``). Needs the
    package redis (``pip install 'wca[redis]'``).

    Args:
        url: such as ``redis://:password@host:6379/0``, or ``rediss://`` for TLS.
        prefix: begins the names of the keys.
        timeout: to wait for a connection, and for each answer.
    """

    def __init__(
        self,
        url: Annotated[str, Url(supported_schemes=("redis", "rediss")), Secret()],
        prefix: Annotated[str, Str(100)] = "wca",
        timeout: Annotated[float, Duration(0.1, 60)] = 2.0,
    ) -> None:
        self._version = f"{prefix}:version"
        self._states = f"{prefix}:states"
        self._alerts = f"{prefix}:alerts"
        self._actions = f"{prefix}:actions"
        self._requested = f"{prefix}:requested"
        self._redis = RedisDatabase(_TITLE, url, timeout)
        self._checked = False

    def start(self) -> None:
        """Connect; raises StartError where that will never work."""
        begin(self._check)

    def close(self, timeout: float = 5.0) -> None:
        """Close all connections.

        Args:
            timeout: not needed, closing waits for nothing.
        """
        del timeout
        self._redis.close()

    def load(self) -> Mapping[str, WorkerState]:
        """All states by the id of their worker."""
        self._check()
        with self._redis.client() as client:
            texts = client.hvals(self._states)
        return {state.worker.id: state for state in decoded_all(WorkerState, texts, _TITLE)}

    def save(self, states: Iterable[WorkerState]) -> None:
        """Keep these."""
        self._check()
        texts = {state.worker.id: encoded(state) for state in states}
        if texts:
            with self._redis.client() as client:
                client.hset(self._states, mapping=texts)

    def remove(self, worker_ids: Iterable[str]) -> None:
        """Forget these workers and their alerts; their actions stay."""
        gone = set(worker_ids)
        if not gone:
            return
        over = [alert.key for alert in self.load_alerts() if alert.worker.id in gone]
        with self._redis.client() as client, client.pipeline(transaction=True) as pipeline:
            pipeline.hdel(self._states, *gone)
            _delete(pipeline, self._alerts, over)
            pipeline.execute()

    def load_alerts(self) -> Sequence[Alert]:
        """All alerts that are pending or fire."""
        self._check()
        with self._redis.client() as client:
            texts = client.hgetall(self._alerts)
        return decoded_all(Alert, [texts[key] for key in sorted(texts)], _TITLE)

    def save_alerts(self, alerts: Iterable[Alert]) -> None:
        """Keep these by their keys; a resolved one is kept no longer."""
        self._check()
        last = {alert.key: alert for alert in alerts}
        over = [key for key, alert in last.items() if alert.state == AlertState.RESOLVED]
        texts = {key: encoded(alert) for key, alert in last.items() if key not in over}
        with self._redis.client() as client, client.pipeline(transaction=True) as pipeline:
            if texts:
                pipeline.hset(self._alerts, mapping=texts)
            _delete(pipeline, self._alerts, over)
            pipeline.execute()

    def record(self, actions: Iterable[ActionRecord]) -> None:
        """Keep what was done."""
        self._check()
        # Two alike are two: a member of a sorted set is in it once.
        members = {f"{uuid.uuid4().hex} {encoded(action)}": action.at for action in actions}
        if members:
            with self._redis.client() as client:
                client.zadd(self._actions, members)

    def actions(self, since: float) -> Sequence[ActionRecord]:
        """What was done since then, in order of time."""
        self._check()
        with self._redis.client() as client:
            members = client.zrangebyscore(self._actions, since, "+inf")
        return decoded_all(ActionRecord, [one.partition(" ")[2] for one in members], _TITLE)

    def requested(self, month: str, metrics: int) -> int:
        """Metrics that all agents have requested in a month, with these."""
        self._check()
        with self._redis.client() as client:
            return int(client.hincrby(self._requested, month, metrics))

    def _check(self) -> None:
        if self._checked:
            return
        with self._redis.client() as client:
            client.set(self._version, VERSION, nx=True)
            found = client.get(self._version)
        try:
            check_version(PART, found, VERSION)
        except LastingError as error:
            raise LastingError(f"{_TITLE} cannot use {self._version}: {error}") from None
        self._checked = True


def _delete(pipeline: Any, name: str, keys: Sequence[str]) -> None:
    if keys:
        pipeline.hdel(name, *keys)
