"""The cycle of a fleet: who is watched, and what happens when the turn of a shard has come."""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from wca.errors import PLUGIN_ERRORS
from wca.workers.api import CloudError
from wca.workers.model import Alert, Shard, Worker, WorkerState
from wca.workers.monitoring.asking import component
from wca.workers.monitoring.discovery import COMPONENT as WORKERS
from wca.workers.monitoring.fleet import Change, Fleet
from wca.workers.monitoring.memory import Memory
from wca.workers.monitoring.parts import Parts
from wca.workers.monitoring.polling import Polling
from wca.workers.monitoring.publishing import Publishing
from wca.workers.monitoring.rounds import Rounds
from wca.workers.monitoring.sharing import Sharing

__all__ = ["FAILED", "NOT_OURS", "POLLED", "Monitor", "Parts"]

log = logging.getLogger(__name__)

#: What became of the turn of a shard.
POLLED, FAILED, NOT_OURS = "polled", "failed", "not ours"
#: Seconds that giving a lease back may take.
_RELEASE = 1.0


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
        self.fleet = Fleet()
        self.rounds = rounds
        #: How often the turn of a shard came, by shard and by what became of it.
        self.turns: dict[str, dict[str, int]] = {}
        #: How long the last poll of a shard took, in seconds.
        self.durations: dict[str, float] = {}
        #: When the source gave its list last, as Unix time; None: it has not yet.
        self.listed_at: float | None = None
        self.sharing = Sharing(parts.leasing)
        publishing = Publishing(parts.keeper, parts.observers, parts.telemetry)
        self._memory = Memory(
            parts.leasing,
            parts.keeper,
            publishing,
            parts.book,
            active_above,
            self._stays,
            parts.clock,
        )
        self._polls = Polling(parts, self.fleet, self._memory, publishing)
        self._listed = asyncio.Event()
        #: Keys of shards whose turn is now.
        self._polling: set[str] = set()
        self._stopping = asyncio.Event()

    def states(self) -> Mapping[str, WorkerState]:
        """What is known of all workers of the shards that are ours, by id."""
        return self._memory.states()

    def firing(self) -> list[Alert]:
        """All alerts of these workers that fire, and that may be told."""
        return self._memory.firing()

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
        self._polls.stop()

    async def end(self) -> None:
        """After the last poll: tell what no later run could."""
        await self._memory.end()

    # Who is watched

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
        if change.added:
            await self.renew()
        self._listed.set()

    def _begin(self) -> None:
        """The first list is there: shards without workers now have no turns."""
        self.rounds.begin(self.fleet.shards)
        for key in set(self._parts.turns.keys()) - self.fleet.shards.keys():
            self._parts.turns.cancel(key)

    def _stays(self, worker: Worker) -> bool:
        """Whether a worker is watched, or may only be missing because its list is."""
        missing = not self.fleet.has(worker.id) and self._parts.discovery.lacks(worker)
        return missing or self.fleet.watches(worker)

    async def _clear(self) -> None:
        """Clear away what is known of workers that have left, and of shards without workers."""
        for shard in await self._memory.orphans():
            if shard.key not in self.fleet.shards and await self._parts.leasing.hold(shard.key):
                await self._memory.of(shard)
        await self._memory.clear()
        for watched in self._memory.ours():
            if watched.shard.key not in self.fleet.shards:
                await self._leave(watched.shard)

    async def _follow(self, change: Change) -> None:
        """Do what a change of the fleet asks for."""
        for worker in change.joined:
            log.info("Started monitoring worker %s in %s", worker.id, worker.shard.key)
        for shard in change.added:
            self._parts.turns.every(shard.key, self._interval, self._jitter)
        for shard in change.removed:
            self._parts.turns.cancel(shard.key)
            self.turns.pop(shard.key, None)
            self.durations.pop(shard.key, None)
            await self._leave(shard)
        self.rounds.change(
            [shard.key for shard in change.added], [shard.key for shard in change.removed]
        )

    async def _leave(self, shard: Shard) -> None:
        """A shard has no workers: it is given back once no alert outlives them."""
        if self._memory.is_empty(shard):
            await self._give_back(shard)

    async def _give_back(self, shard: Shard) -> None:
        self._memory.lose(shard)
        await self._parts.leasing.release(shard.key, _RELEASE)

    # Whose turn it is

    async def renew(self) -> None:
        """Renew the leases of our shards, and see to it that each agent has its share.

        What is known of shards that were lost is forgotten; those that were taken over from another
        agent have their turn at once.
        """
        due = await self.sharing.renew(list(self.fleet.shards))
        for key in set(self._memory.keys()) - self.fleet.shards.keys():
            await self._parts.leasing.hold(key)
        self._memory.drop_lost()
        for key in set(due).intersection(self._parts.turns.keys()):
            self._parts.turns.trigger(key)
        await self._give_to_others()

    async def _give_to_others(self) -> None:
        """Give away what is beyond our share, where nothing is under way or has yet to be kept."""
        if not self.sharing.surplus():
            return
        await self._parts.keeper.save()
        shards = dict(self.fleet.shards)
        for key in self.sharing.surplus([key for key, one in shards.items() if self._is_busy(one)]):
            if not self._is_busy(shards[key]):
                await self._give_back(shards[key])

    def _is_busy(self, shard: Shard) -> bool:
        return shard.key in self._polling or self._parts.keeper.owes(shard)

    async def poll(self, key: str) -> None:
        """The turn of a shard has come."""
        await self._listed.wait()  # a turn that was missed comes before the first list
        shard = self.fleet.shards.get(key)
        if shard is None or self._stopping.is_set():
            return
        became = FAILED
        start = self._parts.clock.monotonic()
        self._polling.add(key)
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
        finally:
            self._polling.discard(key)
        self._count(key, became, self._parts.clock.monotonic() - start)

    def _count(self, key: str, became: str, seconds: float) -> None:
        if key in self.fleet.shards:
            counts = self.turns.setdefault(key, dict.fromkeys((POLLED, FAILED, NOT_OURS), 0))
            counts[became] += 1
            self.durations[key] = seconds
        self.rounds.done(key)

    async def _poll(self, shard: Shard) -> str:
        leasing = self._parts.leasing
        if not (leasing.holds(shard.key) and await leasing.hold(shard.key)):
            if not leasing.holds(shard.key):  # or nobody can tell, and it is ours still
                self._memory.lose(shard)
                self.sharing.miss(shard.key)
            return NOT_OURS
        found = await self._polls.poll(shard)
        if found is None:
            return NOT_OURS
        for worker in found.ended:
            log.info("Stopped monitoring worker %s: its instance has ended", worker.id)
            await self._follow(self.fleet.end(worker))
        return POLLED


def _twice(ids: Sequence[str]) -> str:
    return (
        f"ids are listed more than once, the first worker of each is watched: {', '.join(ids)}; "
        "give each worker an id of its own"
    )
