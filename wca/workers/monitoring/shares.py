"""How the shards of a fleet are spread over its agents. Pure: it asks nobody."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

__all__ = ["Spread"]


@dataclass(frozen=True)
class Spread:
    """Who has which shards, as one agent sees it.

    All agents come to the same shares by themselves, from the names of those that live.

    Args:
        me: the name of this agent.
        agents: the names of all that live, with this one.
        keys: all shards.
        holders: the names of those that have them, by key; a shard that nobody has is left out.
    """

    me: str
    agents: Collection[str]
    keys: Collection[str]
    holders: Mapping[str, str]

    def share(self, agent: str) -> int:
        """How many shards an agent is to have; no two agents differ by more than one."""
        each, more = divmod(len(self.keys), len(self.agents))
        return each + (self._rank(agent) < more)

    def has(self, agent: str) -> list[str]:
        """The shards that an agent has, in order."""
        return [key for key in sorted(self.keys) if self.holders.get(key) == agent]

    def free(self) -> list[str]:
        """The shards that nobody has, in order."""
        return [key for key in sorted(self.keys) if key not in self.holders]

    def lacking(self) -> list[str]:
        """Free shards for which this agent has room in its share.

        Each agent begins at another place, so that they seldom reach for the same one.
        """
        free, room = self.free(), self.share(self.me) - len(self.has(self.me))
        begin = self._rank(self.me) * len(free) // len(self.agents)
        return (free[begin:] + free[:begin])[: max(0, room)]

    def surplus(self, keeping: Collection[str] = ()) -> list[str]:
        """Shards that this agent has beyond its share while others have not reached theirs.

        Args:
            keeping: those that are not to be given away.
        """
        others = [agent for agent in self.agents if agent != self.me]
        wanted = sum(max(0, self.share(one) - len(self.has(one))) for one in others)
        wanted = max(0, wanted - len(self.free()))
        mine = self.has(self.me)
        beyond = max(0, len(mine) - self.share(self.me))
        spare = [key for key in reversed(mine) if key not in keeping]
        return spare[: min(beyond, wanted)]

    def _rank(self, agent: str) -> int:
        return sorted(self.agents).index(agent)
