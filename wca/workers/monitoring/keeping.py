"""What survives a restart, handed to the store; and what was found, handed to the history."""

import asyncio
from collections.abc import Iterable, Sequence

from wca.errors import PLUGIN_ERRORS
from wca.telemetry import Telemetry
from wca.workers.api import History, WorkerStore
from wca.workers.model import ActionRecord, Alert, Sample, Shard, Worker, WorkerState
from wca.workers.monitoring.finishing import Finishing
from wca.workers.monitoring.kept import Kept, Unsaved
from wca.workers.monitoring.lanes import Lane
from wca.workers.monitoring.outbox import Outbox, unpacked

__all__ = ["HISTORY", "STORE", "Keeper"]

#: What failures of the store and of the history are reported under.
STORE, HISTORY = "worker_store", "history"
#: Seconds that one call of the store or of the history may take.
PATIENCE = 30.0


class Keeper:
    """Hands to the store and to the history what was found; what fails is reported and goes on.

    What the store does not take is handed to it again with the next change. What the history does
    not take is missing there. Both are handed over to the end, also when a poll is cancelled
    meanwhile. News are kept before they are told, and told also while the store is away.

    Args:
        store: what survives a restart.
        history: None: there is none.
        telemetry: where failures are reported.
        outbox: tells news. Workers are forgotten when all news of them are told.
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
        self._finishing = Finishing()

    @property
    def lasting(self) -> bool:
        """Whether what is kept is there after a restart."""
        return self._store.lasting

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

    async def requested(self, month: str, metrics: int) -> int | None:
        """Metrics that all agents have requested in a month; None: the store cannot tell.

        Args:
            month: such as ``2026-11``.
            metrics: that are to be added to it.
        """
        try:
            return await self._finishing.run(
                self._store_lane.call(self._store.requested, month, metrics, patience=PATIENCE)
            )
        except PLUGIN_ERRORS as error:
            self._telemetry.failure(STORE, error)
            return None

    def note(
        self, states: Iterable[WorkerState], alerts: Iterable[Alert], news: Sequence[Alert] = ()
    ) -> None:
        """Keep these with the next ``save``, which then tells the news.

        Args:
            states: of workers.
            alerts: that have changed, in their order.
            news: those of which receivers are to be told, where they are to be.
        """
        self._unsaved.keep(states, alerts)
        self._unsaved.news.update(self._outbox.put(news))

    def resume(self, news: Iterable[Alert]) -> None:
        """Tell what an earlier run, or another agent, has left."""
        self._outbox.resume(news)

    def drop(self, workers: Iterable[Worker]) -> None:
        """Forget these workers once all news of them are told; their actions stay."""
        self._unsaved.remove(workers)

    def disown(self, shard: Shard) -> None:
        """Keep nothing more of a shard that another agent has now."""
        self._unsaved.disown(shard)

    def owes(self, shard: Shard) -> bool:
        """Whether something of a shard is to be kept, or told, that was not taken yet."""
        return self._unsaved.has(shard) or self._outbox.has(shard)

    def done(self, records: Iterable[ActionRecord]) -> None:
        """Keep what was done with the next ``save``."""
        self._unsaved.actions += records

    async def save(self) -> bool:
        """Hand over what can be kept now, then tell the news; whether the store has taken it."""
        return await self._finishing.run(self._keep_and_tell())

    async def _keep_and_tell(self) -> bool:
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
        self._telemetry.success(STORE)
        return True

    async def append(self, samples: Sequence[Sample]) -> None:
        """Hand the samples of a poll to the history."""
        if self._history is not None and samples:
            await self._finishing.run(self._append(self._history, samples))

    async def _append(self, history: History, samples: Sequence[Sample]) -> None:
        try:
            await self._history_lane.call(history.append, samples, patience=PATIENCE)
        except PLUGIN_ERRORS as error:
            self._telemetry.failure(HISTORY, error)
        else:
            self._telemetry.success(HISTORY)


def _save(store: WorkerStore, unsaved: Unsaved) -> None:
    """On the store's thread. What was taken is not handed over again when the rest fails."""
    if unsaved.actions:
        store.record(list(unsaved.actions))
        unsaved.actions.clear()
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
