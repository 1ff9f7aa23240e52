"""The cycle of a fleet: who is watched, and what happens when the turn of a shard has come."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from wca.clock import Clock
from wca.errors import PLUGIN_ERRORS
from wca.telemetry import Telemetry
from wca.workers.api import CloudError
from wca.workers.model import Alert, Sample, Shard, Worker, WorkerState
from wca.workers.monitoring.asking import Asking, component
from wca.workers.monitoring.discovery import COMPONENT as WORKERS
from wca.workers.monitoring.discovery import Discovery
from wca.workers.monitoring.fleet import Change, Fleet
from wca.workers.monitoring.healing import Healing
from wca.workers.monitoring.keeping import Keeper, Kept
from wca.workers.monitoring.leasing import Leasing
from wca.workers.monitoring.parts import Judging
from wca.workers.monitoring.rounds import Rounds
from wca.workers.monitoring.watched import Findings, Watched
from wca.workers.tracing import Tracing

__all__ = ["FAILED", "NOT_OURS", "POLLED", "Monitor", "Parts", "Turns"]

log = logging.getLogger(__name__)

#: What became of the turn of a shard.
POLLED, FAILED, NOT_OURS = "polled", "failed", "not ours"
#: Seconds for which a shard is told of to nobody while the store cannot tell what was kept of it.
_STORE_PATIENCE = 900.0


class Turns(Protocol):
    """Says when the turn of a shard has come."""

    def every(self, key: str, seconds: float, jitter: float) -> None:
        """It comes once in so many seconds."""

    def cancel(self, key: str) -> None:
        """It comes no more."""

    def keys(self) -> Sequence[str]:
        """Whose turns come."""

    def trigger(self, key: str) -> None:
        """It comes now."""


@dataclass(frozen=True)
class Parts:
    """What a monitor is put together from.

    Args:
        discovery: the list of workers.
        leasing: which shards are ours.
        asking: the questions of a poll.
        book: makes the alerts of a shard from those that were kept of it.
        healing: None: nothing is done about alerts.
        keeper: what survives a restart; it tells of alerts when it has kept them.
        turns: the schedule.
        telemetry: where failures are reported.
        tracing: a span for each cycle.
        clock: time.
        observers: told of all that is found, on the loop; they must not wait.
    """

    discovery: Discovery
    leasing: Leasing
    asking: Asking
    book: Callable[[Iterable[Alert]], Judging]
    healing: Healing | None
    keeper: Keeper
    turns: Turns
    telemetry: Telemetry
    tracing: Tracing
    clock: Clock
    observers: Sequence[Callable[[Findings], None]] = ()


class Monitor:
    """Watches the workers of a fleet. Its methods are called on the event loop.

    Args:
        parts: see there.
        interval: seconds between two polls of a shard.
        jitter: seconds by which the turns of shards are spread.
        active_above: percentage of CPU above which a worker is active.
        rounds: counts the turns of all shards.
    """

    def __init__(
        self, parts: Parts, interval: float, jitter: float, active_above: float, rounds: Rounds
    ) -> None:
        self._parts = parts
        self._interval = interval
        self._jitter = jitter
        self._active_above = active_above
        self.fleet = Fleet()
        self.rounds = rounds
        #: How often the turn of a shard came, by shard and by what became of it.
        self.turns: dict[str, dict[str, int]] = {}
        #: How long the last poll of a shard took, in seconds.
        self.durations: dict[str, float] = {}
        #: When the source gave its list last, as Unix time; None: it has not yet.
        self.listed_at: float | None = None
        self._watched: dict[str, Watched] = {}
        self._kept: Kept | None = None
        self._listed = asyncio.Event()
        self._asked: set[asyncio.Task[list[Sample]]] = set()
        self._stopping = asyncio.Event()

    def states(self) -> Mapping[str, WorkerState]:
        """What is known of all workers of the shards that are ours, by id."""
        return {id_: one for watched in self._ours() for id_, one in watched.states.items()}

    def firing(self) -> list[Alert]:
        """All alerts of these workers that fire, and that may be told."""
        told = [watched for watched in self._ours() if not watched.waits]
        return [alert for watched in told for alert in watched.book.firing()]

    @property
    def listed(self) -> bool:
        """Whether the source has ever given its list."""
        return self._listed.is_set()

    async def start(self) -> None:
        """List the workers for the first time, and remember what was kept of them."""
        log.info("Starting worker monitoring, one poll in %g s", self._interval)
        await self.refresh()

    def stop(self) -> None:
        """Ask nothing more: polls that wait for the cloud end at once, without a result."""
        self._stopping.set()
        self._listed.set()
        for task in self._asked:
            task.cancel()

    async def refresh(self) -> None:
        """Ask for the list of workers, and watch those that it has."""
        listed = await self._parts.discovery.ask()
        if listed is None or self._stopping.is_set():
            return
        self.listed_at = self._parts.clock.now()
        change = self.fleet.update(listed)
        if change.twice:
            self._parts.telemetry.failure(WORKERS, _twice(change.twice))
        if not self.listed:
            self._begin()
        await self._clear()
        await self._follow(change)
        self._listed.set()

    async def renew(self) -> None:
        """Renew the leases of all shards.

        What is known of those that were lost is forgotten; those that were taken over from another
        agent have their turn at once.
        """
        taken = await self._parts.leasing.renew(list(self.fleet.shards))
        for watched in list(self._watched.values()):
            if not self._is_ours(watched):
                self._lose(watched.shard)
        for key in set(taken).intersection(self._parts.turns.keys()):
            self._parts.turns.trigger(key)

    async def poll(self, key: str) -> None:
        """The turn of a shard has come."""
        await self._listed.wait()  # a turn that was missed comes before the first list
        shard = self.fleet.shards.get(key)
        if shard is None or self._stopping.is_set():
            return
        became = FAILED
        start = self._parts.clock.monotonic()
        try:
            became = await self._poll(shard)
        except CloudError as error:
            self._parts.telemetry.failure(component(shard), str(error))
        except PLUGIN_ERRORS as error:
            self._parts.telemetry.failure(component(shard), error)
        except asyncio.CancelledError:
            if not self._stopping.is_set():
                raise
            return
        self._count(key, became, self._parts.clock.monotonic() - start)

    def _count(self, key: str, became: str, seconds: float) -> None:
        if key in self.fleet.shards:
            counts = self.turns.setdefault(key, dict.fromkeys((POLLED, FAILED, NOT_OURS), 0))
            counts[became] += 1
            self.durations[key] = seconds
        self.rounds.done(key)

    async def _poll(self, shard: Shard) -> str:
        parts = self._parts
        if not await parts.leasing.hold(shard.key):
            if not parts.leasing.holds(shard.key):  # or nobody can tell, and it is ours still
                self._lose(shard)
            return NOT_OURS
        watched = await self._watch(shard)
        workers = watched.polled(self.fleet.workers(shard.key))
        attributes = {"aws_region": shard.region, "aws_account": shard.account}
        with parts.tracing.span("poll_shard", workers=len(workers), **attributes):
            samples = await self._ask(shard, workers, watched.seen())
            if not self._is_ours(watched):  # it took longer than the lease lasts
                self._lose(shard)
                return NOT_OURS
            found = watched.learn([one for one in samples if self.fleet.watches(one.worker)])
            parts.tracing.samples(found.samples)
            self._publish(watched, found)
            await parts.keeper.save()
            if parts.healing is not None and not watched.waits:
                await parts.healing.heal(shard, watched.actionable(found.samples))
            await parts.keeper.append(found.samples)
            await parts.keeper.save()
        for worker in found.ended:
            log.info("Stopped monitoring worker %s: its instance has ended", worker.id)
            await self._follow(self.fleet.end(worker))
        return POLLED

    async def _ask(
        self, shard: Shard, workers: Sequence[Worker], seen: Collection[str]
    ) -> list[Sample]:
        task = asyncio.ensure_future(self._parts.asking.ask(shard, workers, seen))
        self._asked.add(task)
        try:
            return await task
        finally:
            self._asked.discard(task)

    def _publish(self, watched: Watched, found: Findings) -> None:
        """Note what is to be kept of what was found, and to be told with the next ``save``."""
        keeper = self._parts.keeper
        if not watched.waits:
            keeper.drop([worker.id for worker in found.ended])
            keeper.note([*found.states, *found.last], found.alerts)
        self._show(found)

    def _show(self, found: Findings) -> None:
        for observer in self._parts.observers:
            try:
                observer(found)
            except PLUGIN_ERRORS as error:
                self._parts.telemetry.failure("observers", error)

    async def _watch(self, shard: Shard) -> Watched:
        """The memory of a shard; where another agent had it, as that one has left it."""
        watched = self._watched.get(shard.key)
        if watched is not None and not self._is_ours(watched):
            self._lose(shard)
            watched = None
        if watched is not None and not watched.waits:
            return watched
        term = self._parts.leasing.term(shard.key)
        if await self._recall() is None:
            watched = watched or self._unremembered(shard, term)
            if not self._is_over(watched):
                return watched
        return await self._remember(shard, term)

    async def _recall(self) -> Kept | None:
        """What was kept, asked for anew where it is unknown or other agents may change it."""
        shared = self._parts.leasing.shared
        if self._kept is None or shared:
            kept = await self._parts.keeper.recall()
            if self._kept is None or shared:  # or another shard has had it meanwhile
                self._kept = kept
        return self._kept

    def _unremembered(self, shard: Shard, term: int) -> Watched:
        """A memory for the time until what was kept of the shard can be had: then it is dropped."""
        now = self._parts.clock.monotonic()
        book = self._parts.book(())
        watched = Watched(shard, book, self._active_above, term=term, waiting_since=now)
        self._watched[shard.key] = watched
        return watched

    def _is_over(self, watched: Watched) -> bool:
        """Whether it was waited long enough for what was kept of a shard."""
        waited = self._parts.clock.monotonic() - (watched.waiting_since or 0.0)
        if waited < _STORE_PATIENCE:
            return False
        log.warning(
            "what was kept of shard %s cannot be had for %.0f s: its alerts fire anew",
            watched.shard.key,
            waited,
        )
        return True

    async def _remember(self, shard: Shard, term: int) -> Watched:
        """Take up what was kept of a shard; of workers that have left, the alerts are resolved."""
        kept, others = (self._kept or Kept()).split(shard)
        self._kept = others if self._kept is not None else None
        watched = Watched(
            shard, self._parts.book(kept.alerts), self._active_above, dict(kept.states), term
        )
        self._watched[shard.key] = watched
        self._parts.keeper.resume(kept.news)
        left = [one for one in kept.workers().values() if not self._stays(one)]
        await self._leave(watched, left)
        return watched

    def _begin(self) -> None:
        """The first list is there: shards without workers now have no turns."""
        self.rounds.begin(self.fleet.shards)
        for key in set(self._parts.turns.keys()) - self.fleet.shards.keys():
            self._parts.turns.cancel(key)

    async def _clear(self) -> None:
        """Clear away what is known of workers that have left, and of shards without workers."""
        for watched in self._ours():
            await self._leave(watched, [w for w in watched.workers() if not self._stays(w)])
        kept = list((self._kept or await self._recall() or Kept()).workers().values())
        staying = {worker.shard.key for worker in kept if self._stays(worker)}
        for key, shard in {worker.shard.key: worker.shard for worker in kept}.items():
            if key in staying or key in self.fleet.shards:
                continue
            if await self._parts.leasing.hold(key):
                await self._watch(shard)
                self._lose(shard)
                await self._parts.leasing.release(key, 1.0)

    def _stays(self, worker: Worker) -> bool:
        """Whether a worker is watched, or may only be missing because its list is."""
        missing = not self.fleet.has(worker.id) and self._parts.discovery.lacks(worker)
        return missing or self.fleet.watches(worker)

    async def _follow(self, change: Change) -> None:
        """Do what a change of the fleet asks for."""
        for worker in change.joined:
            log.info("Started monitoring worker %s in %s", worker.id, worker.shard.key)
        for shard in change.added:
            self._parts.turns.every(shard.key, self._interval, self._jitter)
        for shard in change.removed:
            self._parts.turns.cancel(shard.key)
            self._lose(shard)
            self.turns.pop(shard.key, None)
            self.durations.pop(shard.key, None)
            await self._parts.leasing.release(shard.key, 1.0)
        self.rounds.change(
            [shard.key for shard in change.added], [shard.key for shard in change.removed]
        )

    async def _leave(self, watched: Watched, workers: Sequence[Worker]) -> None:
        if workers:
            self._publish(watched, watched.leave(workers))
            await self._parts.keeper.save()

    def _lose(self, shard: Shard) -> None:
        """The shard is not ours any more."""
        watched = self._watched.pop(shard.key, None)
        if watched is None:
            return
        workers = [state.worker for state in watched.states.values()]
        self._show(Findings(shard, ended=workers))
        if self._parts.leasing.shared:
            self._parts.keeper.disown(shard)

    def _ours(self) -> list[Watched]:
        return [watched for watched in self._watched.values() if self._is_ours(watched)]

    def _is_ours(self, watched: Watched) -> bool:
        """Whether the lease has been held ever since this is known."""
        key, leasing = watched.shard.key, self._parts.leasing
        return leasing.holds(key) and leasing.term(key) == watched.term


def _twice(ids: Sequence[str]) -> str:
    return (
        f"ids are listed more than once, the first worker of each is watched: {', '.join(ids)}; "
        "give each worker an id of its own"
    )
