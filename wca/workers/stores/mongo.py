"""A worker store in MongoDB."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from wca.config.types import Duration, Secret, Str
from wca.workers.api import WorkerStore
from wca.workers.connections.failures import LastingError, begin
from wca.workers.connections.mongo import MongoDatabase, check_mongo_url
from wca.workers.connections.versions import check_version
from wca.workers.model import ActionRecord, Alert, AlertState, WorkerState
from wca.workers.stores.codec import PART, VERSION, decoded_all, encoded

__all__ = ["MongoWorkerStore"]

_TITLE = "MongoWorkerStore"
#: Written with one request, so that a slow server answers in time.
_PIECE = 500


class MongoWorkerStore(WorkerStore):
    """Keeps states of workers, alerts and actions in collections of MongoDB, as JSON.

    A server that stands alone has no transactions: what is written of each worker and alert is
    whole, and a call that was interrupted may have written some of them. Needs the package pymongo
    (``pip install 'wca[mongodb]'``).

    Args:
        url: such as ``mongodb://user:password@host:27017/wca``; the database is ``wca`` where the
            address names none.
        timeout: to wait for a server, and for each answer.

    Raises:
        ValidationError: ``url`` is no address of MongoDB.
    """

    def __init__(
        self,
        url: Annotated[str, Str(2000), Secret()],
        timeout: Annotated[float, Duration(0.1, 60)] = 5.0,
    ) -> None:
        check_mongo_url(url)
        self._mongo = MongoDatabase(_TITLE, url, timeout)
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
        self._mongo.close()

    def load(self) -> Mapping[str, WorkerState]:
        """All states by the id of their worker."""
        self._check()
        with self._mongo.database() as database:
            texts = _values(database.states.find())
        return {state.worker.id: state for state in decoded_all(WorkerState, texts, _TITLE)}

    def save(self, states: Iterable[WorkerState]) -> None:
        """Keep these."""
        self._check()
        rows = [{"_id": state.worker.id, "value": encoded(state)} for state in states]
        with self._mongo.database() as database:
            _replace(database.states, rows)

    def remove(self, worker_ids: Iterable[str]) -> None:
        """Forget these workers and their alerts; their actions stay."""
        self._check()
        gone = {"$in": list(worker_ids)}
        with self._mongo.database() as database:
            database.alerts.delete_many({"worker_id": gone})
            database.states.delete_many({"_id": gone})

    def load_alerts(self) -> Sequence[Alert]:
        """All alerts that are pending or fire."""
        self._check()
        with self._mongo.database() as database:
            texts = _values(database.alerts.find().sort("_id", 1))
        return decoded_all(Alert, texts, _TITLE)

    def save_alerts(self, alerts: Iterable[Alert]) -> None:
        """Keep these by their keys; a resolved one is kept no longer."""
        self._check()
        last = {alert.key: alert for alert in alerts}
        over = [key for key, alert in last.items() if alert.state == AlertState.RESOLVED]
        rows = [
            {"_id": key, "worker_id": alert.worker.id, "value": encoded(alert)}
            for key, alert in last.items()
            if alert.state != AlertState.RESOLVED
        ]
        with self._mongo.database() as database:
            _replace(database.alerts, rows)
            database.alerts.delete_many({"_id": {"$in": over}})

    def record(self, actions: Iterable[ActionRecord]) -> None:
        """Keep what was done."""
        self._check()
        rows = [{"at": action.at, "value": encoded(action)} for action in actions]
        if rows:
            with self._mongo.database() as database:
                database.actions.insert_many(rows)

    def actions(self, since: float) -> Sequence[ActionRecord]:
        """What was done since then, in order of time."""
        self._check()
        with self._mongo.database() as database:
            found = database.actions.find({"at": {"$gte": since}})
            texts = _values(found.sort([("at", 1), ("_id", 1)]))
        return decoded_all(ActionRecord, texts, _TITLE)

    def requested(self, month: str, metrics: int) -> int:
        """Metrics that all agents have requested in a month, with these."""
        self._check()
        mine, more = {"_id": month}, {"$inc": {"metrics": metrics}}
        with self._mongo.database() as database:
            database.requested.update_one(mine, more, upsert=True)
            found = database.requested.find_one(mine) or {}
        return int(found.get("metrics", 0))

    def _check(self) -> None:
        if self._checked:
            return
        with self._mongo.database() as database:
            mine, new = {"_id": PART}, {"$setOnInsert": {"version": VERSION}}
            database.versions.update_one(mine, new, upsert=True)
            found = database.versions.find_one(mine) or {}
        try:
            check_version(PART, found.get("version"), VERSION)
        except LastingError as error:
            raise LastingError(f"{_TITLE} cannot use its database: {error}") from None
        self._checked = True


def _values(found: Iterable[Mapping[str, Any]]) -> list[str]:
    return [str(one.get("value", "")) for one in found]


def _replace(collection: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    from pymongo import ReplaceOne

    changes = [ReplaceOne({"_id": row["_id"]}, row, upsert=True) for row in rows]
    for start in range(0, len(changes), _PIECE):
        collection.bulk_write(changes[start : start + _PIECE], ordered=False)
