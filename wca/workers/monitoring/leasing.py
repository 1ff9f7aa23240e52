"""Which shards are ours: of several agents each shard has one."""

from collections.abc import Callable, Iterable

from wca.errors import PLUGIN_ERRORS
from wca.telemetry import Telemetry
from wca.workers.api import Lease
from wca.workers.monitoring.lanes import Lane

__all__ = ["COMPONENT", "Leasing"]

#: What failures of the lease are reported under.
COMPONENT = "lease"
#: How often in its lifetime a lease is renewed.
_RENEWALS = 3


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
        self._lease = lease
        self._owner = owner
        self._lane = lane
        self._telemetry = telemetry
        self._monotonic = monotonic
        #: Until when a shard is ours for sure, by its key.
        self._until: dict[str, float] = {}
        #: How often a shard has become ours, by its key.
        self._terms: dict[str, int] = {}
        #: Keys of shards that another agent had when it was asked last.
        self._others: set[str] = set()

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
                self._lease.hold, key, self._owner, patience=self._lease.ttl / 2
            )
        except PLUGIN_ERRORS as error:
            self._telemetry.failure(COMPONENT, error)
            return False
        self._telemetry.success(COMPONENT)
        if ours:
            if not self.holds(key):
                self._terms[key] = self.term(key) + 1
            self._until[key] = asked + self._lease.ttl
            self._others.discard(key)
        else:
            self._others.add(key)
            self._until.pop(key, None)
        return ours

    async def renew(self, keys: Iterable[str]) -> list[str]:
        """Take or renew the leases of these shards; those that were taken over from another."""
        taken: list[str] = []
        for key in keys:
            from_another = key in self._others
            if await self.hold(key) and from_another:
                taken.append(key)
        return taken

    async def release(self, key: str, patience: float) -> None:
        """Give a shard to the other agents.

        Args:
            key: of the shard.
            patience: seconds for it; what is not given back is free after its time.
        """
        if self._lease is None or self._until.pop(key, None) is None:
            return
        try:
            await self._lane.call(self._lease.release, key, self._owner, patience=patience)
        except PLUGIN_ERRORS as error:
            self._telemetry.failure(COMPONENT, error)

    def held(self) -> list[str]:
        """The keys of all shards that are ours."""
        return [key for key in self._until if self.holds(key)]
