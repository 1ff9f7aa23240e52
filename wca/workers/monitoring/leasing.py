"""Which shards are ours: of several agents each shard has one."""

from collections.abc import Callable, Mapping

from wca.errors import PLUGIN_ERRORS
from wca.telemetry import Telemetry
from wca.workers.api import Lease
from wca.workers.monitoring.lanes import Lane

__all__ = ["AGENT", "COMPONENT", "Leasing", "title_of"]

#: What failures of the lease are reported under.
COMPONENT = "lease"
#: Begins the key of a lease that says that an agent lives; no shard has such a key.
AGENT = "/agents/"
#: How often in its ttl a lease is renewed, or asked for.
_RENEWALS = 6


class Leasing:
    """Holds the leases of this agent.

    Args:
        lease: where they are; None: this agent is alone, and all shards are ours.
        owner: the name of this agent there, another one in each run.
        lane: on whose threads it is asked.
        telemetry: where failures are reported.
        monotonic: time in seconds.
    """

    def __init__(
        self,
        lease: Lease | None,
        owner: str,
        lane: Lane,
        telemetry: Telemetry,
        monotonic: Callable[[], float],
    ) -> None:
        self.owner = owner
        self._lease = lease
        self._lane = lane
        self._telemetry = telemetry
        self._monotonic = monotonic
        #: Until when a shard is ours for sure, by its key.
        self._until: dict[str, float] = {}
        #: How often a shard has become ours, by its key.
        self._terms: dict[str, int] = {}

    @property
    def shared(self) -> bool:
        """Whether there may be other agents."""
        return self._lease is not None

    @property
    def pause(self) -> float | None:
        """Seconds between two renewals; None: nothing has to be renewed."""
        return None if self._lease is None else self._lease.ttl / _RENEWALS

    def holds(self, key: str) -> bool:
        """Whether a shard is ours, as far as it is known without asking."""
        return self._lease is None or self._until.get(key, 0.0) > self._monotonic()

    def term(self, key: str) -> int:
        """A number that is another one each time that a shard has become ours.

        Between two terms another agent may have had it, so that what was known of it is old.
        """
        return self._terms.get(key, 0)

    async def hold(self, key: str) -> bool:
        """Take or renew the lease of a shard; False where it is another's, or nobody can tell.

        Which of these it is ``holds`` says: what was ours still is until its time is over.
        """
        if self._lease is None:
            return True
        asked = self._monotonic()  # it may have been given at any time since
        try:
            ours = await self._lane.call(
                self._lease.hold, key, self.owner, patience=self._lease.ttl / 2
            )
        except PLUGIN_ERRORS as error:
            self._telemetry.failure(COMPONENT, error)
            return False
        self._telemetry.success(COMPONENT)
        if ours:
            if not self.holds(key):
                self._terms[key] = self.term(key) + 1
            self._until[key] = asked + self._lease.lasts
        else:
            self._until.pop(key, None)
        return ours

    async def holders(self) -> Mapping[str, str] | None:
        """The owners of all leases that are held, by key; None: nobody can tell."""
        if self._lease is None:
            return {}
        try:
            return await self._lane.call(self._lease.holders, patience=self._lease.ttl / 2)
        except PLUGIN_ERRORS as error:
            self._telemetry.failure(COMPONENT, error)
            return None

    async def join(self) -> bool:
        """Say that this agent lives; whether the others can know it."""
        return await self.hold(AGENT + self.owner)

    async def release(self, key: str, patience: float) -> None:
        """Give a shard to the other agents.

        Args:
            key: of the shard.
            patience: seconds for it; what is not given back is free after its time.
        """
        if self._lease is None or self._until.pop(key, None) is None:
            return
        try:
            await self._lane.call(self._lease.release, key, self.owner, patience=patience)
        except PLUGIN_ERRORS as error:
            self._telemetry.failure(COMPONENT, error)

    def held(self) -> list[str]:
        """The keys of all leases that are ours, that of the agent itself first."""
        return sorted(
            (key for key in self._until if self.holds(key)),
            key=lambda key: not key.startswith(AGENT),
        )


def title_of(owner: str) -> str:
    """What people call an agent: its machine and its process.

    Args:
        owner: the name of the agent at the lease.
    """
    return "/".join(owner.split("/")[:2])
