"""Which shards this agent takes, and which it gives to others: each agent has its fair share."""

from collections.abc import Collection, Iterable, Mapping

from wca.workers.monitoring.leasing import AGENT, Leasing
from wca.workers.monitoring.shares import Spread

__all__ = ["Sharing"]


class Sharing:
    """Renews the leases of this agent's shards, and looks after its share of all shards.

    A shard that is free is taken by an agent that has less than its share. One that nobody takes
    until the next look, as when the agents have not the same list of workers, is taken by any.

    Args:
        leasing: of this agent.
    """

    def __init__(self, leasing: Leasing) -> None:
        self._leasing = leasing
        self._spread: Spread | None = None
        #: Shards that nobody had when it was looked last.
        self._free: set[str] = set()
        #: Shards that were taken beyond the share since nobody else did; as long as agents and
        #: shards stay the same they are kept.
        self._unwanted: set[str] = set()
        #: Shards that were another's, or whose turn came when they were not ours.
        self._missed: set[str] = set()

    def miss(self, key: str) -> None:
        """The turn of a shard came when it was not ours."""
        self._missed.add(key)

    def holders(self) -> dict[str, str]:
        """The agents that have the shards, by key, as of the last look."""
        return {} if self._spread is None else dict(self._spread.holders)

    async def renew(self, keys: Collection[str]) -> list[str]:
        """Renew what is ours of these shards, and take what is free of our share.

        Args:
            keys: all shards of the fleet.

        Returns:
            Shards that were taken, and whose turn is now: another agent had them, or they have
            missed it.
        """
        leasing = self._leasing
        if not leasing.shared:
            return []
        if keys:
            await leasing.join()
        before = await leasing.holders()
        for key in keys:
            if leasing.holds(key) or (before or {}).get(key) == leasing.owner:
                await leasing.hold(key)
        if before is None:
            return []
        spread = self._look(keys, before)
        left = [key for key in spread.free() if key in self._free]
        taken = await self._take(spread.lacking())
        beyond = await self._take(key for key in left if not leasing.holds(key))
        self._unwanted |= set(beyond)
        self._spread = self._seen(keys, before)
        self._free = set(self._spread.free())
        due = self._missed.intersection(taken + beyond)
        self._missed -= due
        return sorted(due)

    def surplus(self, busy: Iterable[str] = ()) -> list[str]:
        """Shards that are to be given to others.

        Args:
            busy: those that cannot be given away now.
        """
        if self._spread is None:
            return []
        spare = self._spread.surplus(self._unwanted.union(busy))
        return [key for key in spare if self._leasing.holds(key)]

    def _look(self, keys: Collection[str], before: Mapping[str, str]) -> Spread:
        spread = self._seen(keys, before)
        last = self._spread
        if last is None or set(last.agents) != set(spread.agents) or set(last.keys) != set(keys):
            self._unwanted.clear()
        mine = self._leasing.owner
        self._missed |= {key for key, owner in spread.holders.items() if owner != mine}
        return spread

    def _seen(self, keys: Collection[str], before: Mapping[str, str]) -> Spread:
        """Who has which shards: what is ours we know better."""
        leasing, me = self._leasing, self._leasing.owner
        holders = {key: one for key, one in before.items() if key in keys and one != me}
        holders |= {key: me for key in keys if leasing.holds(key)}
        agents = {owner for key, owner in before.items() if key == AGENT + owner}
        return Spread(me, agents | {me}, tuple(keys), holders)

    async def _take(self, keys: Iterable[str]) -> list[str]:
        return [key for key in keys if await self._leasing.hold(key)]
