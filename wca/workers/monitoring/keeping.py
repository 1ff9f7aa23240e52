"""What survives a restart: states, alerts and actions, handed to the store; and the history."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from wca.errors import PLUGIN_ERRORS
from wca.telemetry import Telemetry
from wca.workers.api import History, WorkerStore
from wca.workers.model import (
    ActionRecord,
    Alert,
    AlertState,
    InstanceState,
    Sample,
    Shard,
    Worker,
    WorkerState,
)
from wca.workers.monitoring.lanes import Lane
from wca.workers.monitoring.outbox import Outbox, unpacked

__all__ = ["HISTORY", "STORE", "Keeper", "Kept", "Unsaved"]

#: What failures of the store and of the history are reported under.
STORE, HISTORY = "worker_store", "history"
#: Seconds that one call of the store or of the history may take.
PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Kept:
    """What was kept of an earlier time.

    Args:
        states: by the id of their worker.
        alerts: those that are pending or fire.
        news: what not all receivers have been told, in its order.
    """

    states: Mapping[str, WorkerState] = field(default_factory=dict)
    alerts: Sequence[Alert] = ()
    news: Sequence[Alert] = ()

    def workers(self) -> dict[str, Worker]:
        """All workers of which something was kept, by id."""
        known = [one.worker for one in (*self.news, *self.alerts)]
        known += [one.worker for one in self.states.values()]
        return {worker.id: worker for worker in known}

    def split(self, shard: Shard) -> "tuple[Kept, Kept]":
        """What was kept of a shard, and of all others."""
        return self._where(lambda worker: worker.shard == shard), self._where(
            lambda worker: worker.shard != shard
        )

    def _where(self, fits: Callable[[Worker], bool]) -> "Kept":
        return Kept(
            {id_: one for id_, one in self.states.items() if fits(one.worker)},
            [one for one in self.alerts if fits(one.worker)],
            [one for one in self.news if fits(one.worker)],
        )


@dataclass
class Unsaved:
    """What the store has not taken yet: of each thing the last word, so that it stays small."""

    removed: set[str] = field(default_factory=set)
    states: dict[str, WorkerState] = field(default_factory=dict)
    alerts: dict[str, Alert] = field(default_factory=dict)
    #: As the outbox has them kept.
    news: dict[str, Alert] = field(default_factory=dict)
    actions: list[ActionRecord] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.removed or self.states or self.alerts or self.news or self.actions)

    def remove(self, worker_ids: Iterable[str]) -> None:
        """These workers are to be forgotten, with what was to be kept of them."""
        for worker_id in worker_ids:
            self.removed.add(worker_id)
            self.states.pop(worker_id, None)
            gone = [key for key, one in self.alerts.items() if one.worker.id == worker_id]
            for key in gone:
                del self.alerts[key]

    def keep(self, states: Iterable[WorkerState], alerts: Iterable[Alert]) -> None:
        """These are to be kept; a worker whose instance has not ended is not to be forgotten."""
        known = {one.worker.id: one for one in states}
        self.removed -= {id_ for id_, one in known.items() if not _has_ended(one)}
        self.states.update(known)
        self.alerts.update({one.key: one for one in alerts})

    def disown(self, shard: Shard) -> None:
        """Another agent has the last word on this shard."""
        self.states = {k: one for k, one in self.states.items() if one.worker.shard != shard}
        self.alerts = {k: one for k, one in self.alerts.items() if one.worker.shard != shard}
        self.news = {
            id_: one
            for id_, one in self.news.items()
            if one.worker.shard != shard or one.state is AlertState.RESOLVED
        }

    def split(self, waiting: Collection[str]) -> "tuple[Unsaved, Unsaved]":
        """What is to be saved now, and what waits: that these workers are forgotten.

        The last state of one that is forgotten now, whose instance has ended, is kept no more.
        """
        removed = self.removed.difference(waiting)
        states = {
            id_: one
            for id_, one in self.states.items()
            if id_ not in removed or not _has_ended(one)
        }
        now = Unsaved(removed, states, self.alerts, self.news, self.actions)
        return now, Unsaved(self.removed.intersection(waiting))

    def copy(self) -> "Unsaved":
        """The same, for another thread."""
        return Unsaved(
            set(self.removed),
            dict(self.states),
            dict(self.alerts),
            dict(self.news),
            list(self.actions),
        )

    def put_back(self, failed: "Unsaved") -> None:
        """What was not taken is to be kept still, unless there is something newer."""
        self.states = {
            **{id_: one for id_, one in failed.states.items() if id_ not in self.removed},
            **self.states,
        }
        self.alerts = {
            **{k: one for k, one in failed.alerts.items() if one.worker.id not in self.removed},
            **self.alerts,
        }
        self.news = {**failed.news, **self.news}
        self.removed |= failed.removed
        self.actions = [*failed.actions, *self.actions]


class Keeper:
    """Hands to the store and to the history what was found; what fails is reported and goes on.

    What the store does not take is handed to it again with the next change. What the history does
    not take is missing there. News are kept before they are told, and told also while the store is
    away.

    Args:
        store: what survives a restart.
        history: None: there is none.
        telemetry: where failures are reported.
        outbox: tells news. Workers are forgotten when all of them are told.
        store_lane: one thread, on which the store is called.
        history_lane: one thread, on which the history is called.
    """

    def __init__(
        self,
        store: WorkerStore,
        history: History | None,
        telemetry: Telemetry,
        outbox: Outbox,
        store_lane: Lane,
        history_lane: Lane,
    ) -> None:
        self._store = store
        self._history = history
        self._telemetry = telemetry
        self._outbox = outbox
        self._store_lane = store_lane
        self._history_lane = history_lane
        self._unsaved = Unsaved()
        self._saving = asyncio.Lock()

    async def recall(self) -> Kept | None:
        """What was kept; None: the store cannot tell now."""
        try:
            states = await self._store_lane.call(self._store.load, patience=PATIENCE)
            alerts = await self._store_lane.call(self._store.load_alerts, patience=PATIENCE)
        except PLUGIN_ERRORS as error:
            self._telemetry.failure(STORE, error)
            return None
        self._telemetry.success(STORE)
        return Kept(states, *unpacked(alerts))

    async def past(self, since: float) -> list[ActionRecord] | None:
        """What was done since then; None: nobody can tell, so nothing may be done."""
        if not await self.save():
            return None
        try:
            found = await self._store_lane.call(self._store.actions, since, patience=PATIENCE)
        except PLUGIN_ERRORS as error:
            self._telemetry.failure(STORE, error)
            return None
        return list(found)

    def note(self, states: Iterable[WorkerState], alerts: Sequence[Alert]) -> None:
        """Keep these with the next ``save``, which then tells of the alerts."""
        self._unsaved.keep(states, alerts)
        self._unsaved.news.update(self._outbox.put(alerts))

    def resume(self, news: Iterable[Alert]) -> None:
        """Tell again what an earlier run has left."""
        self._outbox.resume(news)

    def drop(self, worker_ids: Iterable[str]) -> None:
        """Forget these workers once all news of them are told; their actions stay."""
        self._unsaved.remove(worker_ids)

    def disown(self, shard: Shard) -> None:
        """Keep nothing more of a shard that another agent has now."""
        self._unsaved.disown(shard)

    def done(self, record: ActionRecord) -> None:
        """Keep what was done with the next ``save``."""
        self._unsaved.actions.append(record)

    async def save(self) -> bool:
        """Hand over what can be kept now, then tell the news; whether the store has taken it."""
        async with self._saving:
            self._unsaved.news.update(self._outbox.settled())
            news = self._outbox.take()
            unsaved, self._unsaved = self._unsaved.split(self._outbox.worker_ids())
            try:
                return not unsaved or await self._hand_over(unsaved)
            finally:
                self._outbox.tell(news)

    async def _hand_over(self, unsaved: Unsaved) -> bool:
        handed = unsaved.copy()
        try:
            await self._store_lane.call(_save, self._store, handed, patience=PATIENCE)
        except PLUGIN_ERRORS as error:
            # After a timeout the store's thread may still be at it.
            self._unsaved.put_back(unsaved if isinstance(error, TimeoutError) else handed)
            self._telemetry.failure(STORE, error)
            return False
        except asyncio.CancelledError:  # at the end, which saves once more
            self._unsaved.put_back(unsaved)
            raise
        self._telemetry.success(STORE)
        return True

    async def append(self, samples: Sequence[Sample]) -> None:
        """Hand the samples of a poll to the history."""
        if self._history is None or not samples:
            return
        try:
            await self._history_lane.call(self._history.append, samples, patience=PATIENCE)
        except PLUGIN_ERRORS as error:
            self._telemetry.failure(HISTORY, error)
        else:
            self._telemetry.success(HISTORY)


def _has_ended(state: WorkerState) -> bool:
    return state.state is InstanceState.TERMINATED


def _save(store: WorkerStore, unsaved: Unsaved) -> None:
    """On the store's thread. What was taken is not handed over again when the rest fails."""
    while unsaved.actions:
        store.record(unsaved.actions[0])
        del unsaved.actions[0]
    if unsaved.removed:
        store.remove(sorted(unsaved.removed))
        unsaved.removed.clear()
    # Before the states: where a run ends in between, the next one sees a change once more, and it
    # is no news. An alert and the news of it are one transaction.
    if unsaved.alerts or unsaved.news:
        store.save_alerts([*unsaved.alerts.values(), *unsaved.news.values()])
        unsaved.alerts.clear()
        unsaved.news.clear()
    if unsaved.states:
        store.save(list(unsaved.states.values()))
        unsaved.states.clear()
