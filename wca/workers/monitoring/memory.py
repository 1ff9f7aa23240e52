"""What is known of the shards that are ours, and how it gets from one agent to the next."""

import logging
from collections.abc import Callable, Iterable, Sequence

from wca.clock import Clock
from wca.workers.model import Alert, Shard, Worker, WorkerState
from wca.workers.monitoring.contracts import Judging
from wca.workers.monitoring.keeping import Keeper
from wca.workers.monitoring.kept import Kept
from wca.workers.monitoring.leasing import Leasing
from wca.workers.monitoring.publishing import Publishing
from wca.workers.monitoring.watched import Findings, Watched

__all__ = ["Memory"]

log = logging.getLogger(__name__)

#: Seconds for which a shard is told of to nobody while the store cannot tell what was kept of it.
_STORE_PATIENCE = 900.0


class Memory:
    """Remembers each shard for as long as its lease is held without a break.

    Args:
        leasing: which shards are ours.
        keeper: what was kept of them, by an earlier run or by another agent.
        publishing: tells and keeps what changes when workers leave.
        book: makes the alerts of a shard from those that were kept of it.
        active_above: percentage of CPU above which a worker is active.
        stays: whether a worker is watched, or may only be missing because its list is.
        clock: time.
    """

    def __init__(
        self,
        leasing: Leasing,
        keeper: Keeper,
        publishing: Publishing,
        book: Callable[[Iterable[Alert]], Judging],
        active_above: float,
        stays: Callable[[Worker], bool],
        clock: Clock,
    ) -> None:
        self._leasing = leasing
        self._keeper = keeper
        self._publishing = publishing
        self._book = book
        self._active_above = active_above
        self._stays = stays
        self._clock = clock
        self._watched: dict[str, Watched] = {}
        self._kept: Kept | None = None

    # What is known

    def states(self) -> dict[str, WorkerState]:
        """What is known of all workers of the shards that are ours, by id."""
        return {id_: one for watched in self.ours() for id_, one in watched.states.items()}

    def firing(self) -> list[Alert]:
        """All alerts of these shards that fire, and that may be told."""
        told = [watched for watched in self.ours() if not watched.waits]
        return [alert for watched in told for alert in watched.book.firing()]

    def ours(self) -> list[Watched]:
        """The memories of the shards that are ours."""
        return [watched for watched in self._watched.values() if self.is_ours(watched)]

    def keys(self) -> list[str]:
        """The keys of all shards of which something is known."""
        return list(self._watched)

    def is_ours(self, watched: Watched) -> bool:
        """Whether the lease has been held ever since this is known."""
        key, leasing = watched.shard.key, self._leasing
        return leasing.holds(key) and leasing.term(key) == watched.term

    # How it begins

    async def of(self, shard: Shard) -> Watched:
        """The memory of a shard that is ours; where another agent had it, as that one left it."""
        watched = self._watched.get(shard.key)
        if watched is not None and not self.is_ours(watched):
            self.lose(shard)
            watched = None
        if watched is not None and not watched.waits:
            return watched
        term = self._leasing.term(shard.key)
        if await self._recall() is None:
            watched = watched or self._unremembered(shard, term)
            if not self._is_over(watched):
                return watched
        return await self._remember(shard, term)

    async def orphans(self) -> list[Shard]:
        """Shards of which something was kept, all of it of workers that have left."""
        kept = list((await self._recall() or Kept()).workers().values())
        staying = {worker.shard for worker in kept if self._stays(worker)}
        return list({worker.shard: None for worker in kept if worker.shard not in staying})

    async def _recall(self) -> Kept | None:
        """What was kept, asked for anew where it is unknown or other agents may change it."""
        shared = self._leasing.shared
        if self._kept is None or shared:
            kept = await self._keeper.recall()
            if self._kept is None or shared:  # or another shard has had it meanwhile
                self._kept = kept
        return self._kept

    def _unremembered(self, shard: Shard, term: int) -> Watched:
        """A memory for the time until what was kept of the shard can be had: then it is dropped."""
        now = self._clock.monotonic()
        watched = Watched(shard, self._book(()), self._active_above, term=term, waiting_since=now)
        self._watched[shard.key] = watched
        return watched

    def _is_over(self, watched: Watched) -> bool:
        """Whether it was waited long enough for what was kept of a shard."""
        waited = self._clock.monotonic() - (watched.waiting_since or 0.0)
        if waited < _STORE_PATIENCE:
            return False
        log.warning(
            "what was kept of shard %s cannot be had for %.0f s: its alerts fire anew",
            watched.shard.key,
            waited,
        )
        return True

    async def _remember(self, shard: Shard, term: int) -> Watched:
        """Take up what was kept of a shard; alerts of workers that have left come to their end."""
        kept, others = (self._kept or Kept()).split(shard)
        self._kept = others if self._kept is not None else None
        watched = Watched(
            shard, self._book(kept.alerts), self._active_above, dict(kept.states), term
        )
        self._watched[shard.key] = watched
        self._keeper.resume(kept.news)
        left = [one for one in kept.workers().values() if not self._stays(one)]
        await self.leave(watched, left)
        return watched

    # How it ends

    async def clear(self) -> None:
        """Forget workers that have left, but for alerts that outlive them."""
        for watched in self.ours():
            await self.leave(watched, [one for one in watched.workers() if not self._stays(one)])

    async def end(self) -> None:
        """The agent ends: alerts that outlive their workers are over, unless they were kept."""
        if self._keeper.lasting:
            return
        for watched in self.ours():
            left = [one for one in watched.workers() if not self._stays(one)]
            await self.leave(watched, left, at_once=True)

    async def leave(
        self, watched: Watched, workers: Sequence[Worker], *, at_once: bool = False
    ) -> None:
        """Workers are not watched any more; see ``Watched.leave``."""
        found = watched.leave(workers, at_once=at_once)
        if found is None:
            return
        if watched.waits:
            self._publishing.show(found)
        else:
            self._publishing.publish(found)
            await self._keeper.save()

    def is_empty(self, shard: Shard) -> bool:
        """Whether nothing is known of a shard that is still to be told."""
        watched = self._watched.get(shard.key)
        return watched is None or not watched.workers()

    def drop_lost(self) -> None:
        """Forget shards that are not ours any more."""
        for watched in list(self._watched.values()):
            if not self.is_ours(watched):
                self.lose(watched.shard)

    def lose(self, shard: Shard) -> None:
        """The shard is not ours any more."""
        watched = self._watched.pop(shard.key, None)
        if watched is None:
            return
        workers = [state.worker for state in watched.states.values()]
        self._publishing.show(Findings(shard, ended=workers))
        if self._leasing.shared:
            self._keeper.disown(shard)
