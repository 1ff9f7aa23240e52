"""What other agents have found of their shards, for the page of this one."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from wca.workers.model import Alert, AlertState, Shard, WorkerState
from wca.workers.monitoring.keeping import Keeper
from wca.workers.monitoring.leasing import Leasing, title_of
from wca.workers.monitoring.sharing import Sharing

__all__ = ["EVERY", "Others"]

#: Seconds between two looks.
EVERY = 60.0
_NOBODY = "nobody"

_Known = TypeVar("_Known", WorkerState, Alert)
_Show = Callable[[Shard, str, Sequence[WorkerState], Sequence[Alert]], None]


class Others:
    """Shows what the store has of shards that are not ours.

    Args:
        keeper: asks the store.
        leasing: which shards are ours.
        sharing: which agents have the others.
        show: is given a shard, the name of the agent that has it, states, and alerts that fire.
    """

    def __init__(self, keeper: Keeper, leasing: Leasing, sharing: Sharing, show: _Show) -> None:
        self._keeper = keeper
        self._leasing = leasing
        self._sharing = sharing
        self._show = show
        self._shown: set[Shard] = set()

    async def look(self) -> None:
        """Show them, once."""
        kept = await self._keeper.recall()
        if kept is None:
            return
        states = _by_shard(kept.states.values())
        firing = _by_shard(one for one in kept.alerts if one.state is AlertState.FIRING)
        holders = self._sharing.holders()
        gone = self._shown - states.keys()
        self._shown = {shard for shard in states if not self._leasing.holds(shard.key)}
        for shard in [*self._shown, *gone]:
            if self._leasing.holds(shard.key):
                continue
            agent = holders.get(shard.key, self._leasing.owner)
            title = _NOBODY if agent == self._leasing.owner else title_of(agent)
            self._show(shard, title, states.get(shard, []), firing.get(shard, []))
            await asyncio.sleep(0)  # between two shards others have their turn


def _by_shard(known: Iterable[_Known]) -> dict[Shard, list[_Known]]:
    found: dict[Shard, list[_Known]] = {}
    for one in known:
        found.setdefault(one.worker.shard, []).append(one)
    return found
